// From when to when: a choice of usual stretches, or two times in the reader's zone.
import {serverNow} from "./clock.js";
import {element, field} from "./dom.js";
import {say} from "./texts.js";

const HOUR = 3_600_000;
const SPANS = {any: null, hour: HOUR, day: 24 * HOUR, week: 7 * 24 * HOUR};

const two = (n) => String(n).padStart(2, "0");

// What a field of type datetime-local shows for a time: "2026-11-30T12:05", in the reader's zone.
export function localOfTime(time) {
  const date = new Date(time);
  if (!time || Number.isNaN(date.getTime())) return "";
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T` +
    `${two(date.getHours())}:${two(date.getMinutes())}`;
}

// And back, as the API takes it; null where the field is empty.
export function timeOfLocal(value) {
  const date = new Date(value);
  return value && !Number.isNaN(date.getTime()) ? date.toISOString() : null;
}

// {node, get()}: get() gives {from, to}, each a time or null.
export function timeFields({from, to}, onChange) {
  const begin = element("input", {type: "datetime-local", value: localOfTime(from), onchange: onChange});
  const end = element("input", {type: "datetime-local", value: localOfTime(to), onchange: onChange});
  const both = element("div", {class: "filters"}, field(say("time.from"), begin), field(say("time.to"), end));
  const choice = element("select", {onchange: () => {
    show();
    onChange();
  }}, [...Object.keys(SPANS), "between"].map((name) => element("option", {value: name}, say(`time.${name}`))));
  const show = () => {
    both.hidden = choice.value !== "between";
  };
  choice.value = from || to ? "between" : "any";
  show();
  return {
    node: [field(say("time.when"), choice), both],
    get() {
      if (choice.value === "between") return {from: timeOfLocal(begin.value), to: timeOfLocal(end.value)};
      const span = SPANS[choice.value];
      return {from: span ? new Date(serverNow() - span).toISOString() : null, to: null};
    },
  };
}
