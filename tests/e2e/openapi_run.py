"""schemathesis asks a running server from its description: what is described, and what contradicts that."""

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Scopes of each token in the words of the description (x-scope).
WHO = {
    "all": "read read-all listen manage",
    "reader": "read read-all",
    "guest": "read",
    "talker": "listen",
    "manager": "manage",
    "nobody": "",
}
# Operations that are not asked where they are allowed, with the scope that they need: one goes on until the
# client ends it, one sends packets into the network that the machine is in, and one decodes whatever it is sent.
APART = (("getEvents", "read"), ("discover", "manage"), ("transcribe", "listen"))


def run(server, who, secrets, known=("", ""), examples=1, phases="coverage,fuzzing", arguments=()):
    """Ask with the token of one of WHO, and what is reached with those of all others that may not reach it. Return
    the CompletedProcess. `secrets` are the tokens ("" for "nobody"); `known` has the name of a stream and the id of a
    segment that there are."""
    command = [str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(HERE / "schemathesis.toml")]
    command += ["run", f"http://127.0.0.1:{server.port}/openapi.json", "--no-color", "--warnings", "off"]
    command += ["--phases", phases, "--max-examples", str(examples), *arguments]
    for operation, scope in APART:
        if scope in WHO[who].split():
            command += ["--exclude-operation-id", operation]
    if secrets[who]:
        command += ["--header", f"Authorization: Bearer {secrets[who]}"]
    tokens = {secrets[name]: WHO[name].split() for name in sorted(WHO, key=lambda name: name != who)}
    name, segment = known
    environment = {"OPENAPI_TOKENS": json.dumps(tokens), "OPENAPI_NAME": name, "OPENAPI_SEGMENT": segment}
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, **environment, "PYTHONPATH": str(HERE)},
        cwd=server.state_dir,
    )
