#!/usr/bin/env python3
"""What clients that are slow on purpose, and clients that are only there, do to somebody who talks.

    build/venv/bin/python bench/slow_clients.py [--clients 1000] [--rounds 20] [--only plain|encrypted] [--write]

Against a fresh server, without encryption and with it: a talker alone; the talker beside --clients idle WebSockets and
as many slow-loris connections, which send a byte of a request's head a second (of the TLS handshake, every other one
of them) and come again when they are sent away, with the limits for one address lifted; and the same with the defaults.
They come from another loopback address than the talker, and have what processor time is left over. Tells how late the
talker's last word came, the cores that the server and the crowd had meanwhile, and how much the server's resident
memory grew for each idle WebSocket and for each slow connection. --write puts the table into docs/benchmarks.md.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import pathlib
import re
import resource
import ssl
import statistics
import subprocess
import sys
import threading
import time

import numpy

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from measure import machine, servers, sounds, tables  # noqa: E402
from websockets.exceptions import ConnectionClosed  # noqa: E402
from websockets.sync.client import connect  # noqa: E402

CROWD = "127.0.0.2"
RAISED = "per_address: {connections: 0, sessions: 0}\n"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + 60 * b"x"
HELLO = bytes([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]) + 60 * b"x"  # what a TLS handshake begins with
FRAME = 4096
SPOKEN = "6272-70171-0022.flac"  # whose last word is said once
AGAIN = 1.0  # seconds until somebody who was sent away comes again


# --- the crowd, in a process of its own -------------------------------------------------------


async def come(port, tls):
    return await asyncio.open_connection("127.0.0.1", port, ssl=tls, local_addr=(CROWD, 0),
                                         server_hostname="localhost" if tls else None)


async def be_idle(port, tls, present):
    """A WebSocket that says nothing. It is closed after half a minute, and opened again."""
    while True:
        with contextlib.suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError):
            reader, writer = await come(port, tls)
            try:
                writer.write(UPGRADE)
                if b" 101 " in await reader.readuntil(b"\r\n\r\n"):
                    present.value += 1
                    try:
                        await reader.read()
                    finally:
                        present.value -= 1
            finally:
                writer.transport.abort()
        await asyncio.sleep(AGAIN)


async def be_slow(port, tls, bytes_, present):
    """A byte a second, of a head or of a handshake."""
    while True:
        with contextlib.suppress(OSError, ssl.SSLError):
            reader, writer = await come(port, tls)
            present.value += 1
            gone = asyncio.ensure_future(reader.read())
            try:
                for place in range(len(bytes_)):
                    writer.write(bytes_[place : place + 1])
                    await asyncio.wait({gone}, timeout=1)
                    if gone.done():
                        break
            finally:
                present.value -= 1
                gone.cancel()
                writer.transport.abort()
        await asyncio.sleep(AGAIN)


def crowd(kind, n, port, has_tls, present):
    """`n` of them until the process is ended."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # they would have machines of their own
    tls = None
    if has_tls:
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE

    async def run():
        tasks = []
        for i in range(n):
            if kind == "idle":
                tasks.append(be_idle(port, tls, present))
            elif has_tls and i % 2:
                tasks.append(be_slow(port, None, HELLO, present))
            else:
                tasks.append(be_slow(port, tls, HEAD, present))
        await asyncio.gather(*tasks)

    asyncio.run(run())


@contextlib.contextmanager
def crowding(kind, n, port, has_tls, is_complete):
    """(the number of those who are there, their process), once it is `n` (where all are let in) or stands still."""
    present = multiprocessing.Value("i", 0)
    process = multiprocessing.Process(target=crowd, args=(kind, n, port, has_tls, present), daemon=True)
    process.start()
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and (present.value < n if is_complete else time.monotonic() < deadline - 50):
            time.sleep(0.1)
        yield present, process.pid
    finally:
        process.kill()
        process.join()


# --- the talker -------------------------------------------------------------------------------


def speech():
    """A recording's samples, its last word, and when that ends."""
    samples = sounds.read(sounds.DATA / "librispeech-short" / SPOKEN)
    lines = [line.split("\t") for line in (HERE / "word_times/librispeech-short.tsv").read_text().splitlines()]
    _, word, _, end = [line for line in lines if line[0] == SPOKEN][-1]
    return samples, word.strip(".").lower(), float(end)


def talk(port, tls, spoken):
    """Seconds from the end of the last word to its text; None when it did not come."""
    samples, word, end = spoken
    url = f"{'wss' if tls else 'ws'}://127.0.0.1:{port}"
    with connect(url, ssl=tls, compression=None, ping_interval=None, max_size=None, open_timeout=60) as talker:
        hello = {"uid": "talker", "language": "en", "task": "transcribe", "model": "base", "use_vad": True}
        talker.send(json.dumps(hello))
        is_heard, heard_at = threading.Event(), []

        def listen():
            with contextlib.suppress(ConnectionClosed):
                for message in talker:
                    text = " ".join(segment["text"] for segment in json.loads(message).get("segments", []))
                    if word in text.lower() and not is_heard.is_set():
                        heard_at.append(time.monotonic())
                        is_heard.set()

        threading.Thread(target=listen, daemon=True).start()
        started = time.monotonic()
        sound = numpy.concatenate([samples, numpy.zeros(2 * sounds.RATE, numpy.float32)])
        for place in range(0, len(sound), FRAME):
            frame = sound[place : place + FRAME]
            time.sleep(max(0, started + (place + len(frame)) / sounds.RATE - time.monotonic()))
            talker.send(frame.astype("<f4").tobytes())
        is_heard.wait(60)
        return heard_at[0] - started - end if heard_at else None


