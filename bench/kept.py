#!/usr/bin/env python3
"""What does it cost to keep what is heard, and does everybody have it? N streams of read speech, with word times,
into a journal with its sound and all five sinks at once: lines, MQTT (mosquitto), NATS, a webhook, PostgreSQL.

    build/venv/bin/python bench/kept.py [--streams 20] [--seconds 600] [--bare | --outage 300] [--finals]

Prints, over --seconds: processor time of the server by its threads and of its children, backlog, rows; then, for
each sink, whether it has the journal's rows, in order; and how long after the end of the spoken word an alert
reached an MQTT client, `when: final` and `when: stable`; with --finals no alert asks for text while it is spoken, so
that as much is decoded as with --bare. --bare keeps nothing, to compare processor time and delay with. --outage N takes
all remote ends away for N seconds in the middle, and tells what memory the server had before, meanwhile and after.
"""

import argparse
import base64
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/e2e"))
import brokers
import processes
from test_33_nats import received
from webhook_server import Receiver

from recordings import recordings

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdefghijklmn").decode()
WORDS = ["and", "the", "that", "was", "with"]
TICKS = os.sysconf("SC_CLK_TCK")


class Mosquitto:
    """A broker, and a stock subscriber that writes down when each message came."""

    def __init__(self, folder):
        folder.mkdir()
        self.port, self.heard = processes.free_port(), folder / "heard"
        # What the subscriber has not had yet outlives the broker.
        (folder / "conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nuser root\n"
            f"persistence true\npersistence_location {folder}/\n"
        )
        self.conf = folder / "conf"
        self.start()
        with open(self.heard, "wb") as output:
            self.reader = subprocess.Popen(
                ["mosquitto_sub", "-V", "5", "-p", str(self.port), "-q", "1", "-t", "eavesdrop/+/+", "-F", "%U %t %p",
                 "-c", "-x", "3600", "-i", "reader"],
                stdout=output,
            )
        time.sleep(0.5)

    def start(self):
        self.broker = subprocess.Popen(["mosquitto", "-c", self.conf], stderr=subprocess.DEVNULL)
        time.sleep(1)

    def stop(self):
        self.broker.terminate()
        self.broker.wait()

    def messages(self):
        """[(time of arrival, last part of the topic, payload)]"""
        lines = [line.split(" ", 2) for line in self.heard.read_text(encoding="utf-8").splitlines()]
        return [(float(when), topic.rsplit("/", 1)[1], payload) for when, topic, payload in lines]

    def close(self):
        for process in (self.reader, self.broker):
            process.kill()  # mosquitto_sub may lock itself out in its handler of SIGTERM
            process.wait()


def threads(pid):
    """{thread's name: processor seconds}"""
    spent = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
            fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it ended
        name = "loop" if task.name == str(pid) else name
        spent[name] = spent.get(name, 0) + (int(fields[11]) + int(fields[12])) / TICKS
    return spent


def resident(pid):
    """MiB that the process has in memory."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def delays_print(page):
    """How long windows waited for the engine and were in it: the mean, and the share that took more than a second."""
    for name, kind in itertools.product(("queue_delay", "decode"), ("partial", "final")):
        of = rf'^eavesdrop_{name}_seconds_%s{{kind="{kind}"%s}} (\S+)$'
        total, n, within = (
            float(re.search(of % what, page, re.MULTILINE)[1])
            for what in (("sum", ""), ("count", ""), ("bucket", ',le="1"'))
        )
        if n:
            print(f"{kind}, {name}: {n:.0f}, mean {total / n:.3f} s, over 1 s {100 * (1 - within / n):.1f} %")


def watch(server, seconds, outage=None):
    """Print what the server's threads took, and the most that waited. `outage` is (seconds, take away, bring back)."""
    before, start, backlog = threads(server.pid), time.monotonic(), 0.0
    memory = {"before": [], "meanwhile": [], "after": []}
    phase, changes = "before", []
    if outage:
        length, away, back = outage
        changes = [(seconds / 4, "meanwhile", away), (seconds / 4 + length, "after", back)]
    while time.monotonic() - start < seconds:
        time.sleep(0.5)
        page = server.http("/metrics")[1]
        value = re.search(r"^eavesdrop_backlog_audio_seconds (\S+)", page, re.MULTILINE)
        backlog = max(backlog, float(value[1]))
        if changes and time.monotonic() - start > changes[0][0]:
            _, phase, change = changes.pop(0)
            change()
        memory[phase].append(resident(server.pid))
    passed, after = time.monotonic() - start, threads(server.pid)
    for phase, sizes in memory.items():
        if sizes:
            print(f"memory {phase}: {sizes[0]:.0f} to {sizes[-1]:.0f} MiB, at most {max(sizes):.0f}")
    delays_print(page)
    for name in sorted(after, key=lambda name: before.get(name, 0) - after[name]):
        print(f"{name:18} {100 * (after[name] - before.get(name, 0)) / passed:6.2f} % of a core")
    print(f"most of the backlog: {backlog:.1f} s of sound")
    for line in page.splitlines():
        if re.match(r"eavesdrop_(journal_(rows_total|commit|bytes)|archive|sink_(lag|retries|set|lost))", line):
            print("   ", line)


