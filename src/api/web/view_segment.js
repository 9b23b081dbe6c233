// One segment, at an address that can be sent to somebody: /s/ID, with what was said around it.
import {get, part} from "./api.js";
import {day, duration, timeOfDay} from "./clock.js";
import {element, fill} from "./dom.js";
import {copyButton} from "./forms.js";
import {segmentAddress, streamAddress, streamLink} from "./row_links.js";
import {on} from "./store.js";
import {say} from "./texts.js";
import {rowNode} from "./transcript_rows.js";

const AROUND = 5; // rows before and after; each press of a button brings as many more

// The rows on one side of the segment: "newest" first are those before it.
class Side {
  constructor(row, order) {
    this.order = order;
    this.path = `/streams/${part(row.stream)}/segments`;
    this.after = row.cursor;
    this.list = element("div");
    this.sign = element("p", {class: "bad", role: "alert", hidden: true});
    this.more = element("button", {type: "button", hidden: true, onclick: () => this.load()},
      say(order === "newest" ? "segment.before" : "segment.after"));
    const isBefore = order === "newest";
    this.node = element("section", {"aria-label": say(isBefore ? "segment.before.label" : "segment.after.label")},
      isBefore ? [this.more, this.sign, this.list] : [this.list, this.sign, this.more]);
  }

  async load() {
    this.sign.hidden = true;
    try {
      const page = await get(this.path, {order: this.order, after: this.after, limit: AROUND});
      const nodes = page.rows.map((row) => rowNode(row));
      if (this.order === "newest") this.list.prepend(...nodes.reverse());
      else this.list.append(...nodes);
      this.after = page.next ?? this.after;
      this.more.hidden = page.is_end;
    } catch (error) {
      this.sign.textContent = error.message;
      this.sign.hidden = false;
      this.more.hidden = false;
    }
  }
}

function facts(row) {
  const known = [
    [say("segment.length"), say("segment.seconds", {seconds: duration(row.duration ?? 0)})],
    [say("segment.language"), row.language],
    [say("segment.model"), row.model],
  ];
  return element("dl", {class: "pairs"}, known.filter(([, value]) => value)
    .map(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

function segmentNode(row) {
  const address = () => location.origin + segmentAddress(row.id);
  const times = `${day(row.start)}, ${timeOfDay(row.start)} – ${timeOfDay(row.end)}`;
  return element("article", {class: "segment"},
    element("header", {}, element("h1", {}, streamLink(row)), element("p", {class: "quiet"}, times)),
    rowNode(row),
    element("div", {class: "actions"},
      copyButton(say("segment.copy.address"), say("copied"), address),
      copyButton(say("segment.copy.text"), say("copied"), () => row.text),
      element("a", {class: "button", href: streamAddress(row)}, say("segment.open"))),
    facts(row));
}

export function mount(root, {parts}) {
  const [id] = parts;
  let isLeft = false;

  async function draw() {
    try {
      const row = await get(`/segments/${part(id)}`);
      if (isLeft) return;
      const before = row.cursor ? new Side(row, "newest") : null;
      const after = row.cursor ? new Side(row, "oldest") : null;
      await Promise.all([before?.load(), after?.load()]);
      if (isLeft) return;
      const segment = segmentNode(row);
      fill(root, before?.node, segment, after?.node);
      document.title = `${row.stream}, ${timeOfDay(row.start)} · eavesdrop`;
      segment.scrollIntoView({block: "center", behavior: "instant"});
    } catch (error) {
      if (isLeft) return;
      fill(root, element("h1", {}, say("segment.title")), element("p", {class: "bad", role: "alert"}, error.message),
        error.status === 404 ? element("p", {}, say("segment.gone")) : null);
    }
  }

  draw();
  // What was forgotten is not shown any longer.
  const end = on("event", (kind) => kind === "forgotten" && draw());
  return {
    title: say("segment.title"),
    unmount() {
      isLeft = true;
      end();
    },
  };
}
