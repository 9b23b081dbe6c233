"""Deepgram's client for Python, version 4, live: PORT FILE, samples of 16 kHz. Its dataclasses demand all
fields."""

import json
import sys
import threading
import time

from deepgram import DeepgramClient, DeepgramClientOptions, LiveOptions, LiveTranscriptionEvents

port, path = sys.argv[1:]
finalized = threading.Event()
client = DeepgramClient("a key", DeepgramClientOptions(url=f"ws://127.0.0.1:{port}"))
connection = client.listen.websocket.v("1")


def tell(kind):
    def on_event(self, *arguments, **named):
        value = next((named[name] for name in ("result", "metadata", "speech_started", "utterance_end", "error", "open",
                                               "close", "unhandled") if name in named), None)
        if getattr(value, "from_finalize", False):
            finalized.set()
        told = {"event": kind, "value": value.to_dict() if hasattr(value, "to_dict") else str(value)}
        sys.stdout.write(json.dumps(told) + "\n")  # at once: it has several threads
        sys.stdout.flush()

    return on_event


for event in LiveTranscriptionEvents:
    connection.on(event, tell(event.value))
options = LiveOptions(model="nova-2", language="en-US", encoding="linear16", sample_rate=16000, interim_results=True,
                      utterance_end_ms="1000", vad_events=True, endpointing=300, smart_format=True)
assert connection.start(options)
sound = open(path, "rb").read()
for at in range(0, len(sound), 8000):
    connection.send(sound[at : at + 8000])
    time.sleep(0.1)
connection.finalize()
assert finalized.wait(60)
connection.finish()
