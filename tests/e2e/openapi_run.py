"""schemathesis asks a running server from its description: what is described, and what contradicts that."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Scopes of a token by the words of the description (x-scope).
WHO = {
    "nobody": "",
    "reader": "read read-all",
    "guest": "read",
    "talker": "listen",
    "manager": "manage",
    "all": "read read-all listen manage",
}
# Operations that are not asked where they are allowed, with the scope that they need: one goes on until the
# client ends it, and the other sends packets into the network that the machine is in.
ENDLESS = (("getEvents", "read"), ("discover", "manage"))


def run(server, who, token, known=None, examples=1, phases="examples,coverage,fuzzing", arguments=()):
    """Ask with that token (None: without) and return the CompletedProcess. `known` has the name of a stream and
    the id of a segment that there are."""
    command = [str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(HERE / "schemathesis.toml")]
    command += ["run", f"http://127.0.0.1:{server.port}/openapi.json", "--no-color", "--warnings", "off"]
    command += ["--phases", phases, "--max-examples", str(examples), *arguments]
    for operation, scope in ENDLESS:
        if scope in WHO[who].split():
            command += ["--exclude-operation-id", operation]
    if token:
        command += ["--header", f"Authorization: Bearer {token}"]
    name, segment = known or ("", "")
    environment = {"OPENAPI_SCOPES": WHO[who], "OPENAPI_NAME": name, "OPENAPI_SEGMENT": segment, "PYTHONPATH": str(HERE)}
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, cwd=server.state_dir
    )
