// The page: its frame, and which view is shown in it. A view is a module with
//
//     mount(root, {parts, query}) -> {title, unmount()}
//
// that fills `root` and cleans up after itself. Views of the frame are at /#/NAME/PART?QUERY.
import {askWhoIAm, may, mayReadAll, me, whenRefused} from "./api.js";
import {append, ask, element, field, fill, setText} from "./dom.js";
import {bindKey, showKeys} from "./keys.js";
import {startNotifications} from "./notifications.js";
import {decodePart, setSetting, setting, setToken, takeTokenFromAddress, token} from "./session.js";
import * as store from "./store.js";
import {say} from "./texts.js";

// `key` goes there; `nav` stands in the frame's list; `needs` is the scope without which it is
// of no use.
const VIEWS = {
  wall: {load: () => import("./view_wall.js"), nav: "nav.wall", needs: "read", key: "w"},
  search: {load: () => import("./view_search.js"), nav: "nav.search", needs: "read", key: "/"},
  alerts: {load: () => import("./view_alerts.js"), nav: "nav.alerts", needs: "read", key: "a"},
  add: {load: () => import("./view_add.js"), nav: "nav.add", needs: "manage", key: "n"},
  segment: {load: () => import("./view_segment.js"), needs: "read"},
  microphone: {load: () => import("./view_microphone.js"), nav: "nav.microphone", needs: "listen", key: "m"},
  files: {load: () => import("./view_files.js"), nav: "nav.files", needs: "listen", key: "f"},
  captions: {load: () => import("./view_captions.js")},
  "captions-help": {load: () => import("./view_captions_help.js"), nav: "nav.captions", needs: "read"},
  server: {load: () => import("./view_server.js"), nav: "nav.server", needs: "read of all", key: "i"},
  stream: {load: () => import("./view_stream.js"), needs: "read"},
};

const AGAIN = 2000; // ms

const content = element("main", {id: "content", tabindex: "-1"});
const nav = element("nav", {"aria-label": say("nav.label"), id: "nav"});
// Where there is little room, the list of pages is behind it.
const menu = element("button", {type: "button", class: "icon menu", "aria-label": say("nav.menu"), "aria-controls": "nav",
  "aria-expanded": "false", onclick: () => openMenu(menu.getAttribute("aria-expanded") === "false")}, "☰");
const connectionSign = element("p", {class: "connection", role: "status"});
const loadSign = element("p", {class: "load"});
// What screen readers are told without looking for it: final text, never tails.
const announcer = element("div", {class: "unseen", "aria-live": "polite", role: "log"});
let shown = null; // {name, unmount}
let hasFailed = false; // what was to be shown did not come
let viewKeys = []; // functions that end them
let turn = 0; // counts what was asked to be shown

// --- where we are ----------------------------------------------------------------------------

// Who may bring sound but not read begins at the microphone.
const home = () => (may("listen") && !may("read") ? "microphone" : "wall");

// The view's name, the decoded parts behind it, and its query.
function place() {
  const path = location.pathname.split("/").slice(1).map(decodePart);
  const query = new URLSearchParams(location.search);
  if (path[0] === "captions") return {name: "captions", parts: path.slice(1), query, isBare: true};
  const hash = location.hash.slice(1);
  if (path[0] === "s" && !hash.startsWith("/")) return {name: "segment", parts: path.slice(1), query};
  const [where, asked] = hash.split("?");
  const parts = where.split("/").slice(1).map(decodePart);
  return {name: parts[0] || home(), parts: parts.slice(1), query: new URLSearchParams(asked)};
}

export function addressOf(name, parts = [], query = {}) {
  const asked = new URLSearchParams(Object.entries(query).filter(([, value]) => value)).toString();
  return "/#/" + [name, ...parts.map(encodeURIComponent)].join("/") + (asked ? "?" + asked : "");
}

export function go(name, parts, query) {
  location.assign(addressOf(name, parts, query));
}

const isAllowed = ({needs}) => !needs || (needs === "read of all" ? mayReadAll() : may(needs));

function drawNav(current) {
  fill(nav, Object.entries(VIEWS).filter(([, view]) => view.nav && isAllowed(view)).map(([name, view]) =>
    element("a", {href: addressOf(name), "aria-current": name === current ? "page" : null,
      "aria-keyshortcuts": view.key}, say(view.nav))));
}

function openMenu(isOpen) {
  menu.setAttribute("aria-expanded", String(isOpen));
  nav.classList.toggle("open", isOpen);
}

