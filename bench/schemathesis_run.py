#!/usr/bin/python3
"""schemathesis_run.py [--examples N] [--seed N] PROGRAM MODELS RECORDING: the whole API asked from its description.

tests/e2e/test_47_openapi.py at length: a server with a journal, an archive and a token of each kind is asked without
a token and with each, N examples for each operation (default 200) and by sequences of operations, and no answer may be
one that the description has not. The last lines say how many cases there were, and how the server ended. Needs the
environment of the end-to-end tests (tests/requirements.txt).
"""

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/e2e"))
import openapi_run
import processes
import test_47_openapi as short


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("models", type=Path)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    failed = []
    processes.become_subreaper()
    with tempfile.TemporaryDirectory() as folder, processes.serving(arguments.program, arguments.models, folder) as start:
        server = start(short.configuration(arguments.recording.resolve()))
        known = short.heard(server)
        for who in openapi_run.WHO:
            began = time.monotonic()
            done = openapi_run.run(
                server,
                who,
                short.SECRETS,
                known,
                arguments.examples,
                "examples,coverage,fuzzing,stateful",
                ["--seed", str(arguments.seed)],
            )
            cases = re.findall(r"(\d+) generated", done.stdout)
            print(f"{who:8} {(cases or ['?'])[-1]:>7} cases {time.monotonic() - began:7.1f} s  exit {done.returncode}", flush=True)
            if done.returncode:
                print(done.stdout + done.stderr)
                failed.append(who)
        memory = int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text()).group(1))
        print(f"the server's memory at its highest: {memory / 1024:.0f} MiB")
    print(f"failed: {', '.join(failed)}" if failed else "no answer but those described; the server stopped cleanly")
    return 1 if failed else 0


sys.exit(main())
