#!/usr/bin/env python3
"""The page in a real browser: what it costs, how soon it shows text, and whether it ever loses any.

    build/venv/bin/python bench/page.py --record build/page.jsonl.gz --streams 24 --talking 8
    build/venv/bin/python bench/page.py build/page.jsonl.gz [--minutes 10] [--only load,same,first,restarts,hour] [--write]

load      a server replays the recording at its own pace, as if 50 of 200 streams talked: each further stream tells what
          a recorded one did, at another moment of it; the wall is open. Scripting, tasks and layout of the page in
          each second, its memory over the minutes, moves that nobody asked for, and whether what is shown at the end
          is what was told.
same      the wall on a real server with 20 streams, which is recorded meanwhile, and then on the replay of that.
first     the page opened on a warm server, ten times: when the first text is there, and how many bytes it took.
restarts  the server is restarted ten times while a stream is open: what is shown at the end, against the journal.
hour      a new user's hour, step by step: how long until each shows something.

Debian's chromium, headless, without a graphics card. --write puts the tables into docs/benchmarks.md.
"""

import argparse
import contextlib
import gzip
import os
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/e2e"))
import browser as browsers  # noqa: E402
import newcomer  # noqa: E402
import numpy  # noqa: E402
import page_replay  # noqa: E402
import processes  # noqa: E402
import speech  # noqa: E402
from measure import machine, tables  # noqa: E402
from recordings import DATA, recordings  # noqa: E402

PROGRAM = processes.PROJECT / "build/release/eavesdrop"
HOME = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share"))
MODELS = Path(os.environ.get("EAVESDROP_TEST_MODELS", HOME / "eavesdrop/models"))
NO_LIMITS = "per_address: {sessions: 0, connections: 0}\n"
SETTLED = 5  # s after opening, from which on is measured
OPENINGS = 10
RESTARTS = 10

# The text of each tile, once it is on the screen.
TILES = """async () => {
  const shown = {};
  for (const tile of document.querySelectorAll(".tile")) {
    tile.scrollIntoView();
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const texts = [...tile.querySelectorAll(".lines p:not(.tail):not(.tile-quiet)")].map((line) => line.textContent);
    shown[tile.getAttribute("aria-label")] = {finals: texts, tail: tile.querySelector(".tail")?.textContent ?? ""};
  }
  return shown;
}"""

FIRST_TEXT = """
  globalThis.firstText = null;
  new MutationObserver((_, observer) => {
    const lines = [...document.querySelectorAll(".tile .lines p:not(.tile-quiet)")];
    if (!lines.some((line) => line.textContent.trim())) return;
    requestAnimationFrame(() => { globalThis.firstText ??= performance.now(); });
    observer.disconnect();
  }).observe(document, {childList: true, subtree: true, characterData: true});
"""


class Meter:
    """What Chrome counts of a page."""

    COUNTED = {"ScriptDuration": "scripting", "TaskDuration": "all tasks", "LayoutDuration": "layout",
               "RecalcStyleDuration": "style"}

    def __init__(self, reader):
        self.session = reader.context.new_cdp_session(reader.page)
        # The time of the thread, not that of the wall, which other programs share.
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})
        self.session.send("HeapProfiler.enable")
        self.before, self.began = self.read(), time.monotonic()

    def read(self):
        return {item["name"]: item["value"] for item in self.session.send("Performance.getMetrics")["metrics"]}

    def shares(self):
        """Seconds of each in a second since the meter was made."""
        passed, now = time.monotonic() - self.began, self.read()
        return {words: (now[name] - self.before[name]) / passed for name, words in self.COUNTED.items()}

    def heap(self):
        """Bytes of JavaScript's heap that are in use, after garbage was collected; and nodes of the document."""
        self.session.send("HeapProfiler.collectGarbage")
        now = self.read()
        return now["JSHeapUsedSize"], int(now["Nodes"])


def percent(value):
    return f"{100 * value:.2f} %"


# --- servers ---------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(folder):
    with processes.serving(PROGRAM, MODELS, folder) as start:
        yield start


def office(folder, n, n_talking):
    """The configuration of n streams, some of which talk all the time."""
    quiet = speech.save(folder / "quiet.wav", speech.silence(60))
    files = recordings(folder, n_talking)
    lines = [f"  room-{i:03}: {{url: {files[i] if i < n_talking else quiet}, loop: true}}\n" for i in range(n)]
    return NO_LIMITS + "streams:\n" + "".join(lines)


def record(options, folder):
    config = office(folder, options.streams, options.talking)
    with serving(folder) as start:
        server = start(config)
        time.sleep(30)  # until all have begun
        n = page_replay.record(server.port, options.seconds, options.record)
        print(f"{n} events of {options.streams} streams in {options.seconds} s: {options.record}")


# --- 200 streams -----------------------------------------------------------------------------


