#!/usr/bin/env python3
"""What a server does with more than it can take, and with a client that pours sound in.

    build/venv/bin/python bench/overload.py overload --holds 48 [--write]
    build/venv/bin/python bench/overload.py admission --holds 48 [--write]
    build/venv/bin/python bench/overload.py flood --holds 48 [--write]

`--holds`: how many talkers this machine holds, as `eavesdrop-bench capacity` finds it.

overload: with admission off, --times as many talk for --seconds; then all but --few fall silent and wait for what is
that is theirs. Tells what was given up and when, who was told, what was lost, and how late the text of the few was
from then on.
admission: with admission on, as many come one after the other within --seconds; tells who was refused, and
how.
flood: half as many talk, with and without one more client that pours in hours of sound as fast as the server reads,
--rounds times in turn.

Each run is a fresh server. --write puts the tables into docs/benchmarks.md.
"""

import argparse
import contextlib
import json
import pathlib
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import numpy

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "tests/e2e"))
from eavesdrop_client import EavesdropClient  # noqa: E402
from measure import machine, servers, sounds, tables  # noqa: E402
from measure.client import Client  # noqa: E402
from websockets.exceptions import ConnectionClosed  # noqa: E402

LEVELS = ("normal", "slowed", "finals_only", "full")
DRAIN = 600  # seconds that talkers wait for their backlog
FLOOD_HOURS = 10
BACKLOG_LARGE = 30  # seconds of sound: more than few talkers have who are in time
DELAYS = ("word_delay", "last_word_delay", "final_delay")


# --- watching ---------------------------------------------------------------------------------


