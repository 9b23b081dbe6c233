"""Stock clients of other people's dialects, unmodified, as tools/clients installs them: a script of
tests/clients drives one in a process of its own, and prints what it was told as lines of JSON.

tests/clients/NAME.py runs with Python's clients, NAME.cjs with Node's (CommonJS: modules are looked
for where NODE_PATH says).
"""

import json
import os
import subprocess

import processes

BUILD = processes.PROJECT / "build"
SCRIPTS = processes.PROJECT / "tests/clients"
VENV = BUILD / "clients-venv"
DEEPGRAM_4 = BUILD / "clients-venv-deepgram-4"
NODE_MODULES = BUILD / "clients-node/node_modules"


def start(script, *arguments, venv=VENV):
    """A client at work: a Popen whose standard output is text to read."""
    path = SCRIPTS / script
    by = "node" if path.suffix == ".cjs" else str(venv / "bin/python")
    # Neither our proxy nor our settings are the client's: it speaks to this machine only.
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return subprocess.Popen(
        [by, str(path), *map(str, arguments)],
        env={**kept, "NODE_PATH": str(NODE_MODULES), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(script, *arguments, venv=VENV, timeout=120):
    """What a client was told, from its begin to its end: the objects that its script printed."""
    with start(script, *arguments, venv=venv) as client:
        try:
            output, errors = client.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            client.kill()
            output, errors = client.communicate()
            raise AssertionError(f"{script} did not end in {timeout} s:\n{output[-2000:]}\n{errors[-2000:]}") from None
    assert client.returncode == 0, f"{script} ended with {client.returncode}:\n{output[-2000:]}\n{errors[-4000:]}"
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]
