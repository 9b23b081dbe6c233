// How a phone comes to trust this server, so that its browser gives the page a microphone.
import {element} from "./dom.js";
import {me} from "./api.js";
import {say} from "./texts.js";

const list = (name, n, values) => element("ol", {}, Array.from({length: n}, (_, i) =>
  element("li", {dir: "auto"}, say(`authority.${name}.${i + 1}`, values))));

// What is to be done: on the server where it has no certificate yet, and then on the phone.
export function authoritySteps() {
  const file = me.authority ?? null; // where it is, of a server that has an authority of its own
  const isEncrypted = location.protocol === "https:";
  return element("div", {},
    isEncrypted ? null : [element("h2", {}, say("authority.server")),
      list("server", 3, {address: `https://${location.host}/`})],
    isEncrypted && !file ? element("p", {}, say("authority.foreign")) : null,
    file ? element("p", {}, element("a", {class: "button", href: file},
      say("authority.download"))) : null,
    file || !isEncrypted ? [
      element("h2", {}, say("authority.iphone")), list("iphone", 3),
      element("h2", {}, say("authority.android")), list("android", 3),
      element("h2", {}, say("authority.computer")), list("computer", 2)] : null);
}