class Monitor(threading.Thread):
    """Looks at /metrics twice a second."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.samples = port, []  # (time.monotonic(), metrics)
        self.is_over = threading.Event()

    def run(self):
        while not self.is_over.wait(0.5):
            with contextlib.suppress(OSError):
                self.samples.append((time.monotonic(), servers.metrics(self.port)))

    def stop(self):
        self.is_over.set()
        self.join()

    def most(self, name):
        return max(values[name] for _, values in self.samples)

    def at(self, moment, name):
        """The value that was seen last before the moment."""
        return next((values[name] for when, values in reversed(self.samples) if when <= moment), 0)

    def levels(self):
        """[(when it began, level, seconds behind then)]"""
        found = []
        for when, values in self.samples:
            level = next(name for name in LEVELS if values[f'eavesdrop_load_level{{level="{name}"}}'])
            if not found or found[-1][1] != level:
                found.append((when, level, values["eavesdrop_final_delay_seconds"]))
        return found


class Observers:
    """A client of each dialect that says nothing and notes what it is told of the load."""

    def __init__(self, port):
        self.whisperlive = Client(port, "observer")
        self.eavesdrop = EavesdropClient(port)
        self.eavesdrop.setup()
        assert self.whisperlive.is_taken()

    def told(self):
        """[(when, dialect, words)]"""
        found = [(when, "WhisperLive", message["message"]) for when, message in self.whisperlive.heard
                 if message.get("status") == "WARNING"]
        offset = time.monotonic() - time.time()
        found += [(message["timestamp"] + offset, "eavesdrop", message["message"])
                  for message in self.eavesdrop.messages if message["type"] == "error"]
        return sorted(found)

    def close(self):
        self.whisperlive.close()
        self.eavesdrop.close()


class Talkers:
    """`eavesdrop-bench live` at work."""

    def __init__(self, name, port, pid, n, seconds, options, **more):
        self.figures, self.texts = (options.work / f"{name}.{kind}" for kind in ("json", "jsonl"))
        offline = servers.offline(options.audio, options.model, options.work)
        command = servers.bench_live(port, pid, n, seconds, options.audio, offline, self.figures,
                                     transcripts_out=self.texts, settle=3, drain=DRAIN, **more)
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def finish(self):
        """The figures."""
        self.process.wait()
        if not self.figures.stat().st_size:
            sys.exit("overload: eavesdrop-bench had no figures")
        return json.loads(self.figures.read_text())

    def utterances(self):
        return [json.loads(line) for line in self.texts.read_text().splitlines()]


@contextlib.contextmanager
def serving(options, settings=""):
    """(port, process)"""
    port = servers.free_port()
    with servers.serving("eavesdrop", port, options.work, options.model, settings=settings) as process:
        yield port, process.pid


def below(options):
    """What stands below every table."""
    return f"`{options.model}`, {options.audio.name}. {machine.describe()}; load average {machine.load():.1f}."


def seconds(value):
    return "–" if value is None else f"{value:.2f}"


# --- overload ---------------------------------------------------------------------------------


def fall(utterances):
    """When the load has fallen: all but a tenth of the crowd have said their last word."""
    lasts = {}
    for one in utterances:
        lasts[one["talker"]] = max(one["spoken"], lasts.get(one["talker"], 0))
    return float(numpy.quantile(list(lasts.values()), 0.9))


def spans(utterances, monitor, fallen, began):
    """Rows: how late the text of the few was, by when it was said."""
    edges = [("while all talked", began, fallen - 15), ("the last 15 s of that", fallen - 15, fallen)]
    edges += [(f"{a} to {b} s after", fallen + a, fallen + b) for a, b in ((0, 10), (10, 20), (20, 30), (30, 60))]
    edges.append(("later", fallen + 60, float("inf")))
    rows = []
    for name, begin, end in edges:
        own = [one for one in utterances if begin <= one["spoken"] < end]
        if own:
            cells = [[one[f"{kind}_delay"] for one in own if one[f"{kind}_delay"] is not None]
                     for kind in ("last_word", "final")]
            figures = [figure for cell in cells for figure in (seconds(statistics.median(cell)), seconds(max(cell)))]
            backlog = monitor.at(end, "eavesdrop_backlog_audio_seconds")
            rows.append([name, len(own), *figures, f"{backlog:.0f}"])
    return rows


def levels_table(monitor, began):
    rows = [[f"{when - began:.0f}", f"`{level}`", f"{delay:.1f}"] for when, level, delay in monitor.levels()]
    return tables.table(["second", "level", "finals behind, s"], rows)


def told_table(told, began):
    """What the observers were told; the two dialects in one row when it was at the same time."""
    rows = {}
    for when, dialect, words in told:
        rows.setdefault(round(when - began), {})[dialect] = words
    return tables.table(["second", "a WhisperLive client is told", "an eavesdrop client"],
                        [[second, cells.get("WhisperLive", ""), cells.get("eavesdrop", "")]
                         for second, cells in sorted(rows.items())])


def totals_table(figures):
    rows = [[name, one["clients"], one["refused"] + one["broken"], one["utterances"], one["utterances_never_final"],
             one["words_lost"], tables.number(one["lost_percent"]), tables.number(one["wer_percent"]),
             *(seconds(one["final_delay"][share]) for share in ("p50", "p95", "max"))]
            for name, one in figures.items()]
    return tables.table(["", "talkers", "refused or broken", "utterances", "never final", "words lost", "lost %",
                         "WER % (plain)", "final p50", "p95", "most"], rows)


def overload(options):
    n_crowd = round(options.times * options.holds) - options.few
    with serving(options, "admission: false\n") as (port, pid):
        monitor, observers = Monitor(port), Observers(port)
        monitor.start()
        began = time.monotonic()
        few = Talkers("few", port, pid, options.few, options.seconds + options.after, options)
        crowd = Talkers("crowd", port, pid, n_crowd, options.seconds, options)
        figures = {"the crowd": crowd.finish(), "the few": few.finish()}
        monitor.stop()
        told = observers.told()
        observers.close()
    fallen = fall(crowd.utterances())
    backlogged = [when for when, values in monitor.samples if values["eavesdrop_backlog_audio_seconds"] > BACKLOG_LARGE]
    text = tables.table(["the few, when they said it", "utterances", "last word p50", "most", "final p50", "most",
                         "everybody's backlog at the end of that, s of sound"],
                        spans(few.utterances(), monitor, fallen, began))
    text += (f"\n\n{n_crowd} talkers, and {options.few} who go on; the load falls {fallen - began:.0f} s after the "
             f"begin. At most {monitor.most('eavesdrop_backlog_audio_seconds'):.0f} s of sound were in the backlog, the oldest "
             f"{monitor.most('eavesdrop_final_delay_seconds'):.1f} s behind; more than {BACKLOG_LARGE} s until "
             f"{max(backlogged, default=began) - fallen:.0f} s after the load fell. "
             f"{monitor.most('eavesdrop_sessions_warned_total'):.0f} warnings were sent to "
             f"{options.few + n_crowd + 2} clients. {below(options)}")
    return "\n\n".join([totals_table(figures), levels_table(monitor, began), told_table(told, began), text])


# --- admission --------------------------------------------------------------------------------


def ask_whisperlive(port):
    client = Client(port, "asker")
    try:
        if client.is_taken():
            return "taken"
        code, reason = client.wait_close() or (None, "")
        minutes = [message["message"] for _, message in client.heard if message.get("status") == "WAIT"]
        return f"`WAIT`, {', '.join(f'{n:g}' for n in minutes)} minutes; close {code}: {reason}"
    finally:
        client.close()


def ask_eavesdrop(port):
    client = EavesdropClient(port)
    try:
        answer = client.setup()
        return "taken" if answer["type"] == "server_ready" else f"{answer['message']}; close {client.wait_close(5)}"
    except AssertionError as problem:
        return str(problem)
    finally:
        client.close()


def readiness(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return f"{error.code}: {error.read().decode().strip()}"


def admission(options):
    n = round(options.times * options.holds)
    answers = []
    with serving(options) as (port, pid):
        monitor = Monitor(port)
        monitor.start()
        began = time.monotonic()
        talkers = Talkers("admission", port, pid, n, options.seconds, options, ramp=options.seconds)
        while talkers.process.poll() is None:
            answers.append((time.monotonic(), readiness(port), ask_whisperlive(port), ask_eavesdrop(port)))
            with contextlib.suppress(subprocess.TimeoutExpired):
                talkers.process.wait(5)
        figures = talkers.finish()
        monitor.stop()
        refused = monitor.most('eavesdrop_sessions_refused_total{reason="busy"}')
    rows, last = [], None
    for when, *told in answers:
        if ["taken" in str(one) for one in told] != last:
            rows.append([f"{when - began:.0f}", *told])
        last = ["taken" in str(one) for one in told]
    text = tables.table(["second", "`/readyz`", "a WhisperLive client that asks", "an eavesdrop client"], rows) + "\n\n"
    text += levels_table(monitor, began)
    delays = ", ".join(f"{kind.removesuffix('_delay').replace('_', ' ')} {seconds(figures[kind]['p50'])} s (p50), "
                       f"{seconds(figures[kind]['p95'])} s (p95)" for kind in DELAYS)
    text += (f"\n\nOf {n} talkers {figures['refused']} were refused ({refused:.0f} with those that only asked), "
             f"{figures['broken']} broken off; the first was told: {figures['trouble']}. Of those who were taken in: "
             f"{delays}; {figures['words_lost']} words lost ({tables.number(figures['lost_percent'])} %), "
             f"{figures['utterances_never_final']} of {figures['utterances']} utterances never final. "
             f"{below(options)}")
    return text


# --- flood ------------------------------------------------------------------------------------


class Flood(threading.Thread):
    """Pours a recording in, again and again, as fast as the server reads."""

    def __init__(self, port, samples):
        super().__init__(daemon=True)
        self.samples, self.client = samples, Client(port, "flood")
        self.poured = 0.0  # seconds of sound that the server took
        self.is_over = False

    def run(self):
        step = 10 * sounds.RATE
        with contextlib.suppress(ConnectionClosed, OSError):
            while not self.is_over and self.poured < FLOOD_HOURS * 3600:
                for place in range(0, len(self.samples), step):
                    if self.is_over:
                        return
                    self.client.send(self.samples[place : place + step])
                    self.poured += len(self.samples[place : place + step]) / sounds.RATE

    def stop(self):
        """Gone in the middle."""
        self.is_over = True
        self.client.socket.socket.close()


def flood_run(options, name, has_flood, chapter):
    with serving(options) as (port, pid):
        flood = None
        if has_flood:
            flood = Flood(port, chapter)
            assert flood.client.is_taken()
            flood.start()
            time.sleep(2)
        figures = Talkers(name, port, pid, max(1, options.holds // 2), options.seconds, options).finish()
        values = servers.metrics(port)
        figures["flood_poured"] = flood.poured if flood else 0
        figures["decoded"] = sum(value for key, value in values.items()
                                 if key.startswith("eavesdrop_audio_decoded_seconds_total"))
        if flood:
            flood.stop()
    return figures


def flood(options):
    chapter = sounds.read(sounds.DATA / sounds.LONG[1])
    results = {False: [], True: []}
    for turn in range(options.rounds):
        for has_flood in (False, True) if turn % 2 == 0 else (True, False):
            name = f"flood-{turn}-{'with' if has_flood else 'without'}"
            print(f"flood: {name}", file=sys.stderr, flush=True)
            results[has_flood].append(flood_run(options, name, has_flood, chapter))
    medians = {has_flood: [statistics.median(result[kind][share] for result in results[has_flood])
                           for kind in DELAYS for share in ("p50", "p95")] for has_flood in results}
    rows = [[name, *(seconds(value) for value in medians[has_flood]),
             sum(result["words_lost"] for result in results[has_flood])]
            for name, has_flood in (("without", False), ("with", True))]
    rows.append(["rise", *(f"{100 * (after / before - 1):+.0f} %"
                           for before, after in zip(medians[False], medians[True])), ""])
    text = tables.table(["flood", "word p50", "p95", "last p50", "p95", "final p50", "p95", "words lost"], rows)
    poured = statistics.median(result["flood_poured"] for result in results[True])
    return (f"{text}\n\n{max(1, options.holds // 2)} talkers for {options.seconds} s; medians of {options.rounds} "
            f"runs in turn, seconds. Meanwhile the flood had {poured / 60:.0f} minutes of sound taken in (median). "
            f"{below(options)}")


# --- the command ------------------------------------------------------------------------------


def main():
    runs = {"overload": overload, "admission": admission, "flood": flood}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", choices=runs)
    parser.add_argument("--holds", type=int, required=True)
    parser.add_argument("--times", type=float, default=2)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--few", type=int, default=4)
    parser.add_argument("--after", type=int, default=90, help="seconds that the few go on talking")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--audio", type=pathlib.Path, default=sounds.DATA / "librispeech-short")
    parser.add_argument("--model", default="base")
    parser.add_argument("--work", type=pathlib.Path, default=sounds.PROJECT / "build/overload", help="for logs, texts")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    servers.offline(options.audio, options.model, options.work)
    text = runs[options.run](options)
    print(text)
    if options.write and not tables.write_section(sounds.PROJECT / "docs/benchmarks.md", options.run, text,
                                                  tool="bench/overload.py"):
        sys.exit("overload: docs/benchmarks.md has no place for the table")


if __name__ == "__main__":
    main()
