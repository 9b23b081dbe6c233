// Who reads the page: the token, which lives as long as the browser's tab; and what the reader
// likes, which stays.

const TOKEN = "eavesdrop.token";
const SETTINGS = "eavesdrop.settings";

// A part of an address; what cannot be decoded is what it looks like.
export function decodePart(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// A link with a token, /#token=evd_...: it is taken, and cut from the address and the history.
// Behind it may follow where to go: /#token=evd_...&to=/stream/garage
export function takeTokenFromAddress() {
  const match = /^#token=([^&]*)(?:&to=(.*))?$/.exec(location.hash);
  if (!match) return;
  setToken(decodePart(match[1]));
  history.replaceState(null, "", location.pathname + location.search + (match[2] ? "#" + match[2] : ""));
}

export function token() {
  return sessionStorage.getItem(TOKEN);
}

// What no token can be is none: it could not be sent in a header.
export function setToken(value) {
  if (value && /^[\x21-\x7e]+$/.test(value)) sessionStorage.setItem(TOKEN, value);
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