def dropped(reader, replay):
    """Streams whose tile does not show the last three texts that were told, or not the tail."""
    shown = reader.page.evaluate(TILES)
    # What was said before the recording began.
    before = {stream["name"]: (stream.get("last") or {}).get("text") for stream in replay.recording.answers["streams"]["streams"]}
    wrong = []
    for name, told in replay.told.items():
        tile = shown.get(name, {"finals": None, "tail": None})
        wanted = told.finals[-3:] or [text for text in [before.get(name)] if text]
        if tile["finals"] != wanted or (tile["tail"] or None) != told.tail:
            wrong.append((name, tile, wanted, told.tail))
    for one in wrong[:3]:
        print("differs:", *one, sep="\n    ")
    return len(wrong)


def watch(chromium, replay, seconds, heaps=0):
    """(shares, heaps by minute, layout shift, streams whose tile is wrong at the end)."""
    with browsers.reading(chromium, replay) as reader:
        reader.open()
        reader.page.wait_for_timeout(1000 * SETTLED)
        shift = reader.shift()
        meter, memory = Meter(reader), []
        memory.append(meter.heap())
        meter = Meter(reader)
        for _ in range(max(1, heaps)):
            reader.page.wait_for_timeout(1000 * seconds / max(1, heaps))
            shares = meter.shares()
            if heaps:
                memory.append(meter.heap())
        shift = reader.shift() - shift
        if shift:
            print("moved:", *reader.page.evaluate("globalThis.shifted"), sep="\n    ")
        if isinstance(replay, page_replay.Replay):
            replay.stop_telling()
            reader.page.wait_for_timeout(2000)
        return shares, memory, shift, dropped(reader, replay) if isinstance(replay, page_replay.Replay) else None


def load(options, chromium, _):
    recording = page_replay.Recording(options.recording)
    recorded = f"{len(recording.talking)} of {len(recording.streams)}"
    recording.spread(options.streams, options.talking)
    replay = page_replay.Replay(recording)
    minutes = max(1, round(options.minutes))
    shares, memory, shift, wrong = watch(chromium, replay, 60 * minutes, minutes)
    first, last = memory[1][0] if len(memory) > 2 else memory[0][0], memory[-1][0]
    rows = [(words, percent(value) + " of a core") for words, value in shares.items()]
    rows.append(("JavaScript heap after the first minute, and after the last", f"{first / 1e6:.1f} MB, {last / 1e6:.1f} MB"))
    rows.append(("nodes of the document, likewise", f"{memory[1][1] if len(memory) > 2 else memory[0][1]}, {memory[-1][1]}"))
    rows.append(("events told, each second", f"{replay.n_told / (60 * minutes + SETTLED):.0f}"))
    rows.append(("tiles that differ at the end from what was told", f"{wrong} of {len(replay.told)}"))
    rows.append(("cumulative layout shift", f"{shift:.4f}"))
    head = (f"{options.streams} streams, {options.talking} of which talk (recorded: {recorded}), {minutes} minutes", "")
    return tables.table(head, rows), wrong == 0 and shift == 0


def same(_, chromium, folder):
    path = folder / "same.jsonl.gz"
    rows = []
    with serving(folder) as start:
        server = start(office(folder, 20, 5))
        time.sleep(15)
        reading = threading.Thread(target=page_replay.record, args=(server.port, 60, path))
        reading.start()
        shares, _, shift, _ = watch(chromium, server, 55)
        rows.append(("a real server", *map(percent, shares.values()), f"{shift:.4f}"))
        reading.join()
    replay = page_replay.Replay(page_replay.Recording(path))
    shares, _, shift, wrong = watch(chromium, replay, 55)
    rows.append(("its recording, told again", *map(percent, shares.values()), f"{shift:.4f}"))
    return tables.table(("20 streams, 5 talk", *shares, "layout shift"), rows), wrong == 0


# --- opening ---------------------------------------------------------------------------------


def packed_size(port):
    """Bytes of all files of the page, as they travel."""
    total = 0
    for path in sorted(page_replay.WEB.iterdir()):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/web/{path.name}", headers={"Accept-Encoding": "gzip"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            body = answer.read()
        assert answer.headers["Content-Encoding"] == "gzip" and gzip.decompress(body) == path.read_bytes(), path
        total += len(body)
    return total


def first(_, chromium, folder):
    times = []
    with serving(folder) as start:
        server = start(office(folder, 4, 2))
        with browsers.reading(chromium, server) as reader:
            reader.open()
            # Warm: somebody has said something, and it is kept.
            reader.wait("[...document.querySelectorAll('.tile .lines p:not(.tile-quiet):not(.tail)')].length")
        for _ in range(OPENINGS):
            with browsers.reading(chromium, server, scripts=[FIRST_TEXT]) as reader:
                reader.open()
                times.append(reader.wait("globalThis.firstText"))
        size = packed_size(server.port)
    rows = [("first text after opening, median; most", f"{statistics.median(times):.0f} ms; {max(times):.0f} ms"),
            ("all files of the page, compressed", f"{size / 1000:.1f} kB")]
    return tables.table((f"{OPENINGS} openings by a browser that has nothing of it", ""), rows), max(times) < 1000 and size < 150_000


