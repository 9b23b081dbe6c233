// The rule between rows of what was said that tells how the stream was. One that is out of reach is
// tried again and again: states that follow each other without a word between them are one rule,
// which tells the last of them, and since when it was so.
import {dayAndTime, isSameDay, timeOfDay} from "./clock.js";
import {element, fill} from "./dom.js";
import {say} from "./texts.js";

function draw(node) {
  const {row: first, since} = node;
  const {state, reason} = node.states.at(-1);
  const name = say(`stream.state.${state}`);
  node.dataset.state = state;
  fill(node,
    element("time", {datetime: since}, (isSameDay(first.start, since) ? timeOfDay : dayAndTime)(since)), " ",
    reason ? say("transcript.state", {state: name, reason}) : name);
}

// The node has the first of its rows as `row`, and all of them as `states`, oldest first.
export function statusNode(row) {
  const node = element("p", {class: "rule status-rule", dir: "auto"});
  Object.assign(node, {row, since: row.start, states: [row]});
  draw(node);
  return node;
}

export const isStatusNode = (node) => node?.states !== undefined;

// Rows that come right behind those of the node.
export function addStates(node, rows) {
  for (const row of rows) {
    if (row.state !== node.states.at(-1).state) node.since = row.start;
    node.states.push(row);
  }
  draw(node);
}
