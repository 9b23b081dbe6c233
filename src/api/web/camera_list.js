// Cameras that answer in the network. What they do not tell, the path of their sound, is often one
// of a few: those of the usual makers are offered.
import {request} from "./api.js";
import {actionButton, element, fill, setText} from "./dom.js";
import {nameFrom} from "./stream_url.js";
import {say} from "./texts.js";

const SECONDS = 3;

// Of makers, by what their cameras call themselves.
const PATHS = [
  [/hikvision|ds-/i, "Streaming/Channels/101"],
  [/dahua|amcrest|ipc-/i, "cam/realmonitor?channel=1&subtype=0"],
  [/reolink/i, "h264Preview_01_main"],
  [/axis/i, "axis-media/media.amp"],
  [/tapo|tp-link|tplink/i, "stream1"],
  [/foscam/i, "videoMain"],
  [/uniview|unv/i, "media/video1"],
];

// What is known of a camera's path; "" where it is to be looked up.
export function pathOf({name, hardware, scopes}) {
  const about = [name, hardware, ...(scopes ?? [])].filter(Boolean).join(" ");
  return PATHS.find(([maker]) => maker.test(about))?.[1] ?? "";
}

// Its address; one of IPv6 stands in brackets.
export function urlOf(camera) {
  const host = camera.address.includes(":") ? `[${camera.address}]` : camera.address;
  return `rtsp://${host}:554/${pathOf(camera)}`;
}

// onChosen(name, url)
export function discoverySection(onChosen) {
  const sign = element("p", {role: "status", class: "quiet"});
  const list = element("ul", {class: "cameras"});

  const draw = (camera) => {
    const about = [camera.address, camera.hardware, camera.location].filter(Boolean).join(", ");
    const label = camera.name ?? camera.hardware ?? camera.address;
    return element("li", {class: "panel"},
      element("h3", {dir: "auto"}, label),
      element("p", {class: "quiet", dir: "auto"}, about),
      element("button", {type: "button", "aria-label": say("cameras.add.one", {name: label}),
        onclick: () => onChosen(nameFrom(label), urlOf(camera))}, say("cameras.add")));
  };

  async function search() {
    fill(list);
    setText(sign, say("cameras.searching"));
    try {
      const {cameras, interfaces} = await request("POST", "/discover", {query: {seconds: SECONDS}});
      fill(list, cameras.map(draw));
      setText(sign, cameras.length === 0
        ? say("cameras.none", {interfaces: interfaces.join(", ") || "–"})
        : say("cameras.found", {n: cameras.length}));
    } catch (error) {
      setText(sign, error.message);
    }
  }

  return element("section", {"aria-labelledby": "cameras-title"},
    element("h2", {id: "cameras-title"}, say("cameras.title")), element("p", {class: "quiet"}, say("cameras.about")),
    actionButton(say("cameras.search"), search), sign, list);
}
