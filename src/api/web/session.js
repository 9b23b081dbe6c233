// Who reads the page: the token, which lives as long as the browser's tab; and what the reader
// likes, which stays.

const TOKEN = "eavesdrop.token";
const SETTINGS = "eavesdrop.settings";

// A link with a token, /#token=evd_...: it is taken, and cut from the address and the history.
// Behind it may follow where to go: /#token=evd_...&to=/stream/garage
export function takeTokenFromAddress() {
  const match = /^#token=([^&]*)(?:&to=(.*))?$/.exec(location.hash);
  if (!match) return;
  setToken(decodeURIComponent(match[1]));
  history.replaceState(null, "", location.pathname + location.search + (match[2] ? "#" + match[2] : ""));
}

export function token() {
  return sessionStorage.getItem(TOKEN);
}

export function setToken(value) {
  if (value) sessionStorage.setItem(TOKEN, value);
  else sessionStorage.removeItem(TOKEN);
}

function settings() {
  try {
    return JSON.parse(localStorage.getItem(SETTINGS)) ?? {};
  } catch {
    return {};
  }
}

// undefined where nothing was set.
export function setting(name) {
  return settings()[name];
}

// Two tabs share them: the other one is told by the browser's "storage" event.
export function setSetting(name, value) {
  const all = settings();
  if (value === undefined) delete all[name];
  else all[name] = value;
  try {
    localStorage.setItem(SETTINGS, JSON.stringify(all));
  } catch {
    // A browser that keeps nothing: it holds until the page is left.
  }
}