// Who comes from another view, by a key or a link that is gone now, reads on at the heading;
// views that put the focus elsewhere keep it there.
function focusHeading(root) {
  if (document.activeElement && document.activeElement !== document.body) return;
  const heading = root.querySelector("h1") ?? content;
  heading.tabIndex = -1;
  heading.focus({preventScroll: true});
}

function showRefusal(root, view) {
  append(root, element("h1", {}, say(view.nav ?? "app.name")), element("p", {class: "empty"}, say("view.refused")));
  return {title: say(view.nav ?? "app.name")};
}

async function show() {
  const {name, parts, query} = place();
  const view = VIEWS[name] ?? VIEWS.wall;
  const ours = ++turn;

  shown?.unmount?.();
  shown = null;
  hasFailed = false;
  content.replaceChildren();
  drawNav(name);
  openMenu(false);
  try {
    const {mount} = await view.load();
    const root = element("div", {class: `view view-${name}`});
    if (ours !== turn) return;
    content.append(root);
    // Who has no token is asked for one anyhow.
    const mounted = isAllowed(view) || !me.scopes.length ? await mount(root, {parts, query}) : showRefusal(root, view);
    if (ours !== turn) { // another view was asked for meanwhile
      mounted.unmount?.();
      return;
    }
    shown = mounted;
    document.title = shown.title ? `${shown.title} · eavesdrop` : "eavesdrop";
    if (ours > 1) focusHeading(root);
  } catch (error) {
    if (ours !== turn) return;
    hasFailed = true;
    tellError(error);
  }
}

// --- what the frame tells --------------------------------------------------------------------

// Something went wrong, in words; it stays until it is closed.
export function tellError(error) {
  const sign = element("div", {class: "error-sign", role: "alert"},
    element("span", {}, say("error", {reason: error.message})),
    element("button", {type: "button", "aria-label": say("close"), onclick: () => sign.remove()}, "×"));
  document.body.append(sign);
}

// Final text, for screen readers; only the last few lines stay.
export function announce(text) {
  announcer.append(element("p", {}, text));
  while (announcer.childElementCount > 5) announcer.firstChild.remove();
}

function drawConnection() {
  const {state, why} = store.connection;
  document.body.dataset.connection = state;
  // Who may not read follows nothing.
  setText(connectionSign, why ?? (state === "refused" && me.scopes.length ? "" : say(`connection.${state}`)));
}

function drawLoad() {
  const status = store.server.status;
  loadSign.hidden = !status;
  if (!status) return;
  const speaking = [...store.streams.values()].filter((stream) => stream.isSpeaking).length;
  loadSign.dataset.level = status.load.level;
  setText(loadSign, say("load.summary", {
    level: say(`load.${status.load.level}`),
    speaking,
    streams: store.streams.size,
  }));
}

// --- who reads, and how ----------------------------------------------------------------------

let isAsking = false;
let kept; // the token (null: none) that the reader was asked to change and would not

// `isWanted`: by the reader.
async function askToken(isBad, isWanted = false) {
  if (isAsking || place().isBare) return; // over a film nobody types
  if (kept === token() && !isWanted) return;
  isAsking = true;
  const given = await ask(say("token.title"), (close) => {
    const input = element("input", {type: "password", autocomplete: "off", spellcheck: "false", required: true});
    return element("form", {onsubmit: (event) => {
      event.preventDefault();
      close(input.value.trim());
    }},
    isBad ? element("p", {class: "bad", role: "alert"}, say("token.bad")) : null,
    element("p", {}, say("token.about")), field(say("token.label"), input),
    element("button", {class: "primary"}, say("token.use")));
  });
  isAsking = false;
  if (!given) {
    kept = token();
    return;
  }
  setToken(given);
  await begin();
}

const darkScheme = matchMedia("(prefers-color-scheme: dark)");
const lessMotion = matchMedia("(prefers-reduced-motion: reduce)");

function applySettings() {
  const root = document.documentElement;
  const theme = setting("theme") ?? "system";
  root.dataset.theme = theme === "system" ? (darkScheme.matches ? "dark" : "light") : theme;
  root.dataset.motion = setting("motion") || lessMotion.matches ? "reduced" : "full";
  root.dataset.confidence = setting("confidence") ? "shown" : "hidden";
  root.style.setProperty("--text-size", (setting("size") ?? 100) / 100);
}