def rounds(options, port, tls, spoken):
    return [talk(port, tls, spoken) for _ in range(options.rounds)]


def resident(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Cores:
    """Cores that some processes have from now on."""

    def __init__(self, *pids):
        self.pids, self.started, self.before = pids, time.monotonic(), [cpu_seconds(pid) for pid in pids]

    def so_far(self):
        seconds = time.monotonic() - self.started
        return [(cpu_seconds(pid) - before) / seconds for pid, before in zip(self.pids, self.before)]


# --- the runs ---------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(options, has_tls, settings):
    """(port, process id, the talker's TLS)"""
    tls, port = None, servers.free_port()
    if has_tls:
        folder = options.work / "certificates"
        subprocess.run([servers.PROGRAM, "certificate", "new", "localhost", "127.0.0.1", "--state-dir", options.work],
                       check=True, stdout=subprocess.DEVNULL)
        settings += f"tls: {{certificate: '{folder}/server.pem', key: '{folder}/server.key'}}\n"
        tls = ssl.create_default_context(cafile=folder / "authority.pem")
    with servers.serving("eavesdrop", port, options.work, "base", settings=f"language: en\n{settings}") as process:
        talk(port, tls, options.spoken)  # what is made once is made
        yield port, process.pid, tls


def crowded(options, has_tls, is_raised):
    """(delays, idle and slow ones let in, bytes for an idle one, bytes for a slow one, cores of the server, the crowd)"""
    with serving(options, has_tls, RAISED if is_raised else "") as (port, pid, tls):
        before = resident(pid)
        with crowding("idle", options.clients, port, has_tls, is_raised) as (idle, idle_pid):
            with_idle, n_idle = resident(pid), idle.value
            with crowding("slow", options.clients, port, has_tls, is_raised) as (slow, slow_pid):
                with_slow, n_slow = resident(pid), slow.value
                cores = Cores(pid, idle_pid, slow_pid)
                delays = rounds(options, port, tls, options.spoken)
                server, *crowds = cores.so_far()
    grown = (with_idle - before) / max(1, n_idle), (with_slow - with_idle) / max(1, n_slow)
    return delays, (n_idle, n_slow), grown, (server, sum(crowds))


def alone(options, has_tls):
    with serving(options, has_tls, "") as (port, pid, tls):
        cores = Cores(pid)
        return rounds(options, port, tls, options.spoken), cores.so_far()[0]


def delay_cells(delays):
    came = sorted(one for one in delays if one is not None)
    if not came:
        return ["–", "–", len(delays)]
    p95 = came[min(len(came) - 1, round(0.95 * (len(came) - 1)))]
    return [f"{statistics.median(came):.2f}", f"{p95:.2f}", len(delays) - len(came)]


def measure(options):
    rows = []
    for name in [options.only] if options.only else ["plain", "encrypted"]:
        has_tls = name == "encrypted"
        print(f"slow_clients: {name}", file=sys.stderr, flush=True)
        delays, server = alone(options, has_tls)
        rows.append([name, "alone", "", *delay_cells(delays), f"{server:.2f}", "", "", ""])
        for is_raised in (True, False):
            delays, there, grown, cores = crowded(options, has_tls, is_raised)
            memory = [f"{each / 1000:.1f}" for each in grown] if is_raised else ["", ""]
            rows.append([name, "limits lifted" if is_raised else "defaults", f"{there[0]} and {there[1]}",
                         *delay_cells(delays), *[f"{each:.2f}" for each in cores], *memory])
    text = tables.table(["port", "the crowd", "idle and slow that are let in", "last word p50, s", "p95", "never",
                         "cores of the server", "of the crowd", "kB for an idle one", "kB for a slow one"], rows)
    return (f"{text}\n\n{options.clients} idle WebSockets and {options.clients} slow-loris connections beside a talker "
            f"who says the same {options.rounds} times. {machine.describe()}; load average {machine.load():.1f}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", choices=["plain", "encrypted"])
    parser.add_argument("--work", type=pathlib.Path, default=sounds.PROJECT / "build/slow_clients", help="for logs, keys")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    options.spoken = speech()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    text = measure(options)
    print(text)
    if options.write and not tables.write_section(sounds.PROJECT / "docs/benchmarks.md", "slow clients", text,
                                                  tool="bench/slow_clients.py"):
        sys.exit("slow_clients: docs/benchmarks.md has no place for the table")


if __name__ == "__main__":
    main()
