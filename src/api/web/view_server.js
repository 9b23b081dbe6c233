// How the server is: what it does, over the last hour; who is connected; what is in force.
import {append, ask, element, fill, setText} from "./dom.js";
import {get, may, me, part, request} from "./api.js";
import {Chart, roundUp} from "./chart.js";
import {dayAndTime, duration} from "./clock.js";
import {on, server} from "./store.js";
import {say, sayBytes} from "./texts.js";

// Steps of the history that a chart is wide: at first few, so that something is seen.
const WIDTHS = [30, 90, 360];
const HISTORY_EVERY = 10_000; // ms
const SESSIONS_EVERY = 5000;
const LEVELS = ["normal", "slowed", "finals_only", "full"];

const count = (n) => String(Math.round(n * 10) / 10);
const cores = (n) => (n < 10 ? n.toFixed(2) : String(Math.round(n)));
const seconds = (n) => say("server.seconds", {seconds: n < 10 ? n.toFixed(1) : Math.round(n)});

// The figures of the history, how each is said, and the top of its chart where that is fixed.
const FIGURES = [
  {name: "level", from: "level", read: (level) => LEVELS.indexOf(level), words: (i) => say(`load.${LEVELS[i]}`), most: 3},
  {name: "backlog", from: "backlog_seconds", words: seconds},
  {name: "delay", from: "final_delay", words: seconds},
  {name: "speaking", from: "streams_speaking", words: count, scale: "streams"},
  {name: "online", from: "streams_online", words: count, scale: "streams"},
  {name: "cores", from: "cores", words: cores},
  {name: "memory", from: "memory", words: sayBytes},
  {name: "sessions", from: "sessions", words: count},
];

// --- the charts ------------------------------------------------------------------------------

function makeCharts() {
  const charts = FIGURES.map((figure) => {
    const chart = new Chart();
    const value = element("strong", {});
    const range = element("span", {class: "quiet"});
    const node = element("figure", {class: "figure"},
      element("figcaption", {}, say(`server.${figure.name}`), " ", value), chart.node, range);
    return {...figure, chart, value, range, node};
  });

  return {
    node: element("div", {class: "figures"}, charts.map(({node}) => node)),
    draw(history) {
      for (const {from, read = (x) => x, words, most, scale, name, chart, value, range} of charts) {
        const values = history[from].map(read);
        if (!values.length) {
          setText(range, say("server.soon"));
          continue;
        }
        const highest = Math.max(...values);
        const figures = {now: words(values.at(-1)), least: words(Math.min(...values)), most: words(highest),
          name: say(`server.${name}`), minutes: Math.round((values.length * history.step) / 60)};
        setText(value, figures.now);
        setText(range, say(figures.least === figures.most ? "server.always" : "server.range", figures));
        chart.draw(values, {n: WIDTHS.find((width) => width >= values.length) ?? values.length, most: most ?? roundUp(scale ? Math.max(...history[scale]) : highest),
          words: say("server.figure", figures)});
      }
    },
  };
}

// --- tables ----------------------------------------------------------------------------------

// `rows`: lists of what stands in the cells.
function table(title, heads, rows, none) {
  if (!rows.length) return [element("h2", {}, title), element("p", {class: "quiet"}, none)];
  return [element("h2", {}, title), element("div", {class: "table-box", role: "region", tabindex: "0", "aria-label": title},
    element("table", {class: "table"},
      element("thead", {}, element("tr", {}, heads.map((head) => element("th", {scope: "col"}, head)))),
      element("tbody", {}, rows.map((cells) => element("tr", {}, cells.map((cell, i) =>
        element(i ? "td" : "th", {scope: i ? null : "row", dir: "auto"}, cell)))))))];
}

function facts(pairs) {
  return element("dl", {class: "facts"}, pairs.filter(([, value]) => value !== null).map(([name, value]) =>
    element("div", {}, element("dt", {}, say(name)), element("dd", {dir: "auto"}, value))));
}