def delays(mosquitto, name):
    """Seconds from the end of what was found until an alert was there. Stable words have no times yet: those of the
    final that confirms them count."""
    rows = [(when, json.loads(payload)) for when, kind, payload in mosquitto.messages() if kind == "alert"]
    fired = {row["id"]: when for when, row in reversed(rows) if row["phase"] == "fired"}
    found = []
    for _, row in rows:
        when = fired.get(row["firing"] if row["phase"] == "confirmed" else row["id"])
        if row["alert"] == name and when and row.get("words"):
            start = time.mktime(time.strptime(row["start"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
            start += float(row["start"][19:23])
            found.append(when - start - (row["words"][-1]["end"] - row["position"]))
    return found


def sinks_compare(journal, sunk):
    wanted = [row["id"] for row in journal]
    for name, ids in sunk.items():
        once = list(dict.fromkeys(ids))
        verdict = "equal, in order" if once == wanted else f"NOT EQUAL: {len(set(wanted) - set(once))} lacking"
        print(f"{name:12} {len(ids)} messages, {len(once)} rows of {len(wanted)}: {verdict}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--bare", action="store_true", help="keep nothing and tell nobody")
    parser.add_argument("--finals", action="store_true", help="alerts of final text only")
    parser.add_argument("--outage", type=int, default=0, help="seconds without brokers, receiver and database")
    options = parser.parse_args()
    program = processes.PROJECT / "build/release/eavesdrop"
    models = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share")) / "eavesdrop/models"
    with tempfile.TemporaryDirectory(prefix="eavesdrop-kept-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as nobody
        files = recordings(folder, options.streams)
        config = "decoding: {word_timestamps: true}\nstreams:\n"
        config += "".join(f"  s{i:02}: {{url: {file}, loop: true}}\n" for i, file in enumerate(files))
        if options.bare:
            config = "journal: off\n" + config
            with processes.serving(program, models, folder) as start:
                watch(start(config), options.seconds)
            return
        for place in ("nats", "postgresql"):
            (folder / place).mkdir()
        nats, postgresql = brokers.Nats(folder / "nats"), brokers.Postgresql(folder / "postgresql")
        nats.start()
        postgresql.start()
        mosquitto, receivers = Mosquitto(folder / "mosquitto"), [Receiver(SECRET)]

        def away():
            mosquitto.stop()
            nats.kill()
            postgresql.kill()
            receivers[-1].close()

        def back():
            mosquitto.start()
            nats.start()
            postgresql.start()
            receivers.append(Receiver(SECRET, port=receivers[0].port))

        config += "journal: {audio: on}\n"
        for when in ("final",) if options.finals else ("final", "stable"):
            config += ("alerts:\n" if when == "final" else "") + f"  {when}: {{words: [{', '.join(WORDS)}], when: {when}}}\n"
        config += (
            "sinks:\n  lines: {type: lines, path: heard.jsonl, from: beginning}\n"
            f"  mqtt: {{type: mqtt, url: 'mqtt://127.0.0.1:{mosquitto.port}', from: beginning}}\n"
            f"  nats: {{type: nats, url: '{nats.url}', stream: heard, create: true, from: beginning}}\n"
            f"  hook: {{type: webhook, url: 'http://127.0.0.1:{receivers[0].port}/', secret: '{SECRET}', from: beginning}}\n"
            f"  db: {{type: postgresql, url: '{postgresql.url}', from: beginning}}\n"
        )
        with processes.serving(program, models, folder) as start:
            server = start(config)
            watch(server, options.seconds, (options.outage, away, back) if options.outage else None)
            time.sleep(5)
            server.stop()
            # What came in the last moments is delivered after the next start.
            again = start("sinks:" + config.split("sinks:")[1] + f"streams: {{quiet: '{files[0]}'}}\n", environment={"EAVESDROP_STATE_DIR": str(server.state_dir)})
            time.sleep(8)
            again.stop()
            export = subprocess.check_output([program, "export", "--state-dir", server.state_dir, "--format", "json"], text=True)
        journal = [json.loads(line) for line in export.splitlines()]
        segments = {row["id"] for row in journal if row["kind"] in ("segment", "alert")}
        told = {"final": "segment", "alert": "alert", "status": "status"}
        mqtt = [json.loads(payload)["id"] for _, kind, payload in mosquitto.messages() if kind in told]
        sinks_compare(journal, {
            "lines": [json.loads(line)["id"] for line in (server.state_dir / "heard.jsonl").read_text().splitlines()],
            "mqtt": mqtt,
            "nats": [row["id"] for _, _, row in received(nats)],
            "webhook": [row["id"] for receiver in receivers for row in receiver.rows],
            "postgresql": postgresql.psql("select id from heard order by id").splitlines(),
        })
        print(f"{len(segments)} segments and alerts; sound kept: {sum(f.stat().st_size for f in (server.state_dir / 'audio').rglob('*') if f.is_file()) / 1e6:.1f} MB")
        for when in ("final", "stable"):
            late = delays(mosquitto, when)
            if late:
                print(f"alerts, when: {when}: {len(late)}, p50 {numpy.median(late):.2f} s, p95 {numpy.percentile(late, 95):.2f} s")
        mosquitto.close()
        receivers[-1].close()
        nats.close()
        postgresql.close()
        shutil.rmtree(server.state_dir, ignore_errors=True)


main()
