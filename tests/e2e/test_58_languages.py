"""Which languages may be spoken: the others are not detected."""

import json

import speech
from websockets.sync.client import connect

# A language is told only where it is rather sure: six seconds of a sentence are enough.
SECONDS = 6


def languages_told(server, path):
    """The languages that a session is told of, whose sound this is and which names none."""
    told = []
    with connect(f"ws://127.0.0.1:{server.port}", max_size=None, ping_interval=None) as socket:
        socket.send(json.dumps({"uid": "languages", "language": None, "task": "transcribe", "model": "base"}))
        samples = speech.load(path)[: SECONDS * speech.RATE]
        socket.send(samples.astype("<f4").tobytes())
        socket.send(b"END_OF_AUDIO")
        for message in socket:
            language = json.loads(message).get("language")
            told += [language] if language else []
    return told


def test_only_languages_that_are_listed_are_detected(serve, data):
    french = data / "fleurs/fleurs-fr-000.ogg"
    assert languages_told(serve(""), french) == ["fr"]
    told = languages_told(serve("languages: [de, en]\n"), french)
    assert set(told) <= {"de", "en"}, told
