"""What clients do that the dialects' authors did not: sub-protocols, the end of audio as text,
prompts of the greatest length."""

import json
import shutil
import subprocess

import processes
import pytest
import speech
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

HELLO = {"uid": "u1", "language": "en", "task": "transcribe", "model": "base"}
SETUP = {"type": "setup", "stream": "s", "timestamp": 0}
RECORDING = {"type": "control_recording_started", "stream": "s", "recording_id": "r", "sample_rate_hz": 16000}
PROMPT_MAX = 16384


@pytest.fixture(scope="module")
def server(program, models, tmp_path_factory):
    with processes.serving(program, models, tmp_path_factory.mktemp("clients")) as start:
        yield start("admission: false\n")  # one test's windows must not turn the next away


def samples_of(path):
    """Mono float32 samples at 16 kHz, as bytes."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-ac", "1", "-ar", "16000", "-f", "f32le", "-"]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout


def converse(server, *frames, path="/"):
    """Send frames; (close code, JSON messages heard) once the server has closed."""
    heard = []
    with connect(f"ws://127.0.0.1:{server.port}{path}", max_size=None) as raw:
        try:
            for frame in frames:
                raw.send(frame)
        except ConnectionClosed:
            pass  # refused before all was sent; why is still to be read
        try:
            while True:
                heard.append(json.loads(raw.recv(timeout=60)))
        except ConnectionClosed:
            pass
        return raw.protocol.close_rcvd.code, heard


def text_of(heard):
    """What the last message with completed segments says."""
    for message in reversed(heard):
        completed = [s["text"] for s in message.get("segments", []) if s["completed"]]
        if completed:
            return "".join(completed)
    return ""


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["eavesdrop.v1", "other"], "eavesdrop.v1"),
        (["token", "s3cret", "eavesdrop.v1"], "eavesdrop.v1"),
        (["realtime", "openai-insecure-api-key.sk-s3cret", "openai-beta.realtime-v1"], "realtime"),
        (["bearer", "s3cret"], "bearer"),
    ],
)
def test_a_sub_protocol_is_answered_and_no_secret(server, offered, chosen):
    with connect(f"ws://127.0.0.1:{server.port}/", subprotocols=offered) as raw:
        assert raw.subprotocol == chosen
        assert "s3cret" not in str(raw.response.headers)
        raw.send(json.dumps(HELLO))
        assert json.loads(raw.recv(timeout=20))["message"] == "SERVER_READY"


# Chromium's rule, which this client follows too: a connection whose sub-protocol is not answered
# has failed.
NODE_CLIENT = """
const socket = new WebSocket(process.argv[1], ["eavesdrop.v1", "token", "s3cret"]);
socket.onerror = () => { console.log("failed"); process.exit(1); };
socket.onopen = () => { console.log("protocol " + socket.protocol); process.exit(0); };
"""


def test_a_browsers_client_connects(server):
    node = shutil.which("node")
    if not node:
        pytest.skip("node is not installed")
    command = [node, "--experimental-websocket", "-e", NODE_CLIENT, f"ws://127.0.0.1:{server.port}/"]
    answer = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert answer.stdout.strip() == "protocol eavesdrop.v1", answer.stderr


@pytest.mark.parametrize("end", [b"END_OF_AUDIO", "END_OF_AUDIO"], ids=["binary", "text"])
@pytest.mark.parametrize("dialect", ["whisperlive", "live", "file"])
def test_the_end_of_audio_is_text_or_binary(server, jfk, dialect, end):
    path, reference = jfk
    if dialect == "whisperlive":
        frames = [json.dumps(HELLO), samples_of(path)]
    elif dialect == "live":
        frames = [json.dumps(SETUP), json.dumps(RECORDING), samples_of(path)]
    else:
        frames = [json.dumps({**SETUP, "options": {"source_mode": "file"}}), path.read_bytes()]
    code, heard = converse(server, *frames, end)
    assert code == 1000
    assert not [m for m in heard if m.get("type") == "error"]
    assert speech.error_rate(reference, text_of(heard)) < 0.2


def refusal_of(heard):
    return [m for m in heard if m.get("type") == "error" or m.get("status") == "ERROR"][-1]["message"]


@pytest.mark.parametrize("dialect", ["whisperlive", "live"])
def test_a_prompt_of_the_greatest_length_works_and_a_longer_one_is_refused(server, jfk, dialect):
    path, reference = jfk

    def first(n):
        words = {"initial_prompt": ("A speech by the president, in Washington. " * n)[:n]}
        if dialect == "whisperlive":
            return [json.dumps({**HELLO, **words})]
        return [json.dumps({**SETUP, "options": words}), json.dumps(RECORDING)]

    code, heard = converse(server, *first(PROMPT_MAX), samples_of(path), b"END_OF_AUDIO")
    assert code == 1000
    assert text_of(heard)
    assert "decode-failed" not in server.log()
    code, heard = converse(server, *first(PROMPT_MAX + 1))
    assert code == 1008
    assert str(PROMPT_MAX) in refusal_of(heard)
