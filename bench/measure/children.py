"""The programs that are measured, each a child that answers line by line and sleeps in between."""

import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import time

from measure import sounds
from measure.sounds import PROJECT

BUILD = PROJECT / "build/release"
HERE = pathlib.Path(__file__).resolve().parent
THREADS = 2

# Threads of OpenMP's that spin for a while and then sleep.
SHORT_SPIN = {"GOMP_SPINCOUNT": "10000", "OMP_WAIT_POLICY": "passive"}


class Failure(Exception):
    """A child that could not be started, died or took too long."""


class Refusal(Failure):
    """A child that lives, but did not do what it was asked."""


class Child:
    """The first line that it says, when it is ready, is `ready`."""

    def __init__(self, name, command, environment=None, timeout=300):
        self.name = name
        self.buffer = b""
        self.started = time.monotonic()
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env={**os.environ, **(environment or {})}, bufsize=0)
        self.ready = self.read(timeout)

    def read(self, timeout):
        deadline = time.monotonic() + timeout
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                self.close()
                raise Failure(f"{self.name}: no answer within {timeout:.0f} s")
            chunk = os.read(self.process.stdout.fileno(), 1 << 20)
            if not chunk:
                raise Failure(f"{self.name}: ended with {self.process.wait()}")
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\n", 1)
        answer = json.loads(line)
        if "error" in answer:
            raise Refusal(f"{self.name}: {answer['error']}")
        return answer

    def ask(self, *words, timeout=600):
        try:
            self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())
        except OSError as problem:
            raise Failure(f"{self.name}: {problem}") from problem
        return self.read(timeout)

    def seconds(self, *words):
        return self.ask(*words)["seconds"]

    def memory(self, key="VmRSS"):
        """Megabytes: VmRSS now, VmHWM the most since forget_peak()."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith(key))

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def close(self):
        """Children end when nobody speaks to them; what does not is ended."""
        if self.process.stdout.closed:
            return
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.process.stdout.close()


def ours(model, compute="auto", threads=THREADS, engines=1, slots=0):
    """`slots`: windows in an engine at a time; 0: as many as the program takes."""
    return Child(f"eavesdrop {compute}", [BUILD / "bench/engine_bench", model, "--threads", threads, "--engines",
                                          engines, "--slots", slots, "--compute", compute])


def answers(child, found, wishes=(), shape="-", beam=1):
    """What a child of ours makes of the sounds, all at once: an answer for each. `wishes` are NAME=VALUE, as its
    `options` takes them."""
    with tempfile.NamedTemporaryFile() as file:
        sounds.write(file.name, found)
        child.ask("options", *wishes)
        child.ask("sounds", file.name)
    return child.ask("decode", 0, len(found), beam, 0, shape, timeout=3600)["answers"]


def text(answer):
    return "".join(segment["text"] for segment in answer["segments"])


def faster_whisper(model, compute, waiting=None):
    """`waiting`: settings of its OpenMP runtime; by default its own."""
    return Child(f"faster-whisper {compute}",
                 [sys.executable, HERE / "faster_whisper_peer.py", model, compute, THREADS],
                 {"OMP_NUM_THREADS": str(THREADS), **(waiting or {})})


def faster_whisper_at_its_best(model, compute, path):
    """With the OpenMP settings that it is faster with here: a short spin, or its own."""
    short, own = faster_whisper(model, compute, SHORT_SPIN), faster_whisper(model, compute)
    short.waiting, own.waiting = "a short spin, then sleep", "its own settings"
    for child in (short, own):
        child.ask("sounds", path)
    taken = {short: [], own: []}
    try:
        for _ in range(3):
            taken[short].append(short.seconds("text", 0))
            # On a busy machine threads that spin take forever: no need to wait for the end.
            taken[own].append(own.ask("text", 0, timeout=5 + 5 * taken[short][0])["seconds"])
    except Failure:
        own.close()
        return short
    # The first ones are to warm up.
    best = min(taken, key=lambda child: sum(taken[child][1:]))
    (own if best is short else short).close()
    return best


def whisper_cpp(build, ggml):
    return Child("whisper.cpp", [build / "whisper_cpp_peer", ggml, THREADS])


def text_peer(venv, name, model, environment=None):
    """One of text_peer.py's."""
    return Child(name, [venv / "bin/python", HERE / "text_peer.py", name, model, THREADS], environment)


def roofline():
    return Child("roofline", [BUILD / "bench/engine_bench", "roofline", THREADS])