# --- restarts --------------------------------------------------------------------------------


def restarts(_, chromium, folder):
    """The transcript of a stream that is watched through ten restarts, against the journal."""
    config = NO_LIMITS + "streams:\n" + "".join(
        f"  s{i}: {{url: {path}, loop: true}}\n" for i, path in enumerate(recordings(folder, 3)))
    away = []
    with serving(folder) as start, contextlib.ExitStack() as stack:
        server = start(config)
        reader = stack.enter_context(browsers.reading(chromium, server))
        reader.open("/#/stream/s0")
        reader.wait("document.querySelectorAll('.transcript .row').length > 1")
        for _ in range(RESTARTS):
            server.stop()
            began = time.monotonic()
            reader.wait("document.body.dataset.connection === 'away'")
            away.append(time.monotonic() - began)
            server = start(config, listen=server.port)
            n = len(rows_kept(server, "s0"))
            reader.wait("document.body.dataset.connection === 'live'")
            processes.wait_until(lambda n=n, server=server: len(rows_kept(server, "s0")) > n, 60, "text after the restart")
        # What was said meanwhile is on its way to the screen.
        for _ in range(100):
            shown, kept = rows_shown(reader), rows_kept(server, "s0")
            if shown == kept:
                break
            reader.page.wait_for_timeout(100)
    rows = [("segments in the journal, and on the screen", f"{len(kept)}, {len(shown)}"),
            ("missing; shown twice; in another order", f"{len(set(kept) - set(shown))}; {len(shown) - len(set(shown))}; "
             f"{'none' if shown == kept else 'some'}"),
            ("said to be away after, median; most", f"{statistics.median(away):.1f} s; {max(away):.1f} s")]
    return tables.table((f"{RESTARTS} restarts", ""), rows), shown == kept and max(away) < 5


def rows_shown(reader):
    """(start, text) of what the transcript shows."""
    return [tuple(row) for row in reader.page.evaluate(
        "[...document.querySelectorAll('.transcript .row')].map((row) => [row.row.start, row.row.text])")]


def rows_kept(server, stream):
    page = page_replay.ask(server.port, f"streams/{stream}/segments?limit=1000")
    return [(row["start"], row["text"]) for row in page["rows"]]


# --- a new user's hour -----------------------------------------------------------------------


def hour(_, chromium, folder):
    rows = []
    jfk = DATA / "misc/jfk.flac"
    sound = speech.save(folder / "speech.wav", numpy.concatenate([speech.load(jfk), speech.silence(2)]))
    config = f"journal: {{audio: on}}\nsources: {{allow: 127.0.0.0/8}}\nstreams: {{demo: {{url: {sound}, loop: true}}}}\n"
    with newcomer.web_server(folder) as address, serving(folder) as start, browsers.chromium(microphone=sound) as hearing:
        server = start(config)
        token = (server.state_dir / "token").read_text().strip()
        with browsers.reading(hearing, server, permissions=["microphone"]) as reader:
            for what, step in newcomer.Newcomer(reader, token, f"{address}/speech.wav", jfk).steps():
                began = time.monotonic()
                step()
                rows.append((what, f"{time.monotonic() - began:.1f} s"))
    return tables.table(("step, by keyboard", "until it shows something"), rows), True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path, nargs="?")
    parser.add_argument("--record", type=Path)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--talking", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=120, help="of the recording")
    parser.add_argument("--minutes", type=float, default=10, help="of load")
    parser.add_argument("--only", default=",".join(SECTIONS))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    is_well = True
    if options.record:
        with tempfile.TemporaryDirectory(prefix="eavesdrop-page-", dir="/tmp") as name:
            record(options, Path(name))
        return
    for section in options.only.split(","):
        # The hour's browser has a microphone, and playwright drives one at a time.
        opened = contextlib.nullcontext() if section == "hour" else browsers.chromium()
        with tempfile.TemporaryDirectory(prefix="eavesdrop-page-", dir="/tmp") as name, opened as chromium:
            text, is_section_well = SECTIONS[section](options, chromium, Path(name))
        is_well = is_well and is_section_well
        text += f"\n\n{machine.describe()}; load average {machine.load():.1f}."
        print(f"{section}{'' if is_section_well else ': NOT WELL'}\n\n{text}\n", flush=True)
        if options.write and not tables.write_section(HERE.parent / "docs/benchmarks.md", section, text, "bench/page.py"):
            sys.exit(f"docs/benchmarks.md has no place for {section}")
    sys.exit(0 if is_well else 1)


SECTIONS = {"load": load, "same": same, "first": first, "restarts": restarts, "hour": hour}

if __name__ == "__main__":
    main()
