#!/usr/bin/python3
"""Stands in for eavesdrop-media in tests: what it and its children do, and do wrong, is asked for
by the last part of each address (media/control.h and media/records.h are what it speaks).

usage: fake_nursery.py [deaf | dies | SOUND]    deaf: it reads no packet; dies: it ends at once;
                                                SOUND: a file of s16 that some children play
"""

import json
import os
import select
import signal
import socket
import struct
import sys
import time

SAMPLES, OPENED, GAP, JUMP, TITLE, PROGRESS, WARNING, END = range(1, 9)
TRACK = {"codec": "pcm_alaw", "rate": 8000, "channels": 1, "language": "de", "title": "", "level": -20.5}


class Records:
    """The child's end of its pipe."""

    def __init__(self, descriptor):
        self.descriptor, self.time, self.is_opened = descriptor, 0, False

    def write(self, kind, payload):
        data = struct.pack("=B3xI", kind, len(payload)) + payload
        while data:
            data = data[os.write(self.descriptor, data) :]

    def tell(self, kind, **members):
        self.write(kind, json.dumps(members).encode())

    def samples(self, n, value=1000):
        if not self.is_opened:
            self.opened()
        self.write(SAMPLES, struct.pack("=q", self.time) + struct.pack("=h", value) * n)
        self.time += n

    def opened(self, is_finite=False):
        self.is_opened = True
        tracks = [TRACK, {**TRACK, "language": "en", "level": None}]
        self.tell(
            OPENED, container="rtsp", is_finite=is_finite, duration=None, tracks=tracks, chosen=1, why="the first that speaks"
        )

    def end(self, fault="none", words="", seconds=0):
        self.tell(END, fault=fault, words=words, seconds=seconds)


def live(records):
    records.opened()
    while True:
        records.samples(1600)
        time.sleep(0.05)


def endless(records):
    while True:
        records.samples(4096)


def tone(records):
    records.opened(is_finite=True)
    for _ in range(10):
        records.samples(1600)
    records.end()


def notes(records):
    records.opened()
    records.tell(GAP, seconds=4.5)
    records.samples(160)
    records.tell(PROGRESS)
    records.tell(TITLE, title="a song")
    records.tell(WARNING, words="three tracks, all silent")
    records.tell(JUMP, seconds=-30.5)
    records.samples(160)
    records.end("damaged", "a broken frame", 12.5)


def jumps(records):
    """Somebody speaks, and in the middle of it the clock jumps. Then nothing comes."""
    with open(sys.argv[1], "rb") as file:
        said = file.read()
    records.opened()
    for at in range(0, len(said), 3200):
        piece = said[at : at + 3200]
        records.write(SAMPLES, struct.pack("=q", records.time) + piece)
        records.time += len(piece) // 2
    records.tell(JUMP, seconds=3600)
    time.sleep(1000)


def garbage(records):
    records.samples(160)
    os.write(records.descriptor, b"\xff" * 4096)
    time.sleep(1000)


def dies(records):
    records.samples(160)
    os.kill(os.getpid(), signal.SIGKILL)


def stops(records):
    # Else a SIGTERM may come before it has stopped itself.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    records.samples(160)
    os.kill(os.getpid(), signal.SIGSTOP)


def stubborn(records):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    records.samples(160)
    time.sleep(1000)


def polite(records):
    signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
    records.samples(160)
    time.sleep(1000)


def refused(records):
    records.end("protocol", "10.0.0.1 is nearer than the address that was asked for")


def closed(records):
    records.end("address", "127.0.0.1")


def denied(records):
    records.end("credentials")


def away(records):
    records.end("refused")


def status(_records):
    os._exit(3)


CHILDREN = {
    f.__name__: f
    for f in (live, endless, tone, notes, jumps, garbage, dies, stops, stubborn, polite, refused, closed, denied, away, status)
}


def echo(records, descriptor):
    """What comes is what is heard; of what begins with an exclamation mark a warning is told."""
    records.opened(is_finite=True)
    while data := os.read(descriptor, 4096):
        if data[0] == ord("!"):
            records.tell(WARNING, words="its 2 sound tracks are silent")
        records.samples(len(data), value=data[0])
    records.end()


class Nursery:
    def __init__(self):
        self.socket = socket.socket(fileno=0)
        self.ids = {}  # of the children, by process

    def tell(self, **members):
        self.socket.send(json.dumps(members).encode())

    def start(self, packet, descriptors):
        wish = packet.get("url", "").rsplit("/", 1)[-1]
        if wish == "failed":
            self.tell(event="failed", id=packet["id"], errno=11)
        elif wish == "stuck":
            time.sleep(1000)
        elif wish == "end":
            os._exit(3)
        elif wish == "nonsense":
            self.socket.send(b"{no json")
        else:
            pid = os.fork()
            if pid == 0:
                self.socket.close()
                if packet["kind"] == "network":
                    CHILDREN[wish](Records(descriptors[0]))
                else:
                    echo(Records(descriptors[0]), descriptors[1])
                os._exit(0)
            self.ids[pid] = packet["id"]
            self.tell(event="started", id=packet["id"], pid=pid)
        for descriptor in descriptors:
            os.close(descriptor)

    def handle(self, packet, descriptors):
        if packet["do"] == "start":
            self.start(packet, descriptors)
        elif packet["do"] == "signal":
            for pid in [pid for pid, number in self.ids.items() if number == packet["id"]]:
                os.kill(pid, packet["signal"])

    def reap(self):
        while self.ids:
            pid, how = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self.tell(
                event="ended",
                id=self.ids.pop(pid),
                status=os.WEXITSTATUS(how) if os.WIFEXITED(how) else 0,
                signal=os.WTERMSIG(how) if os.WIFSIGNALED(how) else 0,
            )

    def run(self):
        while True:
            if select.select([self.socket], [], [], 0.005)[0]:
                data, descriptors, _, _ = socket.recv_fds(self.socket, 16384, 2)
                if not data:
                    break
                self.handle(json.loads(data), descriptors)
            self.reap()
        for pid in self.ids:
            os.kill(pid, signal.SIGKILL)


def main():
    if sys.argv[1:] == ["deaf"]:
        time.sleep(1000)
    if sys.argv[1:] == ["dies"]:
        sys.exit(4)
    Nursery().run()


main()
