#!/usr/bin/env python3
"""Many short files at once: what do they cost, and is every text right?

    build/venv/bin/python bench/uploads.py [--files 200] [--audio FOLDER] [--model base]

So many clients upload a recording each in one moment (eavesdrop dialect, source_mode "file"), the
recordings of the folder in turn. Each text is compared with what `eavesdrop transcribe` makes of the
file. EAVESDROP_MEDIA says what reads them.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/e2e"))
import processes
import speech
from quiet_streams import TICKS, Part


def upload(port, number, path, start):
    """(text, close code, seconds until the first text and until the end, or None, what was refused)."""
    texts, first, refusal = {}, None, ""
    options = {"source_mode": "file", "language": "en"}
    start.wait()
    began = time.monotonic()
    with connect(f"ws://127.0.0.1:{port}/", max_size=None, open_timeout=60) as socket:
        try:
            socket.send(json.dumps({"type": "setup", "timestamp": 0, "stream": f"file-{number}", "options": options}))
            socket.send(path.read_bytes())
            socket.send(b"END_OF_AUDIO")
            for message in map(json.loads, socket):
                if message["type"] == "error":
                    refusal = message["message"]
                for segment in message.get("segments", []):
                    if segment["completed"]:
                        first = first or time.monotonic() - began
                        texts[segment["id"]] = (segment["start"], segment["text"])
        except ConnectionClosed:
            pass
        code = socket.protocol.close_code
    text = "".join(text for _, text in sorted(texts.values()))
    return " ".join(speech.words(text)), code, first, time.monotonic() - began, refusal


def transcribed(program, models, model, paths):
    """{path: text} by `eavesdrop transcribe`."""
    command = [program, "transcribe", "--model-dir", models, "--model", model, "--language", "en"]
    done = subprocess.run([*map(str, command), "--format", "json", *map(str, paths)], check=True, capture_output=True)
    found = {}
    for line in done.stdout.decode().splitlines():
        answer = json.loads(line)
        found[answer["file"]] = " ".join(speech.words("".join(s["text"] for s in answer["segments"])))
    return [found[str(path)] for path in paths]


def processor_time(pid, is_with_children):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(fields[at]) for at in ((11, 12, 13, 14) if is_with_children else (11, 12))) / TICKS


class Watch(threading.Thread):
    """How many children there are at a time, and their memory, as often as it can be seen."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.is_over = server, threading.Event()
        self.most, self.memory, self.resident = 0, 0.0, 0.0

    def run(self):
        while not self.is_over.wait(0.05):
            try:
                children = self.server.media()
                parts = children + processes.children(self.server.pid, processes.MEDIA_PROCESS)
                self.most = max(self.most, len(children))
                self.memory = max(self.memory, Part("media", parts).memory("Pss"))
                self.resident = max(self.resident, Part("eavesdrop", [self.server.pid]).memory("Pss"))
            except OSError:
                continue  # one that ended meanwhile


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    data = Path(os.environ.get("EAVESDROP_TEST_DATA", processes.PROJECT.parent / "shared/data"))
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--audio", type=Path, default=data / "librispeech-short")
    parser.add_argument("--model", default="base")
    options = parser.parse_args()
    processes.become_subreaper()
    home = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share"))
    models = Path(os.environ.get("EAVESDROP_TEST_MODELS", home / "eavesdrop/models"))
    program = processes.PROJECT / os.environ.get("EAVESDROP_BUILD", "build/release") / "eavesdrop"
    folder = sorted(options.audio.glob("*.flac"))
    paths = [folder[n % len(folder)] for n in range(options.files)]
    expected = transcribed(program, models, options.model, folder)
    port = processes.free_port()
    with tempfile.TemporaryDirectory(prefix="uploads-") as place:
        server = processes.Server(program, f"listen: 127.0.0.1:{port}\nmodel: {options.model}\n", place, models, port)
        server.wait_ready()
        watch, start = Watch(server), threading.Event()
        watch.start()
        with concurrent.futures.ThreadPoolExecutor(options.files) as pool:
            waiting = [pool.submit(upload, port, n, path, start) for n, path in enumerate(paths)]
            began, before = time.monotonic(), processor_time(server.pid, False)
            start.set()
            results = [one.result() for one in waiting]
        passed = time.monotonic() - began
        watch.is_over.set()
        engine = processor_time(server.pid, False) - before
        nursery = processes.children(server.pid, processes.MEDIA_PROCESS)
        media = sum(processor_time(pid, True) for pid in nursery)
        media += processor_time(server.pid, True) - processor_time(server.pid, False)
        code = server.stop()
    report(options, expected, results)
    ends = sorted(result[3] for result in results)
    print(f"wall {passed:.1f} s; until the end of one: {ends[len(ends) // 2]:.1f} s (median), {ends[-1]:.1f} s (most)")
    print(f"processor time: eavesdrop {engine:.1f} s, media {media:.2f} s ({1e3 * media / options.files:.1f} ms a file)")
    print(f"children at once: {watch.most} seen; memory at most: media {watch.memory:.1f} MiB, eavesdrop {watch.resident:.0f} MiB")
    return code


def report(options, expected, results):
    codes = collections.Counter(result[1] for result in results)
    wrong = [n for n, result in enumerate(results) if result[0] != expected[n % len(expected)]]
    print(f"{options.files} uploads at once: closed with {dict(codes)}; {len(wrong)} texts are not transcribe's")
    for n in wrong[:10]:
        print(f"  {n}: {results[n][4] or results[n][0]!r} instead of {expected[n % len(expected)]!r}")


if __name__ == "__main__":
    sys.exit(main())