function askSettings() {
  const change = (name) => (event) => {
    const {type, checked, value} = event.target;
    setSetting(name, type === "checkbox" ? checked : value);
    applySettings();
  };
  const check = (name) => element("input", {type: "checkbox", checked: Boolean(setting(name)), onchange: change(name)});
  return ask(say("settings.title"), (close) => [
    field(say("settings.theme"), element("select", {onchange: change("theme")},
      ["system", "light", "dark"].map((theme) =>
        element("option", {value: theme, selected: theme === (setting("theme") ?? "system")},
          say(`settings.theme.${theme}`))))),
    field(say("settings.size"), element("input", {type: "range", min: 75, max: 250, step: 5,
      value: setting("size") ?? 100, oninput: change("size")})),
    field(say("settings.motion"), check("motion")),
    field(say("settings.confidence"), check("confidence")),
    token() ? element("button", {type: "button", onclick: () => {
      setToken(null);
      close();
      begin();
    }}, say("token.forget")) : element("button", {type: "button", onclick: () => {
      close();
      askToken(false, true);
    }}, say("token.give")),
    element("button", {type: "button", class: "primary", onclick: () => close()}, say("close")),
  ]);
}

// --- beginning -------------------------------------------------------------------------------

function drawFrame() {
  append(document.body,
    element("a", {class: "skip", href: "#content", onclick: (event) => {
      event.preventDefault();
      content.focus();
    }}, say("skip")),
    element("header", {class: "frame"},
      element("a", {class: "name", href: addressOf("wall")}, say("app.name")), menu, nav, loadSign, connectionSign,
      element("button", {type: "button", class: "icon", "aria-label": say("nav.settings"), title: say("nav.settings"),
        onclick: askSettings}, "Aa"),
      element("button", {type: "button", class: "icon", "aria-label": say("nav.keys"), title: say("nav.keys"),
        "aria-keyshortcuts": "?", onclick: showKeys}, "?")),
    content, announcer);
  bindKey("?", "keys.keys", showKeys);
}

// Keys of the pages that the reader may see.
function bindViews() {
  for (const end of viewKeys) end();
  viewKeys = Object.entries(VIEWS).filter(([, view]) => view.key && isAllowed(view))
    .map(([name, view]) => bindKey(view.key, view.nav, () => go(name)));
}

// Who reads, and then what they may read.
async function begin() {
  kept = undefined;
  try {
    await askWhoIAm();
  } catch (error) {
    // A server that is not there, or has too much to do, is asked again until it answers.
    if (error.status === 0 || error.status === 429 || error.status >= 500) {
      Object.assign(store.connection, {state: "away", why: null});
      drawConnection();
      setTimeout(begin, AGAIN);
      return;
    }
    if (error.status !== 401) tellError(error);
  }
  store.start(place().isBare ? place().parts[0] : null);
  bindViews();
  if (!me.scopes.length) askToken(Boolean(token()));
  await show();
}

store.on("connection", () => {
  drawConnection();
  if (store.connection.state === "live" && hasFailed) show();
  // It was good until now: revoked, maybe.
  if (store.connection.state === "refused" && store.connection.why && token()) askToken(true);
});
store.on("status", drawLoad);
store.on("change", () => mayReadAll() && drawLoad());
whenRefused(() => askToken(Boolean(token())));

startNotifications();
takeTokenFromAddress();
// All views are in one document: from /s/ID each of them would be loaded anew, which would end the
// sound, and whatever else goes on.
if (place().name === "segment") history.replaceState(null, "", addressOf("segment", place().parts));
applySettings();
// The same for links to /s/ID, but where another tab is asked for.
addEventListener("click", (event) => {
  const {target, button, altKey, ctrlKey, metaKey, shiftKey} = event;
  const link = target.closest?.("a[href^='/s/']");
  if (!link || button || altKey || ctrlKey || metaKey || shiftKey) return;
  event.preventDefault();
  go("segment", [decodePart(link.pathname.slice("/s/".length))]);
});
addEventListener("storage", applySettings);
for (const wish of [darkScheme, lessMotion]) wish.addEventListener("change", applySettings);
addEventListener("hashchange", () => {
  if (location.hash.startsWith("#token=")) {
    takeTokenFromAddress();
    begin();
  } else show();
});
document.documentElement.dataset.frame = place().isBare ? "bare" : "full";
if (place().isBare) document.body.append(content, announcer);
else drawFrame();
begin();