function kept({state, reason, bytes: n}) {
  return state === "ok" ? say("server.kept", {size: sayBytes(n)}) : say("server.kept.trouble", {reason, size: sayBytes(n)});
}

function files({state, reason, bytes: n, coming, waiting, running, done, failed}) {
  return state === "ok" ? say("server.files.value", {running, waiting: coming + waiting, done, failed, size: sayBytes(n)})
    : say("server.files.trouble", {reason});
}

function summary(status) {
  const {load, memory, processor, descriptors} = status;
  const uptime = status.uptime >= 86400 ? say("server.days", {n: Math.floor(status.uptime / 86400)}) : duration(status.uptime);
  return facts([
    ["server.state", status.reason ? say("server.state.why", {state: say(`server.state.${status.state}`), reason: status.reason})
      : say(`server.state.${status.state}`)],
    ["server.version", `${status.version}`],
    ["server.uptime", uptime],
    ["server.level", say(`load.${load.level}`)],
    ["server.waiting", say("server.waiting.value", {windows: load.backlog.windows, files: load.backlog.file_windows,
      seconds: count(load.backlog.seconds)})],
    ["server.disk", load.backlog.disk_bytes ? sayBytes(load.backlog.disk_bytes) : null],
    ["server.processor", processor.cores === null ? null : say("server.processor.value", {cores: cores(processor.cores)})],
    ["server.memory", sayBytes(memory.resident)],
    ["server.budget", say("server.of", {used: sayBytes(Object.values(memory.budget_used).reduce((a, b) => a + b, 0)),
      all: sayBytes(memory.budget)})],
    ["server.connections", count(status.connections)],
    ["server.descriptors", descriptors.limit === null ? count(descriptors.open)
      : say("server.of", {used: descriptors.open, all: descriptors.limit})],
    ["server.journal", status.journal ? kept(status.journal) : say("server.kept.not")],
    ["server.archive", status.archive ? kept(status.archive) : say("server.kept.not")],
    ["server.files", status.transcriptions && files(status.transcriptions)],
  ]);
}

function streamsByState(status) {
  const counts = new Map();
  for (const {state} of status.streams) counts.set(state, (counts.get(state) ?? 0) + 1);
  const troubled = status.streams.filter(({state}) => !["online", "ended", "paused"].includes(state));
  return [
    ...table(say("server.streams"), [say("server.column.state"), say("server.column.streams")],
      [...counts].sort((a, b) => b[1] - a[1]).map(([state, n]) => [say(`stream.state.${state}`), count(n)]), say("server.none")),
    troubled.length ? table(say("server.troubled"), [say("server.column.stream"), say("server.column.state"),
      say("server.column.since"), say("server.column.reason")],
    troubled.map(({name, state, since, reason}) =>
      [name, say(`stream.state.${state}`), since ? dayAndTime(since) : "", reason ?? ""])) : null,
  ];
}

function handedOn(status) {
  return [
    ...table(say("server.sinks"), [say("server.column.name"), say("server.column.type"), say("server.column.state"),
      say("server.column.lag"), say("server.column.reason")],
    status.sinks.map((sink) => [sink.name, sink.type, say(`server.sink.${sink.state}`),
      sink.lag_rows ? say("server.lag", {rows: sink.lag_rows, seconds: count(sink.lag_seconds)}) : "", sink.reason ?? ""]),
    say("server.none")),
    ...table(say("server.alerts"), [say("server.column.name"), say("server.column.fired")],
      status.alerts.map(({name, fired}) => [name, count(fired)]), say("server.none")),
  ];
}

// --- who is connected ------------------------------------------------------------------------

