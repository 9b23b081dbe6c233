"""One client of the WhisperLive dialect, for either server: everything it hears is kept."""

import json
import threading
import time

from measure.sounds import RATE
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

FRAME = 4096  # samples: what the stock client sends at a time


class Client:
    def __init__(self, port, name, language="en", model="base"):
        self.heard = []  # (time.monotonic(), message)
        self.closed = None  # (code, reason) once the server hung up
        # Without compression, as the stock client; the peer answers pings late when it is busy.
        self.socket = connect(f"ws://127.0.0.1:{port}", compression=None, ping_interval=None, max_size=None,
                              open_timeout=60)
        self._is_answered = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        hello = {"uid": name, "language": language, "task": "transcribe", "model": model, "use_vad": True,
                 "send_last_n_segments": 10, "no_speech_thresh": 0.45, "clip_audio": False,
                 "same_output_threshold": 10}
        self.socket.send(json.dumps(hello))

    def _read(self):
        try:
            for text in self.socket:
                self.heard.append((time.monotonic(), json.loads(text)))
                self._is_answered.set()
        except ConnectionClosed:
            pass
        frame = self.socket.protocol.close_rcvd
        self.closed = (frame.code, frame.reason) if frame else (1006, "")
        self._is_answered.set()

    def is_taken(self, timeout=60):
        """Whether the server lets it speak."""
        self._is_answered.wait(timeout)
        return any(message.get("message") == "SERVER_READY" for _, message in self.heard)

    def wait_close(self, timeout=10):
        """(code, reason); None when the server does not hang up."""
        self._reader.join(timeout)
        return self.closed

    def close(self):
        self.socket.close()

    def send(self, samples):
        self.socket.send(samples.astype("<f4").tobytes())

    def play(self, samples):
        """In real time: a frame when its last sample is over."""
        started = time.monotonic()
        for place in range(0, len(samples), FRAME):
            frame = samples[place : place + FRAME]
            time.sleep(max(0, started + (place + len(frame)) / RATE - time.monotonic()))
            self.send(frame)

    def end(self, timeout):
        """END_OF_AUDIO, and what still comes until the server hangs up."""
        self.socket.send(b"END_OF_AUDIO")
        self.wait_close(timeout)
        self.close()

    def segments(self):
        """(completed ones, each once, as the stock client keeps them; partial texts by their beginnings)"""
        completed, tails = [], {}
        for _, message in list(self.heard):
            for segment in message.get("segments", []):
                if not segment.get("completed"):
                    tails[segment["start"]] = segment["text"]
                elif not completed or float(segment["start"]) >= float(completed[-1]["end"]):
                    completed.append(segment)
        return completed, tails
