// Captions of one stream for OBS and projectors: a bare page with the last lines.
import {CaptionLines, PARAMETERS, lineText, readOptions} from "./caption_lines.js";
import {may} from "./api.js";
import {append, element, fill} from "./dom.js";
import {connection, on, streams} from "./store.js";
import {say} from "./texts.js";

const MARGIN = 0.9; // of the width: what is drawn may be a little wider than what was measured
const APART = 2000; // ms of silence behind which a line begins
const ALONE = 3000; // ms without the server until the page says so

function showMistakes(root, mistakes) {
  append(root, element("div", {class: "note", role: "alert"},
    element("h1", {}, say("captions.bad")), element("p", {}, say("captions.bad.names", {names: PARAMETERS.join(", ")})),
    element("ul", {}, mistakes.map((mistake) => element("li", {}, say(mistake.key, mistake))))));
}

// How wide a text is, without drawing it.
function makeRuler(root, size) {
  const canvas = element("canvas").getContext("2d");
  const font = () => `600 ${size}px ${getComputedStyle(root).fontFamily}`;
  return (text) => {
    canvas.font = font();
    return canvas.measureText(text).width <= root.clientWidth * MARGIN;
  };
}

function drawLine(node, words) {
  const rest = words.findIndex(({isOpen}) => isOpen);
  const text = lineText(words);
  const sure = rest < 0 ? text : lineText(words.slice(0, rest));
  const key = `${sure}\n${text}`;
  if (node.shownKey === key) return;
  node.shownKey = key;
  fill(node, sure, text.length > sure.length ? element("span", {class: "open"}, text.slice(sure.length)) : null);
}

export function mount(root, {parts, query}) {
  const name = parts[0] ?? "";
  const {options, mistakes} = readOptions(query, (color) => CSS.supports("color", color));
  const title = say("captions.title", {stream: name});

  if (mistakes.length) {
    showMistakes(root, mistakes);
    return {title, unmount() {}};
  }

  const nodes = Array.from({length: options.lines}, () => element("p", {class: "caption-line", dir: "auto"}));
  const box = element("div", {class: "captions", data: {outlined: options.background === "transparent"}}, nodes);
  Object.assign(box.style, {fontSize: `${options.size}px`, background: options.background, color: options.color,
    height: `${options.lines * 1.3}em`});
  const trouble = element("p", {class: "captions-trouble", role: "status"});
  append(root, element("h1", {class: "unseen"}, title), box, trouble);
  document.documentElement.style.background = "transparent";

  // Fonts and screen readers go by the language.
  const speak = (language) => language && box.setAttribute("lang", language);
  const lines = new CaptionLines({count: options.lines, fits: makeRuler(box, options.size)});
  let lastEnd = 0;
  let isBegun = false; // what is being said has its line already
  let clearing = null;
  let away = null;

  function draw() {
    const shown = lines.shown;
    nodes.forEach((node, i) => drawLine(node, shown[i] ?? []));
    clearTimeout(clearing);
    if (options.seconds) clearing = setTimeout(() => {
      lines.clear();
      draw();
    }, options.seconds * 1000);
  }

  function take(kind, row) {
    if (row.stream !== name) return;
    if (kind !== "segment" && !(kind === "tail" && row.text)) {
      if (kind === "tail") isBegun = false;
      return;
    }
    speak(row.language);
    // The first words decide, so that the final ones stand where those were.
    if (!isBegun && Date.parse(row.start) - lastEnd > APART) lines.pause();
    isBegun = kind === "tail";
    if (kind === "segment") {
      lastEnd = Date.parse(row.end);
      lines.final(row.text);
      draw();
    } else {
      const stable = row.stable ?? "";
      lines.tail(stable, options.tail ? row.text.slice(stable.length) : "");
      draw();
    }
  }

  // A page in a film says nothing that is over in a moment.
  function tellTrouble() {
    clearTimeout(away);
    const isRefused = connection.state === "refused" || !may("read");
    const isUnknown = connection.state === "live" && !streams.has(name);
    if (connection.state === "live" && !isUnknown) fill(trouble);
    else away = setTimeout(() => fill(trouble, say(isRefused ? "captions.refused" :
      isUnknown ? "captions.unknown" : "connection.away", {stream: name})), ALONE);
  }

  tellTrouble();
  const ends = [on("event", take), on("connection", tellTrouble), on("streams", tellTrouble)];
  return {
    title,
    unmount() {
      for (const end of ends) end();
      clearTimeout(clearing);
      clearTimeout(away);
    },
  };
}
