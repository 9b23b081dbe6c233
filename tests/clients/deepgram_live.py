"""Deepgram's client for Python, version 7, live: PORT FILE SECONDS SPEED KEY OPTIONS, the last as JSON.
Sends the file in pieces of a quarter of a second, then KeepAlive for SECONDS, Finalize and CloseStream."""

import json
import os
import sys
import threading
import time

from deepgram import DeepgramClient
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment

port, path, keep_alive, speed, key, options = sys.argv[1:]
piece_seconds = 0.25


def tell(kind, value=None):
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json")
    elif hasattr(value, "dict"):
        value = value.dict()
    elif not isinstance(value, (dict, list, str, type(None))):
        value = repr(value)
    sys.stdout.write(json.dumps({"event": kind, "value": value}) + "\n")  # at once: it has several threads
    sys.stdout.flush()


environment = DeepgramClientEnvironment(
    base=f"http://127.0.0.1:{port}",
    production=f"ws://127.0.0.1:{port}",
    agent=f"ws://127.0.0.1:{port}",
    agent_rest=f"http://127.0.0.1:{port}",
)
client = DeepgramClient(api_key=key, environment=environment)
sound = open(path, "rb").read()
# Raw samples are told by what they were asked for; anything else is spread over its length.
options = json.loads(options)
seconds = float(options.pop("seconds"))
piece = max(1, int(len(sound) * piece_seconds / seconds)) // 16 * 16 or 16

try:
    connection = client.listen.v1.connect(model="nova-3", **options)
    with connection as socket:
        socket.on(EventType.OPEN, lambda _: tell("open"))
        socket.on(EventType.MESSAGE, lambda message: tell("message", message))
        socket.on(EventType.CLOSE, lambda _: tell("close"))
        socket.on(EventType.ERROR, lambda error: tell("error", error))
        listening = threading.Thread(target=socket.start_listening)
        listening.start()
        for at in range(0, len(sound), piece):
            socket.send_media(sound[at : at + piece])
            time.sleep(piece_seconds / float(speed))
        for _ in range(int(keep_alive) // 4):
            socket.send_keep_alive()
            time.sleep(4)
        socket.send_finalize()
        socket.send_close_stream()
        listening.join()
except Exception as error:
    tell("refused", {"type": type(error).__name__, "words": str(error), "status": getattr(error, "status_code", None)})
# Its own threads would wait for a close that has come.
os._exit(0)
