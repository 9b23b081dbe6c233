#!/usr/bin/env python3
"""Does a server that is killed lose what it had shown? Kill a real one under load, again and again.

    build/venv/bin/python bench/kills.py [--kills 100] [--streams 6]

Each round starts the server on the folder that the last one left behind, with streams of read speech, the journal
and a file that is given its rows, and kills it (SIGKILL) after a random time, once it has shown text. Prints how many
segments were shown and how many of them the journal lacks, has twice or has in another order, and the same of the
file; exits with 1 when there is any. A segment that was shown as not yet durable may be lacking: such rows are told
apart by the log's warning.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/e2e"))
import processes

from recordings import recordings


def shown(log):
    """The segments that a log tells of, in its order: (stream, start, text). The last line may be cut off."""
    found = []
    for line in log.splitlines():
        if '"transcript"' in line and line.endswith("}"):
            row = json.loads(line)
            found.append((row["stream"], row["time"], row["text"]))
    return found


def differences(wanted, found):
    """(lacking, twice, in another order)"""
    lacking = Counter(wanted) - Counter(found)
    twice = sum(n - 1 for n in Counter(found).values() if n > 1)
    order = [one for one in dict.fromkeys(found) if one in set(wanted)]
    return sum(lacking.values()), twice, order != [one for one in dict.fromkeys(wanted) if one in set(found)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--streams", type=int, default=6)
    options = parser.parse_args()
    program = processes.PROJECT / "build/release/eavesdrop"
    models = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share")) / "eavesdrop/models"
    told, n_warned, restarts = [], 0, []
    with tempfile.TemporaryDirectory(prefix="eavesdrop-kills-", dir="/tmp") as name:
        folder = Path(name)
        files = recordings(folder, options.streams)
        config = "model: tiny.en\nlog: {format: json}\nstreams:\n"
        config += "".join(f"  s{i:02}: {{url: {file}, loop: true, pause: 0.3s, window_max: 6s}}\n" for i, file in enumerate(files))
        config += "sinks: {file: {type: lines, path: heard.jsonl, from: beginning}}\n"
        state = {"EAVESDROP_STATE_DIR": str(folder / "state")}
        for _ in range(options.kills):
            port = processes.free_port()
            started = time.monotonic()
            server = processes.Server(
                program, f"listen: 127.0.0.1:{port}\nlanguage: en\n{config}", folder, models, port, environment=state
            ).wait_ready()
            restarts.append(time.monotonic() - started)
            processes.wait_until(lambda: shown(server.log()), 60, "text")
            time.sleep(random.uniform(0, 4))
            server.process.kill()
            server.process.wait()
            told += shown(server.log())
            n_warned += len(re.findall(r"journal[^\n]*(?:does not|cannot)", server.log()))
            server.log_path.unlink()
        export = subprocess.check_output([program, "export", "--state-dir", folder / "state", "--format", "json"], text=True)
        # One more start hands on what is left.
        port = processes.free_port()
        last = processes.Server(
            program, f"listen: 127.0.0.1:{port}\nmodel: tiny.en\n" + config[config.index("sinks:"):] + f"streams: {{s00: '{files[0]}'}}\n",
            folder, models, port, environment=state,
        ).wait_ready()
        time.sleep(3)
        last.stop()
        rows = [json.loads(line) for line in export.splitlines()]
        journal = [(row["stream"], row["start"], row["text"].lstrip()) for row in rows if row["kind"] == "segment"]
        ids = [row["id"] for row in rows]
        lines = [json.loads(line) for line in (folder / "state/heard.jsonl").read_text().splitlines()]
        sunk = list(dict.fromkeys(line["id"] for line in lines))
    lacking, twice, is_mixed = differences(told, journal)
    print(f"{options.kills} kills, {len(told)} segments shown, {len(rows)} rows in the journal, {n_warned} warnings of a slow disk")
    print(f"journal: {lacking} lacking, {twice} twice, {'NOT in order' if is_mixed else 'in order'}")
    is_whole = sunk[: len(ids)] == ids
    print(f"file: {len(lines)} lines, {len(lines) - len(sunk)} of them again, {'each row, in order' if is_whole else 'NOT each row'}")
    print(f"start until ready: median {sorted(restarts)[len(restarts) // 2]:.2f} s, at most {max(restarts):.2f} s")
    sys.exit(1 if lacking or twice or is_mixed or not is_whole else 0)


main()
