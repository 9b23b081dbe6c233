#!/usr/bin/env python3
"""Does it disturb anybody when streams come and go? N cameras (GStreamer's RTSP server on loopback) play a
recording in turns while streams beside them are added, changed and removed by API. Prints how many words
each camera's text has before, while and after, and descriptors, children and memory before and after.

    build/venv/bin/python bench/managed.py --cameras 20 --changes 1000
"""

import argparse
import contextlib
import http.client
import json
import os
import socket
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/e2e"))
import processes
import speech

STREAMS = "/api/v1/streams"
PAUSE = 2  # seconds between two rounds of the recording


class UnixConnection(http.client.HTTPConnection):
    """A plain HTTP connection to a unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=120)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(120)
        self.sock.connect(str(self.path))


def call(connection, method, target, body=None):
    connection.request(method, target, json.dumps(body) if body is not None else None)
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status in (200, 201, 204), (method, target, answer.status, text)


def held(server):
    """What the server has: descriptors, children that read media, resident MiB."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return len(os.listdir(f"/proc/{server.pid}/fd")), len(server.media()), resident / 1024


def rounds(server, names):
    """The words of each round of the recording that each camera has said, by the rows' times."""
    path = f"file:{server.state_dir / 'journal.db'}?mode=ro"
    with contextlib.closing(sqlite3.connect(path, uri=True)) as database:
        rows = database.execute("SELECT stream, text FROM rows WHERE kind = 0 ORDER BY row").fetchall()
    return {name: speech.words(" ".join(text for stream, text in rows if stream == name)) for name in names}


def stir(server, changes, url):
    """Add, change and remove a stream, so many times."""
    with contextlib.closing(UnixConnection(server.state_dir / "eavesdrop.sock")) as connection:
        for i in range(changes):
            name = f"guest-{i % 7}"
            call(connection, "POST", STREAMS, {"name": name, "url": url})
            call(connection, "PATCH", f"{STREAMS}/{name}", {"pause": 0.5 + i % 10 / 10})
            call(connection, "DELETE", f"{STREAMS}/{name}")


def misses(words, reference):
    """The worst of whole rounds: words of the recording that are not in the text so often as it was played."""
    whole = len(words) // len(reference)
    counts = {word: words.count(word) / reference.count(word) for word in set(reference)}
    return whole, sorted(word for word, n in counts.items() if n < whole - 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, default=20)
    parser.add_argument("--changes", type=int, default=1000, help="adds, as many changes and as many removals")
    parser.add_argument("--recording", type=Path, default=processes.PROJECT.parent / "shared/data/misc/jfk.flac")
    parser.add_argument("--model-dir", type=Path, default=Path.home() / ".local/share/eavesdrop/models")
    options = parser.parse_args()
    os.environ.pop("XDG_RUNTIME_DIR", None)
    program = processes.PROJECT / os.environ.get("EAVESDROP_BUILD", "build/release") / "eavesdrop"
    reference = speech.words(options.recording.with_suffix(".txt").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder, processes.serving(program, options.model_dir, folder) as serve:
        folder = Path(folder)
        loop = numpy.concatenate([speech.load(options.recording), speech.silence(PAUSE)])
        loop_file = speech.save(folder / "loop.wav", loop)
        seconds = len(loop) / speech.RATE
        cameras = processes.Cameras([f"cam:pcma:{loop_file}:loop:shared", f"guest:pcma:{loop_file}:loop:shared"])
        try:
            names = [f"camera-{i}" for i in range(options.cameras)]
            lines = "".join(f"  {name}: {cameras.url('cam')}\n" for name in names)
            server = serve(f"sources: {{allow: 127.0.0.0/8}}\nstreams:\n{lines}")
            processes.wait_until(lambda: all(rounds(server, names).values()), 300, "text of all cameras")
            time.sleep(2 * seconds)
            before, began = held(server), time.monotonic()
            stir(server, options.changes, cameras.url("guest"))
            took = time.monotonic() - began
            time.sleep(2 * seconds)
            processes.wait_until(lambda: held(server)[1] == options.cameras, 60, "guests' children gone")
            after = held(server)
        finally:
            cameras.stop()
        time.sleep(seconds)
        print(f"{options.changes} adds, changes and removals in {took:.1f} s beside {options.cameras} cameras")
        print(f"{'':10}{'descriptors':>12}{'children':>10}{'memory (MiB)':>14}")
        for label, (descriptors, children, memory) in (("before", before), ("after", after)):
            print(f"{label:10}{descriptors:>12}{children:>10}{memory:>14.1f}")
        worst = {name: misses(words, reference) for name, words in rounds(server, names).items()}
        least = min(whole for whole, _ in worst.values())
        missed = {name: words for name, (_, words) in worst.items() if words}
        print(f"each camera said the recording at least {least} times; words missed: {missed or 'none'}")


main()
