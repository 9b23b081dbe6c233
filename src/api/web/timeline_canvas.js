// How a time line looks: bars of speech, outages hatched, alerts as marks on top, times below.
import {minuteOfDay} from "./clock.js";
import {ticks} from "./timeline_scale.js";

const TICKS_HEIGHT = 1; // rem below the bars
const TICKS_TEXT = 0.6875; // rem
const ALERTS_HEIGHT = 9; // px above them
const HATCH = 6; // px between two lines of it

function hatch(context, colour) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = HATCH;
  const pen = tile.getContext("2d");
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5;
  pen.beginPath();
  // Drawn thrice, so that the corners of neighbours join.
  for (const shift of [-HATCH, 0, HATCH]) {
    pen.moveTo(shift, HATCH);
    pen.lineTo(shift + HATCH, 0);
  }
  pen.stroke();
  return context.createPattern(tile, "repeat");
}

function drawTicks(context, {from, to}, width, height, rem, colours) {
  context.font = `${TICKS_TEXT * rem}px ${getComputedStyle(document.body).fontFamily}`;
  context.textAlign = "center";
  for (const time of ticks(from, to, (width * 16) / rem)) {
    const x = ((time - from) / (to - from)) * width;
    context.fillStyle = colours.line;
    context.fillRect(Math.round(x), ALERTS_HEIGHT, 1, height - TICKS_HEIGHT * rem - ALERTS_HEIGHT + 3);
    if (x < 1.2 * rem || x > width - 1.2 * rem) continue; // it would be cut off
    context.fillStyle = colours.quiet;
    context.fillText(minuteOfDay(time), x, height - rem / 4);
  }
}

function drawAlert(context, x, colours) {
  context.fillStyle = colours.trouble;
  context.beginPath();
  context.moveTo(x - 4, 0);
  context.lineTo(x + 4, 0);
  context.lineTo(x, ALERTS_HEIGHT - 1);
  context.fill();
}

// {from, to, step, bins} of the API, times in ms.
export function drawTimeline(canvas, {from, to, step, bins}) {
  const {clientWidth: width, clientHeight: height} = canvas;
  const context = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
  const colour = (name) => style.getPropertyValue(name).trim();
  const colours = {line: colour("--line"), quiet: colour("--text-quiet"), speech: colour("--speaking"),
    trouble: colour("--trouble")};
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const room = height - TICKS_HEIGHT * rem - ALERTS_HEIGHT;
  const barWidth = ((step * 1000) / (to - from)) * width;
  const outage = hatch(context, colours.trouble);

  canvas.width = width * devicePixelRatio;
  canvas.height = height * devicePixelRatio;
  context.scale(devicePixelRatio, devicePixelRatio);
  drawTicks(context, {from, to}, width, height, rem, colours);
  for (const bin of bins) {
    const x = ((Date.parse(bin.start) - from) / (to - from)) * width;
    if (bin.outage > 0) {
      context.fillStyle = outage;
      context.fillRect(x, ALERTS_HEIGHT, Math.max(2, barWidth * Math.min(1, bin.outage / step)), room);
    }
    if (bin.speech > 0) {
      const tall = Math.max(2, room * Math.min(1, bin.speech / step));
      context.fillStyle = colours.speech;
      context.fillRect(x, ALERTS_HEIGHT + room - tall, Math.max(1, barWidth - 1), tall);
    }
    if (bin.alerts > 0) drawAlert(context, x + barWidth / 2, colours);
  }
  context.fillStyle = colours.line;
  context.fillRect(0, ALERTS_HEIGHT + room, width, 1);
}
