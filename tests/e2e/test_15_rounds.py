"""Messages of any size reach a session in pieces, and nobody waits for another's."""

import json

import processes
import pytest
import speech
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

HELLO = {"uid": "u1", "language": "en", "task": "transcribe", "model": "base"}
PIECE = 16 * 1024


@pytest.fixture(scope="module")
def server(program, models, tmp_path_factory):
    with processes.serving(program, models, tmp_path_factory.mktemp("rounds")) as start:
        yield start("")


def last_text(raw):
    """All messages until the server hangs up; the text of the last segments."""
    text = ""
    try:
        while True:
            message = json.loads(raw.recv(timeout=60))
            segments = message.get("segments")
            if segments:
                text = " ".join(segment["text"] for segment in segments)
    except ConnectionClosed:
        return text


def test_long_messages_are_heard_whole(server, jfk):
    """No samples get lost between pieces, and no message's end is taken for the sound's."""
    audio, reference = jfk
    sound = speech.load(audio).tobytes()
    half = len(sound) // 2 // PIECE * PIECE
    with connect(f"ws://127.0.0.1:{server.port}/", max_size=None) as raw:
        raw.send(json.dumps(HELLO))
        assert json.loads(raw.recv(timeout=20))["message"] == "SERVER_READY"
        # Its last piece would be the end of the sound if it were a message of its own.
        raw.send(sound[:half] + b"END_OF_AUDIO")
        raw.send(sound[half:])
        raw.send(b"END_OF_AUDIO")
        heard = last_text(raw)
    assert speech.error_rate(reference, heard) <= 0.1


def test_a_text_is_small(server):
    """A parser needs all of it: so it may not be large, before the hello or after it."""
    for frames in (["x" * (128 * 1024 + 1)], [json.dumps(HELLO), "x" * (128 * 1024 + 1)]):
        with connect(f"ws://127.0.0.1:{server.port}/", max_size=None) as raw:
            for frame in frames:
                raw.send(frame)
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    raw.recv(timeout=20)
        assert closed.value.rcvd.code == 1009


def test_prompts_of_full_length_fit_into_a_hello(server):
    """Sixteen KiB each of Cyrillic, which JSON may write with six characters for two bytes."""
    words = "Ж" * (8 * 1024 - 1)
    hello = {**HELLO, "initial_prompt": words, "hotwords": words}
    assert len(json.dumps(hello)) > 90_000
    with connect(f"ws://127.0.0.1:{server.port}/", max_size=None) as raw:
        raw.send(json.dumps(hello))
        assert json.loads(raw.recv(timeout=20))["message"] == "SERVER_READY"
