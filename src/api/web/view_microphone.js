// The microphone: one large button, and what is heard.
import {addressOf, announce} from "./app.js";
import {append, element, field, fill, setAttribute, setText} from "./dom.js";
import {authoritySteps} from "./authority.js";
import {timeOfDay} from "./clock.js";
import {canHear, canStop, change, devices, microphone, on, start, stop, troubleOf} from "./microphone.js";
import {setSetting, setting} from "./session.js";
import {say} from "./texts.js";
import {tailNodes} from "./transcript_rows.js";

const QUIETEST = -60; // dBFS at which the meter is empty

// --- the sign in the frame -------------------------------------------------------------------

// While the microphone is on, every view says so.
const sign = element("a", {class: "microphone-sign", href: addressOf("microphone"), hidden: true},
  say("microphone.sign"));

on("state", () => {
  if (!sign.isConnected) document.querySelector("header.frame .name")?.after(sign);
  sign.hidden = !["starting", "live", "away"].includes(microphone.state);
  sign.dataset.state = microphone.state;
});

// --- parts of the view -----------------------------------------------------------------------

function makeMeter() {
  const bar = element("span", {class: "meter-fill"});
  const node = element("div", {class: "meter", role: "meter", "aria-label": say("microphone.level"), "aria-valuemin": QUIETEST,
    "aria-valuemax": 0, "aria-valuenow": QUIETEST}, bar);
  return {
    node,
    draw() {
      const level = microphone.state === "off" ? QUIETEST : Math.max(QUIETEST, Math.min(0, microphone.level));
      bar.style.transform = `scaleX(${(1 - level / QUIETEST).toFixed(2)})`;
      setAttribute(node, "aria-valuenow", String(Math.round(level)));
    },
  };
}

function lineOf(row) {
  return element("p", {}, element("time", {datetime: row.start}, timeOfDay(row.start)), " ",
    element("span", {dir: "auto", lang: row.language}, row.text));
}

// Lines that stay where they are, over a tail that has its room whether there is text or not.
function makeText() {
  const lines = element("div", {class: "heard-lines"});
  const tail = element("p", {class: "tail", dir: "auto", "aria-hidden": "true"});
  const node = element("section", {class: "heard", "aria-label": say("microphone.text"), tabindex: "0"}, lines, tail);
  const stick = (add) => {
    const isAtEnd = node.scrollHeight - node.scrollTop - node.clientHeight < 40;
    add();
    if (isAtEnd) node.scrollTop = node.scrollHeight;
  };
  return {
    node,
    add: (row) => stick(() => {
      lines.append(lineOf(row));
      if (lines.childElementCount > microphone.lines.length) lines.firstChild.remove();
    }),
    drawTail: () => stick(() => {
      fill(tail, tailNodes(microphone.tail));
    }),
    begin() {
      fill(lines, microphone.lines.map(lineOf));
      node.scrollTop = node.scrollHeight;
    },
  };
}

async function fillDevices(select) {
  if (!canHear()) return;
  const chosen = setting("microphone.device");
  const found = await devices();
  fill(select, element("option", {value: ""}, say("microphone.device.any")), found.map(({id, label}, i) =>
    element("option", {value: id, selected: id === chosen}, label || say("microphone.device.unnamed", {n: i + 1}))));
}

function stateWords() {
  if (microphone.state === "away" && microphone.why) return microphone.why;
  if (microphone.state === "live" && microphone.isSilent) return say("microphone.silent");
  if (microphone.state === "live" && microphone.warning) return microphone.warning;
  return say(`microphone.state.${microphone.state}`, {stream: microphone.stream ?? ""});
}

// --- the view --------------------------------------------------------------------------------

export async function mount(root) {
  const name = element("input", {type: "text", maxlength: 100, required: true, autocomplete: "off",
    pattern: String.raw`(?!\.\.?$)[^\/,*?\[\]\\]+`, title: say("microphone.name.pattern"),
    value: setting("microphone.name") ?? say("microphone.name.first")});
  const nameTrouble = element("p", {class: "bad", role: "alert"});
  const select = element("select", {onchange: async () => {
    setSetting("microphone.device", select.value || undefined);
    await change(select.value).catch(tellTrouble);
  }});
  const keep = element("input", {type: "checkbox", checked: setting("microphone.keep") ?? true});
  const button = element("button", {class: "primary microphone-button"});
  const status = element("p", {role: "status", class: "microphone-state"});
  const trouble = element("div", {class: "bad", role: "alert"});
  const meter = makeMeter();
  const text = makeText();

  function tellTrouble(error) {
    setText(trouble, say(troubleOf(error) ?? "error", {reason: error.message}));
  }

  function tellRefusal() {
    const isName = microphone.field === "stream";
    setText(isName ? nameTrouble : trouble, microphone.why);
    if (isName) name.focus();
  }

  function draw() {
    const isOff = microphone.state === "off";
    setText(button, say(isOff ? "microphone.start" : microphone.state === "unsent" ? "microphone.discard" : "microphone.stop"));
    // Not `disabled`, which would take the focus from whoever has it there.
    setAttribute(button, "aria-disabled", String(!isOff && !canStop()));
    name.disabled = keep.disabled = !isOff;
    root.dataset.state = microphone.state;
    setText(status, stateWords());
    if (isOff && microphone.why) tellRefusal();
    meter.draw();
  }

  async function begin() {
    setSetting("microphone.name", name.value.trim());
    setSetting("microphone.keep", keep.checked);
    fill(trouble);
    fill(nameTrouble);
    try {
      await start({stream: name.value.trim(), keep: keep.checked, device: setting("microphone.device")});
      fill(select);
      await fillDevices(select); // now they have names
    } catch (error) {
      tellTrouble(error);
    }
  }

  const form = element("form", {class: "microphone", onsubmit: (event) => {
    event.preventDefault();
    if (microphone.state === "off") begin();
    else stop();
  }},
  button, status, trouble, meter.node,
  element("div", {class: "fields"}, element("div", {}, field(say("microphone.name"), name), nameTrouble),
    field(say("microphone.device"), select)),
  element("label", {class: "check"}, keep, " ", say("microphone.keep")));

  append(root, element("h1", {}, say("microphone.title")),
    canHear() ? [form, text.node] : element("div", {class: "note"}, element("p", {}, say("microphone.insecure")),
      element("p", {}, say("microphone.insecure.here"))),
    element("details", {class: "help", open: !canHear()}, element("summary", {}, say("authority.title")), authoritySteps()));
  text.begin();
  text.drawTail();
  draw();
  await fillDevices(select);

  const ends = [
    on("segment", (row) => {
      text.add(row);
      text.drawTail();
      announce(row.text);
    }),
    on("lines", () => text.begin()),
    on("tail", () => text.drawTail()),
    on("level", () => meter.draw()),
    on("state", draw),
  ];
  const onDevices = () => fillDevices(select);
  navigator.mediaDevices?.addEventListener("devicechange", onDevices);
  return {
    title: say("microphone.title"),
    unmount() {
      for (const end of ends) end();
      navigator.mediaDevices?.removeEventListener("devicechange", onDevices);
    },
  };
}
