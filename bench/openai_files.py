#!/usr/bin/env python3
"""OpenAI's API for files: how soon is text told while a file is heard, and what do many files at once cost?

    build/venv/bin/python bench/openai_files.py [--minutes 10] [--files 100] [--seconds 10] [--model base]

A long recording goes to `eavesdrop transcribe`, then to the server whole, then with stream=true: the time of each, of the
first delta, and how many words the texts differ by.

Then so many short recordings are sent in one moment. Each text is compared with what `eavesdrop transcribe` makes of the
file; printed are the times until the answers, and the server's memory. Two live clients (eavesdrop-bench) speak beside
them, and before them alone: how late are their last words?
"""

import argparse
import collections
import concurrent.futures
import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/e2e"))
import numpy
import processes
import speech
from recordings import DATA
from uploads import Watch, transcribed

EDGE = "edge7f3a"


def form(path, **fields):
    parts = [f'--{EDGE}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields.items()]
    head = f'--{EDGE}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'.encode()
    return b"".join([*parts, head, path.read_bytes(), f"\r\n--{EDGE}--\r\n".encode()])


def post(port, body, start=None):
    """(status, words, seconds until the first text and until the end)."""
    if start:
        start.wait()
    began, first, text = time.monotonic(), None, None
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=1200)) as connection:
        connection.request("POST", "/v1/audio/transcriptions", body, {"Content-Type": f"multipart/form-data; boundary={EDGE}"})
        answer = connection.getresponse()
        if answer.headers["Content-Type"] == "text/event-stream":
            for line in answer:
                first = first or ("delta" in line.decode() and time.monotonic() - began) or None
                if line.startswith(b"data:"):
                    text = json.loads(line[5:]).get("text", text)
        else:
            text = json.loads(answer.read()).get("text")
    passed = time.monotonic() - began
    return answer.status, " ".join(speech.words(text or "")), first or passed, passed


def talkers(options, port):
    """eavesdrop-bench with two live clients."""
    bench = processes.PROJECT / os.environ.get("EAVESDROP_BUILD", "build/release") / "eavesdrop-bench"
    audio = Path(os.environ.get("EAVESDROP_TEST_DATA", processes.PROJECT.parent / "shared/data")) / "librispeech-short"
    command = [bench, "live", "--url", f"ws://127.0.0.1:{port}", "--audio", audio, "-n", "2", "--seconds", options.talkers]
    command += ["--language", "en", "--settle", "5"]
    return subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def long_file(options, program, models, port, place):
    found = sorted(path for path in (DATA / "librispeech-long").iterdir() if path.suffix in (".flac", ".opus"))
    samples = numpy.concatenate([speech.load(path) for path in found])[: int(options.minutes * 60 * speech.RATE)]
    talk = speech.save(place / "long.wav", samples)
    began = time.monotonic()
    [expected] = transcribed(program, models, options.model, [talk])
    alone = time.monotonic() - began
    print(f"{len(samples) / speech.RATE / 60:.1f} minutes: transcribe {alone:.1f} s, its start included", flush=True)
    for name, fields in (("whole", {}), ("stream=true", {"stream": "true"})):
        status, text, first, passed = post(port, form(talk, language="en", **fields))
        differs = speech.error_rate(expected, text)
        print(f"  {name}: {status}, first text {first:.2f} s, all {passed:.1f} s = {passed / alone:.2f} times; {100 * differs:.2f} % other words", flush=True)
    return samples


def many_files(options, program, models, server, place, samples):
    length = int(options.seconds * speech.RATE)
    cuts = [samples[at : at + length] for at in range(0, len(samples) - length + 1, length)][: options.files]
    pieces = [speech.save(place / f"piece-{n}.wav", cut) for n, cut in enumerate(cuts)]
    expected = transcribed(program, models, options.model, pieces)
    bodies = [form(pieces[n % len(pieces)], language="en") for n in range(options.files)]
    if options.talkers:
        print("two talkers alone:", talkers(options, server.port).communicate()[0], sep="\n", flush=True)
    watch, start = Watch(server), threading.Event()
    watch.start()
    with concurrent.futures.ThreadPoolExecutor(options.files) as pool:
        waiting = [pool.submit(post, server.port, body, start) for body in bodies]
        beside = talkers(options, server.port) if options.talkers else None
        start.set()
        results = [one.result() for one in waiting]
    watch.is_over.set()
    wrong = [n for n, result in enumerate(results) if result[1] != expected[n % len(expected)]]
    ends = sorted(result[3] for result in results)
    print(f"{options.files} files of {options.seconds} s at once: {dict(collections.Counter(r[0] for r in results))}; {len(wrong)} texts are not transcribe's")
    print(f"  answered after {ends[0]:.1f} s (first), {ends[len(ends) // 2]:.1f} s (median), {ends[-1]:.1f} s (last)")
    peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text())
    print(f"  memory at most: eavesdrop {watch.resident:.0f} MiB (peak ever {int(peak[1]) / 1024:.0f}), media {watch.memory:.1f} MiB; {watch.most} children")
    if beside:
        print("two talkers beside them:", beside.communicate()[0], sep="\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--talkers", type=float, default=60, help="seconds that the live clients speak; 0: none")
    parser.add_argument("--model", default="base")
    options = parser.parse_args()
    processes.become_subreaper()
    home = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share"))
    models = Path(os.environ.get("EAVESDROP_TEST_MODELS", home / "eavesdrop/models"))
    program = processes.PROJECT / os.environ.get("EAVESDROP_BUILD", "build/release") / "eavesdrop"
    port = processes.free_port()
    with tempfile.TemporaryDirectory(prefix="openai-files-") as name:
        place = Path(name)
        server = processes.Server(program, f"listen: 127.0.0.1:{port}\nmodel: {options.model}\nlanguage: en\n", place, models, port)
        server.wait_ready()
        samples = long_file(options, program, models, port, place)
        many_files(options, program, models, server, place, samples)
        return server.stop()


if __name__ == "__main__":
    sys.exit(main())
