#!/usr/bin/env python3
"""GET /api/v1/events: is a reader that is cut off told all, and once? What do many readers of one stream cost?

    build/venv/bin/python bench/events.py [--cuts 50] [--restarts 5] [--readers 500] [--seconds 30]

Cuts: a server plays speech, and keeps it; a reader is cut off after some events and comes back with the last cursor
that it has had, by server-sent events and WebSockets in turn, now and then through a restart of the server. What it was
told is compared with the journal. Exits with 1 when a row is missing, or was told twice.

Readers: first one, then many readers have all kinds of events of one stream. Prints the CPU time of the server's loop for each,
and how long after the first of them the others had the same event. The readers take turns on the same machine.
"""

import argparse
import asyncio
import contextlib
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/e2e"))
import processes
from test_42_events import Follower, make_rows, rows

from recordings import recordings


def loop_seconds(pid):
    """Processor time of the server's event loop, its main thread: what decodes is told apart."""
    fields = Path(f"/proc/{pid}/task/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cuts(start, config, options):
    server = start(config)
    follower, is_over, number = Follower(options.cuts), threading.Event(), random.Random(1)
    restarts = set(number.sample(range(options.cuts), min(options.restarts, options.cuts)))

    def happen():
        while not is_over.is_set():
            with contextlib.suppress(Exception):  # while the server is away
                make_rows(server, 1)
            time.sleep(0.01)

    happening = threading.Thread(target=happen)
    happening.start()
    for cut in range(options.cuts):
        print(f"cut {cut + 1} of {options.cuts}: {len(follower.cursors)} rows told", flush=True)
        follow = follower.follow_socket if cut % 2 else follower.follow
        if cut in restarts:
            reading = threading.Thread(target=follow, args=(server.port, 10**6))
            reading.start()
            time.sleep(number.uniform(0, 2))
            server.stop()
            reading.join()
            server = start(config, listen=server.port)
        else:
            follow(server.port, number.randint(1, 40))
    is_over.set()
    happening.join()
    make_rows(server, 1)
    last = rows(server)[-1]
    print(f"reading on to row {last}", flush=True)
    while follower.cursors[-1] < last:
        # Not more than are there: who waits for the next is told of it when somebody has said something.
        follower.follow(server.port, 1 + sum(row > follower.cursors[-1] for row in rows(server)))
    kept, told = rows(server), follower.cursors
    kept = kept[: len(told)] if told[-1] >= last else kept
    missing, twice = set(kept) - set(told), len(told) - len(set(told))
    print(f"{options.cuts} cuts, {len(restarts)} of them restarts: {len(told)} rows told, {len(missing)} missing, {twice} twice")
    return told == kept


async def read(port, name, times, is_over):
    """Note when each event that is a row, or a tail, was had."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(f"GET /api/v1/events?stream={name} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    while not is_over.is_set():
        try:
            line = await asyncio.wait_for(reader.readline(), 1)
        except asyncio.TimeoutError:
            continue
        if line.startswith(b"data: ") and b'"kind":"begin"' not in line:
            times.setdefault(line, []).append(time.monotonic())
    writer.close()


async def crowd(port, name, n, seconds, pid):
    times, is_over = {}, asyncio.Event()
    readers = [asyncio.create_task(read(port, name, times, is_over)) for _ in range(n)]
    await asyncio.sleep(2)
    times.clear()
    before, began = loop_seconds(pid), time.monotonic()
    await asyncio.sleep(seconds)
    used = (loop_seconds(pid) - before) / (time.monotonic() - began)
    is_over.set()
    await asyncio.gather(*readers)
    return used, times


def readers(start, config, options):
    server = start(config)
    figures = []
    for n in (1, options.readers):
        print(f"{n} readers for {options.seconds:.0f} s", flush=True)
        used, times = asyncio.run(crowd(server.port, "s00", n, options.seconds, server.pid))
        late = sorted(at - min(ats) for ats in times.values() for at in ats)
        whole = sum(len(ats) == n for ats in times.values())
        figures.append(used)
        assert late, "nothing was said while it was measured"
        print(
            f"{n} readers: {used:.4f} of a core, {len(times)} events of which {whole} reached all; behind the first reader: "
            f"median {late[len(late) // 2] * 1e3:.1f} ms, p99 {late[len(late) * 99 // 100] * 1e3:.1f} ms"
        )
    print(f"each further reader: {(figures[1] - figures[0]) / (options.readers - 1) * 1e6:.0f} millionths of a core")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=50)
    parser.add_argument("--restarts", type=int, default=5)
    parser.add_argument("--readers", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    program = processes.PROJECT / "build/release/eavesdrop"
    models = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share")) / "eavesdrop/models"
    with tempfile.TemporaryDirectory(prefix="eavesdrop-events-", dir="/tmp") as name:
        folder = Path(name)
        files = recordings(folder, 2)
        config = "per_address: {sessions: 0, connections: 0}\nstreams:\n"
        config += "".join(f"  s{i:02}: {{url: {file}, loop: true}}\n" for i, file in enumerate(files))
        with processes.serving(program, models, folder) as start:
            is_well = cuts(start, config, options)
            readers(start, config, options)
    sys.exit(0 if is_well else 1)


main()