function makeSessions(tellError) {
  const node = element("section", {});
  let shown = null;

  async function close(session) {
    const isSure = await ask(say("server.close.title", {about: session.about}), (answer) => [
      element("p", {}, say("server.close.about")),
      element("button", {type: "button", class: "danger", onclick: () => answer(true)}, say("server.close")), " ",
      element("button", {type: "button", onclick: () => answer(false)}, say("cancel"))]);
    if (!isSure) return;
    try {
      await request("DELETE", `/sessions/${part(session.id)}`);
    } catch (error) {
      tellError(error);
    }
    draw();
  }

  async function draw() {
    const {sessions} = await get("/sessions");
    const key = JSON.stringify(sessions.map(({id, stream, backlog}) => [id, stream, backlog]));
    if (key === shown) return; // whose button has the focus keeps it
    shown = key;
    const focused = document.activeElement?.dataset?.session;
    const rows = sessions.map((session) => [session.principal, session.address, session.dialect, session.stream ?? "",
      dayAndTime(session.since), count(session.backlog),
      element("button", {type: "button", data: {session: String(session.id)}, "aria-label":
        say("server.close.label", {about: session.about}), onclick: () => close(session)}, say("server.close"))]);
    fill(node, table(say("server.sessions"), ["who", "address", "dialect", "stream", "since", "backlog", "close"]
      .map((name) => say(`server.column.${name}`)), rows, say("server.none")));
    if (focused) [...node.querySelectorAll("button")].find(({dataset}) => dataset.session === focused)?.focus();
  }
  return {node, draw};
}

// The configuration is long, and asked for when somebody wants it.
function makeConfiguration(tellError) {
  const text = element("pre", {class: "configuration", tabindex: "0", "aria-label": say("server.configuration")});
  const node = element("details", {}, element("summary", {}, say("server.configuration")),
    element("p", {class: "quiet"}, say("server.configuration.about")), text);
  node.addEventListener("toggle", async () => {
    if (!node.open) return;
    try {
      setText(text, JSON.stringify(await get("/config"), null, 2));
    } catch (error) {
      tellError(error);
    }
  });
  return node;
}

// --- the view --------------------------------------------------------------------------------

export function mount(root) {
  const trouble = element("p", {class: "bad", role: "alert"});
  const tellTrouble = (error) => setText(trouble, say("error", {reason: error.message}));
  const charts = makeCharts();
  const now = element("section", {"aria-label": say("server.now")});
  const lists = element("section", {});
  const sessions = makeSessions(tellTrouble);
  const metrics = `${location.origin}/metrics`;
  let shownLists = null;

  async function drawHistory() {
    if (document.hidden) return;
    try {
      charts.draw(await get("/status/history"));
      fill(trouble);
    } catch (error) {
      tellTrouble(error);
    }
  }

  function drawStatus() {
    const {status} = server;
    if (!status) return;
    fill(now, summary(status));
    const key = JSON.stringify([status.streams.map(({name, state, reason}) => [name, state, reason]), status.sinks, status.alerts]);
    if (key === shownLists) return;
    shownLists = key;
    fill(lists, streamsByState(status), handedOn(status));
  }

  const drawSessions = () => may("manage") && !document.hidden && sessions.draw().catch(tellTrouble);

  append(root, element("h1", {}, say("server.title")), trouble, now, charts.node, lists, may("manage") ? sessions.node : null,
    may("manage") ? makeConfiguration(tellTrouble) : null,
    element("h2", {}, say("server.metrics")),
    element("p", {}, say(me.is_known ? "server.metrics.token" : "server.metrics.open"), " ",
      me.is_known ? element("code", {}, metrics) : element("a", {href: metrics}, metrics)));
  drawStatus();
  drawHistory();
  drawSessions();
  const timers = [setInterval(drawHistory, HISTORY_EVERY), setInterval(drawSessions, SESSIONS_EVERY)];
  const end = on("status", drawStatus);
  return {
    title: say("server.title"),
    unmount() {
      timers.forEach(clearInterval);
      end();
    },
  };
}
