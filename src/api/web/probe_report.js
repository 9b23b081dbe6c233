// What is behind an address, in words: the answer of POST /probe.
import {duration} from "./clock.js";
import {element} from "./dom.js";
import {say} from "./texts.js";

const QUIET = -55; // dBFS of the mean, below which hardly anything can be heard
const CLIPPED = -0.5; // dBFS of the peak

// A key of texts.js for how loud it is.
export function loudness({level_dbfs: level, peak_dbfs: peak}) {
  if (level <= -99) return "probe.level.silent";
  if (level < QUIET) return "probe.level.quiet";
  return peak > CLIPPED ? "probe.level.loud" : "probe.level.good";
}

function trackText(track) {
  return [
    track.title,
    track.codec,
    track.rate && say("probe.rate", {rate: track.rate}),
    track.channels && say("probe.channels", {n: track.channels}),
    track.language,
  ].filter(Boolean).join(", ");
}

function kindText({container, live, duration: seconds}) {
  let kind = null;
  if (live) kind = say("probe.live");
  else if (seconds) kind = say("probe.recording", {duration: duration(seconds)});
  else if (live === false) kind = say("probe.recording.unknown");
  return [kind, container].filter(Boolean).join(", ");
}

export function reportNode(report) {
  if (report.verdict !== "ok")
    return element("p", {class: "bad", role: "alert"}, say("probe.bad", {reason: report.reason ?? report.verdict}));
  const tracks = (report.tracks ?? []).map((track) =>
    element("li", {}, trackText(track), track.chosen ? ` (${say("probe.chosen")})` : null));
  return element("div", {},
    element("p", {class: "good"}, say("probe.ok"), " ", kindText(report)),
    element("p", {}, say(loudness(report)), " ",
      element("span", {class: "quiet"}, say("probe.level", {level: report.level_dbfs, peak: report.peak_dbfs}))),
    tracks.length ? element("ul", {}, tracks) : null);
}
