"""Deepgram's client for Python, version 7, with a file: PORT FILE OPTIONS, the last as JSON. An option "url"
sends that address instead."""

import json
import sys

from deepgram import DeepgramClient
from deepgram.environment import DeepgramClientEnvironment

port, path, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
environment = DeepgramClientEnvironment(
    base=f"http://127.0.0.1:{port}",
    production=f"ws://127.0.0.1:{port}",
    agent=f"ws://127.0.0.1:{port}",
    agent_rest=f"http://127.0.0.1:{port}",
)
client = DeepgramClient(api_key="a key", environment=environment)
try:
    if "url" in options:
        answer = client.listen.v1.media.transcribe_url(model="nova-3", **options)
    else:
        answer = client.listen.v1.media.transcribe_file(request=open(path, "rb").read(), model="nova-3", **options)
    print(json.dumps({"answer": answer.dict()}, default=str))
except Exception as error:
    print(json.dumps({"refused": type(error).__name__, "status": getattr(error, "status_code", None),
                      "body": getattr(error, "body", None)}, default=str))
