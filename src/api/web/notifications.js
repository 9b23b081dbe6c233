// Notifications of the browser when an alert fires, whatever view is shown. Each browser has its
// own setting, beside the permission that it asks for itself.
import {go} from "./app.js";
import {serverNow} from "./clock.js";
import {actionButton, element, fill} from "./dom.js";
import {setSetting, setting} from "./session.js";
import {on} from "./store.js";
import {say} from "./texts.js";

// What fired longer ago, while this computer slept say, is in the list and disturbs nobody.
const FRESH = 10 * 60_000; // ms

export function isFresh(row, now) {
  return now - Date.parse(row.end) < FRESH;
}

function isWanted() {
  return Boolean(setting("notify")) && "Notification" in window && Notification.permission === "granted";
}

function notify(row) {
  if (!isWanted() || row.phase === "confirmed" || row.phase === "withdrawn" || !isFresh(row, serverNow())) return;
  try {
    // Two tabs tell the same row: its tag makes them one notification.
    const notification = new Notification(say("notify.title", {alert: row.alert, stream: row.stream}),
      {body: row.text, tag: row.id, icon: "/web/icon.svg"});
    notification.onclick = () => {
      window.focus();
      if (row.segment) go("segment", [row.segment]);
      else go("alerts");
      notification.close();
    };
  } catch {
    setSetting("notify", undefined); // browsers of phones have none for pages
  }
}

export function startNotifications() {
  on("event", (kind, row) => kind === "alert" && notify(row));
}

// Why there are none, or null.
function obstacle() {
  if (!window.isSecureContext) return "notify.insecure";
  if (!("Notification" in window)) return "notify.unknown";
  return Notification.permission === "denied" ? "notify.denied" : null;
}

// Turns them on and off.
export function notificationControl() {
  const node = element("div", {class: "notify"});

  function draw() {
    const reason = obstacle();
    const isOn = isWanted();
    fill(node, reason ? element("p", {class: "quiet"}, say(reason)) : actionButton(
      say(isOn ? "notify.off" : "notify.on"), async () => {
        if (isOn) setSetting("notify", undefined);
        else if ((await Notification.requestPermission()) === "granted") setSetting("notify", true);
        draw();
      }));
  }

  draw();
  return node;
}
