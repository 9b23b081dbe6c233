// Rows that were found, and the addresses of what they stand in.
import {addressOf} from "./app.js";
import {element, fill} from "./dom.js";
import {excerpt, foundNodes, splitFound, splitMarked} from "./found_text.js";
import {say} from "./texts.js";
import {rowNode} from "./transcript_rows.js";

const LONGEST = 800; // of a text that is shown; all of it is at its address

export const segmentAddress = (id) => `/s/${encodeURIComponent(id)}`;

export const streamAddress = (row) => addressOf("stream", [row.stream], {at: row.start});

// The name of the row's stream, which opens it at what was said.
export function streamLink(row) {
  return element("a", {class: "stream-link", href: streamAddress(row), dir: "auto", title: say("row.stream")},
    row.stream);
}

// A row with its stream; of a text of 10,000 characters what is around the first word found.
// `about` is shown beside the stream.
export function foundRow(row, about = null) {
  const isLong = (row.text ?? "").length > LONGEST;
  const node = rowNode(row, {found: [row.found], isBare: isLong,
    stream: element("p", {class: "row-stream"}, about, streamLink(row))});
  if (isLong) {
    const parts = row.marked ? splitMarked(row.marked) : splitFound(row.text, row.found);
    fill(node.text, foundNodes(excerpt(parts, LONGEST)));
  }
  return node;
}
