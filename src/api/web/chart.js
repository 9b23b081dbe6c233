// A small chart of a figure over the last hour, as SVG, with what it shows in words.
import {setAttribute} from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 240;
const HEIGHT = 56;

function svg(tag, properties) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(properties)) node.setAttribute(name, value);
  return node;
}

// Points of a line through the values, which are `n` steps wide, the last at the right edge;
// null leaves a gap. The highest that can be shown is `most`.
export function pathOf(values, n, most) {
  let path = "";
  let isDown = false;
  values.forEach((value, i) => {
    if (value === null || value === undefined) {
      isDown = false;
      return;
    }
    const x = WIDTH - ((values.length - 1 - i) * WIDTH) / Math.max(1, n - 1);
    const y = HEIGHT - 1 - (Math.min(value, most) / most) * (HEIGHT - 2);
    path += `${isDown ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    isDown = true;
  });
  return path;
}

// The next of 1, 2, 5, 10, 20, ... so that the scale does not change with every value.
export function roundUp(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * power).find((most) => most >= value);
}

export class Chart {
  constructor() {
    this.line = svg("path", {class: "chart-line", fill: "none", "vector-effect": "non-scaling-stroke"});
    this.area = svg("path", {class: "chart-area"});
    this.node = svg("svg", {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", class: "chart"});
    this.node.append(this.area, this.line);
  }

  // `n` steps are the whole width; `words` say what is to be seen.
  draw(values, {n, most, words}) {
    const path = pathOf(values, n, most);
    const first = WIDTH - ((values.length - 1) * WIDTH) / Math.max(1, n - 1);
    setAttribute(this.line, "d", path);
    setAttribute(this.area, "d", path && !values.includes(null)
      ? `${path}L${WIDTH} ${HEIGHT}L${first.toFixed(1)} ${HEIGHT}Z` : "");
    setAttribute(this.node, "aria-label", words);
  }
}
