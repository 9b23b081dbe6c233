"""A client of the eavesdrop dialect for tests: everything it hears is kept, in order."""

import contextlib
import json
import threading
import time

import speech
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

FRAME = 1600  # samples per binary frame: 100 ms


class EavesdropClient:
    def __init__(self, port, role=None, streams=None, query="", tls=None):
        headers = {}
        if role:
            headers["X-Client-Type"] = role
        if streams is not None:
            headers["X-Stream-Names"] = streams
        url = f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/{query}"
        self._open = contextlib.ExitStack()
        self.socket = self._open.enter_context(
            connect(url, ssl=tls, additional_headers=headers, max_size=None, open_timeout=10)
        )
        self.messages = []
        self.close_code = None
        self.close_reason = ""
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        try:
            for message in self.socket:
                with self._changed:
                    self.messages.append(json.loads(message))
                    self._changed.notify_all()
        except ConnectionClosed:
            pass
        with self._changed:
            frame = self.socket.protocol.close_rcvd
            self.close_code = frame.code if frame else 1006
            self.close_reason = frame.reason if frame else ""
            self._changed.notify_all()

    # --- What it says ---------------------------------------------------------------

    def say(self, kind, **fields):
        self.socket.send(json.dumps({"type": kind, "timestamp": time.time(), **fields}))

    def setup(self, stream="mic", **options):
        self.say("setup", stream=stream, options={"source_mode": "live", "language": "en", **options})
        return self.wait(lambda message: message["type"] in ("server_ready", "error"))

    def record(self, recording_id="r1", stream="mic", rate=16000):
        self.say("control_recording_started", stream=stream, recording_id=recording_id, sample_rate_hz=rate)

    def flush(self, recording_id="r1", stream="mic", force_complete=True):
        self.say("control_flush", stream=stream, recording_id=recording_id, force_complete=force_complete)

    def cancel(self, recording_id="r1", stream="mic"):
        self.say("control_utterance_cancelled", stream=stream, recording_id=recording_id)

    def send_sound(self, samples, speed=1.0):
        """Send samples `speed` times as fast as they were spoken."""
        start = time.monotonic()
        for place in range(0, len(samples), FRAME):
            self.socket.send(samples[place : place + FRAME].astype("<f4").tobytes())
            delay = start + (place + FRAME) / speech.RATE / speed - time.monotonic()
            if delay > 0:
                time.sleep(delay)

    def send_bytes(self, content):
        self.socket.send(content)

    def end(self):
        self.socket.send(b"END_OF_AUDIO")

    def close(self):
        self._open.close()
        self._reader.join(10)

    # --- What it hears --------------------------------------------------------------

    def wait(self, condition, timeout=30, after=0):
        """The first message from index `after` on for which condition(message) is true."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for message in self.messages[after:]:
                    if condition(message):
                        return message
                left = deadline - time.monotonic()
                heard = [message["type"] for message in self.messages]
                assert self.close_code is None, f"closed with {self.close_code} after {heard}"
                assert left > 0, f"not heard within {timeout} s; heard {heard}"
                self._changed.wait(left)

    def wait_type(self, kind, timeout=30, after=0):
        return self.wait(lambda message: message["type"] == kind, timeout, after)

    def wait_error(self, words, timeout=10):
        return self.wait(lambda m: m["type"] == "error" and words in m["message"], timeout)

    def wait_text(self, words, timeout=30, after=0):
        """A transcription whose completed segments contain these words."""
        wanted = " ".join(speech.words(words))
        return self.wait(
            lambda m: m["type"] == "transcription"
            and wanted in " ".join(speech.words("".join(s["text"] for s in m["segments"] if s["completed"]))),
            timeout,
            after,
        )

    def wait_close(self, timeout=30):
        """Wait for the end of the connection and return its close code."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.close_code is not None, timeout), "not closed"
            return self.close_code

    def completed(self, stream=None, recording_id=None):
        """All completed segments heard, each once, in order."""
        found = {}
        for message in self.messages:
            if message["type"] != "transcription":
                continue
            if stream is not None and message["stream"] != stream:
                continue
            if recording_id is not None and message.get("recording_id") != recording_id:
                continue
            for segment in message["segments"]:
                if segment["completed"]:
                    found.setdefault(segment["id"], segment)
        return list(found.values())

    def text(self, **which):
        return "".join(segment["text"] for segment in self.completed(**which)).strip()
