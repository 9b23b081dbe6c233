#!/usr/bin/env python3
"""Half an hour of churn: media children killed 20 times, the RTSP server away for a minute, clients that
come, talk, leave or are cut. Prints a table of memory (resident; malloc's: used, and free but kept;
of files: program and libraries), descriptors, threads and children over time, and whether text
went on after each blow. Not part of make test.

A crowd comes first, so that what the engine keeps for its largest batch is there when the count
begins; from then on memory must stay within 2 %: the least of a quarter, since what windows take
comes and goes with those who talk.

    build/venv/bin/python tests/e2e/soak.py [--minutes 30] [--kills 20] [--quiet 15]
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy
import processes
import speech
from eavesdrop_client import EavesdropClient
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

SAMPLE_EVERY = 15  # seconds
TEXT_WITHIN = 60  # seconds, after a blow
NOISE = 10 ** (-55 / 20)  # of a quiet stream, RMS
GROWTH_MAX = 1.02  # of memory, from the second quarter to the last
TRY_AGAIN_LATER = 1013  # the close code of a server that is too far behind


class Visitor(threading.Thread):
    """Clients one after the other: join, talk a while, leave politely or not at all."""

    def __init__(self, port, utterances, seed):
        super().__init__(daemon=True)
        self.port, self.utterances, self.dice = port, utterances, random.Random(seed)
        self.is_over = threading.Event()
        self.n_visits = self.n_texts = self.n_refused = self.n_failures = 0

    def run(self):
        while not self.is_over.is_set():
            visit = self.dice.choice([self.polite, self.polite, self.cut, self.whisperlive])
            try:
                visit(self.dice.choice(self.utterances))
                self.n_visits += 1
            except (AssertionError, OSError, ConnectionClosed, TimeoutError) as error:
                if isinstance(error, ConnectionClosed) and error.rcvd and error.rcvd.code == TRY_AGAIN_LATER:
                    self.n_refused += 1
                else:
                    self.n_failures += 1
                    print(f"# a visit failed: {type(error).__name__}: {error}", flush=True)
            self.is_over.wait(self.dice.uniform(0, 5))

    def polite(self, samples):
        client = EavesdropClient(self.port)
        try:
            client.setup()
            client.record()
            client.send_sound(samples)
            client.end()
            client.wait_close(60)
            self.n_texts += bool(client.text())
        finally:
            client.close()

    def cut(self, samples):
        """Gone in mid-sentence, without a close frame."""
        client = EavesdropClient(self.port)
        client.setup()
        client.record()
        client.send_sound(samples[: len(samples) // 2])
        client.socket.socket.shutdown(2)
        client.close()

    def whisperlive(self, samples):
        with connect(f"ws://127.0.0.1:{self.port}/") as raw:
            hello = {"uid": "soak", "language": "en", "task": "transcribe", "model": "base"}
            raw.send(json.dumps(hello))
            raw.recv(timeout=30)
            for place in range(0, len(samples), 4096):
                raw.send(samples[place : place + 4096].tobytes())
                time.sleep(4096 / speech.RATE)
            raw.send(b"END_OF_AUDIO")
            try:
                while True:
                    raw.recv(timeout=60)
            except ConnectionClosed:
                pass


class Soak:
    def __init__(self, options):
        home = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share"))
        models = Path(os.environ.get("EAVESDROP_TEST_MODELS", home / "eavesdrop/models"))
        data = Path(os.environ.get("EAVESDROP_TEST_DATA", processes.PROJECT.parent / "shared/data"))
        program = processes.PROJECT / os.environ.get("EAVESDROP_BUILD", "build/release") / "eavesdrop"
        self.folder = Path(options.keep or tempfile.mkdtemp(prefix="soak-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.options = options
        samples = numpy.concatenate([speech.load(data / "misc/jfk.flac"), speech.silence(3)])
        loop = speech.save(self.folder / "loop.wav", samples)
        self.cameras = {
            "steady": processes.Cameras([f"steady:pcma:{loop}:loop"]),
            "shaky": processes.Cameras([f"shaky:aac:{loop}:loop"]),
        }
        port = processes.free_port()
        streams = "".join(f"  {name}: {camera.url(name)}\n" for name, camera in self.cameras.items())
        noise = numpy.random.default_rng(1).normal(0, NOISE, 60 * speech.RATE).astype("float32")
        noise = speech.save(self.folder / "noise.wav", noise)
        streams += "".join(f"  quiet-{n}: {{url: {noise}, loop: true}}\n" for n in range(options.quiet))
        config = f"listen: 127.0.0.1:{port}\nmodel: base\nlanguage: en\nstreams:\n{streams}"
        self.server = processes.Server(program, config, self.folder, models, port).wait_ready()
        self.subscriber = EavesdropClient(port, role="rtsp_subscriber", streams="steady,shaky")
        flacs = sorted((data / "librispeech-short").glob("*.flac"))[:12]
        self.utterances = [speech.load(path) for path in flacs]
        self.visitors = [Visitor(port, self.utterances, seed) for seed in range(options.clients)]
        self.crowd(port)
        self.start = time.monotonic()
        self.rows = []
        self.n_silent = 0
        self.n_kills = 0

    def crowd(self, port):
        visitors = [Visitor(port, self.utterances, 100 + seed) for seed in range(self.options.crowd)]
        for visitor in visitors:
            visitor.start()
        time.sleep(self.options.warm)
        for visitor in visitors:
            visitor.is_over.set()
        for visitor in visitors:
            visitor.join(120)

    def now(self):
        return time.monotonic() - self.start

    def sample(self):
        pid = self.server.pid
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
        )
        status_code, page = self.server.http("/metrics")
        if status_code != 200:
            print(f"# no answer to a scrape: {page}", flush=True)
            return
        metrics = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
        heap = {state: float(metrics[f'eavesdrop_heap_bytes{{state="{state}"}}']) / 2**20 for state in ("used", "free")}
        row = {
            "minute": self.now() / 60,
            "rss_mb": int(status["VmRSS"].split()[0]) / 1024,
            "used_mb": heap["used"],
            "free_mb": heap["free"],
            "files_mb": int(status["RssFile"].split()[0]) / 1024,
            "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
            "threads": int(status["Threads"]),
            "children": len(self.server.media()),
            "visits": sum(visitor.n_visits for visitor in self.visitors),
            "texts": len([m for m in self.subscriber.messages if m["type"] == "transcription"]),
        }
        if not self.rows:
            print("".join(f"{name:>12}" for name in row), flush=True)
        self.rows.append(row)
        print("".join(f"{value:12.1f}" if isinstance(value, float) else f"{value:12}" for value in row.values()), flush=True)

    def expect_text(self, what, stream):
        """Wait for text of that stream; False when it does not come in time."""
        n_heard, when = len(self.subscriber.messages), self.now()
        try:
            self.subscriber.wait(
                lambda m: m["type"] == "transcription" and m["stream"] == stream and len(m["segments"]) > 1,
                TEXT_WITHIN,
                n_heard,
            )
            print(f"# {what}: text of {stream} after {self.now() - when:.1f} s", flush=True)
        except AssertionError:
            self.n_silent += 1
            print(f"# {what}: NO TEXT of {stream} within {TEXT_WITHIN} s", flush=True)

    def kill_one(self, dice):
        # Text follows those of the cameras; the quiet streams' processes may be hit, too. Every
        # fourth time it is the media process itself, and with it all that it started.
        nurseries = processes.children(self.server.pid, processes.MEDIA_PROCESS)
        is_nursery = nurseries and self.n_kills % 4 == 3
        pids = nurseries if is_nursery else self.server.media()
        self.n_kills += 1
        if pids:
            os.kill(dice.choice(pids), signal.SIGKILL)
        for stream in self.cameras:
            self.expect_text("media process killed" if is_nursery else "media child killed", stream)

    def camera_away(self):
        self.cameras["shaky"].stop()
        print("# the RTSP server is away for a minute", flush=True)
        self.expect_text("the other camera is away", "steady")
        time.sleep(60)
        self.cameras["shaky"].restart()
        self.expect_text("the RTSP server is back", "shaky")

    def churn(self):
        seconds = self.options.minutes * 60
        dice = random.Random(1)
        kills = [(n + 0.5) * seconds / self.options.kills for n in range(self.options.kills)]
        away_at = seconds * 0.45
        for visitor in self.visitors:
            visitor.start()

        def blows():
            nonlocal away_at
            while self.now() < seconds:
                if kills and self.now() >= kills[0]:
                    kills.pop(0)
                    self.kill_one(dice)
                if away_at and self.now() >= away_at:
                    away_at = None
                    self.camera_away()
                time.sleep(0.2)

        hitter = threading.Thread(target=blows, daemon=True)
        hitter.start()
        while self.now() < seconds:
            self.sample()
            time.sleep(SAMPLE_EVERY)
        hitter.join(2 * TEXT_WITHIN + 60)
        for visitor in self.visitors:
            visitor.is_over.set()
        for visitor in self.visitors:
            visitor.join(90)
        time.sleep(5)
        self.sample()

    def verdict(self):
        """Compare the second quarter (warm) with the last: is anything growing?"""
        n = len(self.rows)
        early, late = self.rows[n // 4 : n // 2], self.rows[3 * n // 4 :]
        mean = lambda rows, name: sum(row[name] for row in rows) / max(len(rows), 1)
        least = lambda rows, name: min(row[name] for row in rows)
        for name in ("rss_mb", "used_mb", "free_mb", "files_mb", "descriptors", "threads", "children"):
            print(
                f"{name}: {mean(early, name):.1f} in the second quarter, {mean(late, name):.1f} in the last;"
                f" at least {least(early, name):.1f} and {least(late, name):.1f}"
            )
        failures = sum(visitor.n_failures for visitor in self.visitors)
        refused = sum(visitor.n_refused for visitor in self.visitors)
        print(
            f"visits {self.rows[-1]['visits']}, refused since too busy {refused}, failed {failures};"
            f" blows without text after them: {self.n_silent}"
        )
        grows = least(late, "rss_mb") > GROWTH_MAX * least(early, "rss_mb") or self.rows[-1]["descriptors"] > self.rows[0]["descriptors"] + 3
        return 1 if grows or failures or self.n_silent else 0

    def stop(self):
        code = self.server.stop()
        for camera in self.cameras.values():
            camera.stop()
        print(f"the server ended with {code}; its log is {self.server.log_path}")
        return code


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--clients", type=int, default=3, help="how many visit at a time")
    parser.add_argument("--crowd", type=int, default=16, help="how many come first")
    parser.add_argument("--warm", type=float, default=60, help="seconds that the crowd stays")
    parser.add_argument("--quiet", type=int, default=0, help="further streams, of nothing but noise")
    parser.add_argument("--keep", help="folder for the log")
    options = parser.parse_args()
    processes.become_subreaper()
    soak = Soak(options)
    try:
        soak.churn()
        verdict = soak.verdict()
    finally:
        code = soak.stop()
    return verdict or code


sys.exit(main())
