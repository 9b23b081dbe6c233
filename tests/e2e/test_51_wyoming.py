"""Wyoming as its stock library speaks it, and as no client should."""

import json
import re
import shutil
import socket
import subprocess

import avahi_rig
import processes
import pytest
import speech
import stock_clients

PAGE = processes.PROJECT / "docs/clients/wyoming.md"

# Whoever comes without a token from here may speak Wyoming, and nothing else.
CONFIG = """\
listeners: {wyoming: '127.0.0.1:%d', vosk: '127.0.0.1:%d'}
log: debug
auth:
  tokens: [{name: someone, hash: 'sha256:%s', scopes: [listen]}]
  anonymous: {from: 127.0.0.0/8, dialects: wyoming}
"""


@pytest.fixture(scope="module")
def server(program, models, tmp_path_factory):
    with processes.serving(program, models, tmp_path_factory.mktemp("wyoming")) as start:
        ports = processes.free_port(), processes.free_port()
        server = start(CONFIG % (*ports, "0" * 64))
        server.wyoming, server.vosk = ports
        yield server


@pytest.fixture(scope="module")
def sounds(jfk, tmp_path_factory):
    """The recording as RATE:WIDTH:CHANNELS:FILE in three shapes, and two seconds of nothing."""
    folder = tmp_path_factory.mktemp("sounds")
    made = []
    for shape, form in (("16000:2:1", "s16le"), ("48000:4:2", "s32le"), ("22050:3:1", "s24le")):
        rate, _, channels = shape.split(":")
        path = folder / f"{form}.pcm"
        command = ["ffmpeg", "-v", "error", "-i", str(jfk[0]), "-f", form, "-ar", rate, "-ac", channels, str(path)]
        subprocess.run(command, check=True)
        made.append(f"{shape}:{path}")
    silence = folder / "silence.pcm"
    silence.write_bytes(bytes(2 * 32000))
    return [*made, f"16000:2:1:{silence}"]


def connect(server):
    connection = socket.create_connection(("127.0.0.1", server.wyoming), timeout=30)
    return connection, connection.makefile("rb")


def read_event(file):
    line = file.readline()
    if not line:
        return None
    event = json.loads(line)
    return event["type"], json.loads(file.read(event["data_length"]))


def is_heard(server, text):
    return lambda: text in server.log()


def test_stock_client(server, sounds, jfk):
    """Four utterances at once, each on a connection of its own, in four shapes."""
    told = stock_clients.run("wyoming_client.py", server.wyoming, *sounds)
    info = next(event["data"] for event in told if event["type"] == "info")
    program = info["asr"][0]
    assert program["installed"] and program["requires_external_vad"] and program["supports_transcript_streaming"]
    assert {"en", "de", "zh"} <= set(program["models"][0]["languages"])
    assert [event["data"] for event in told if event["type"] == "pong"] == [{"text": "there?"}]
    for number in range(len(sounds)):
        events = [event for event in told if event["utterance"] == number]
        types = [event["type"] for event in events]
        assert types[0] == "transcript-start" and types[-2:] == ["transcript", "transcript-stop"], types
        text = events[-2]["data"]["text"]
        chunks = [event["data"]["text"] for event in events if event["type"] == "transcript-chunk"]
        assert "".join(chunks) == text
        if number < 3:
            assert speech.error_rate(jfk[1], text) <= 0.1, text
        else:
            assert text == ""


def test_example_of_the_page(server, sounds, jfk, tmp_path):
    example = tmp_path / "example.py"
    example.write_text(re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1], encoding="utf-8")
    command = [stock_clients.VENV / "bin/python", example, str(server.wyoming), sounds[0].rsplit(":", 1)[1]]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert speech.error_rate(jfk[1], answer.stdout) <= 0.1


def test_megabyte_of_a_line(server):
    connection, file = connect(server)
    with connection, file:
        try:
            connection.sendall(b" " * 1_000_000)
        except OSError:
            pass  # hung up on before all of it was sent
        kind, data = read_event(file)
        assert kind == "error" and "a line is longer than 65536 bytes" in data["text"]
        assert read_event(file) is None


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "not JSON"),
        (b'{"type":"audio-start","data":{"rate":0,"width":2,"channels":1}}\n', "'rate': expected 8000 to 96000"),
        (b'{"type":"audio-start","data":{"rate":1000000000}}\n', "'rate'"),
        (b'{"type":"transcribe","data":{"language":"klingon"}}\n', 'unknown language "klingon"'),
    ],
)
def test_what_cannot_be_is_told(server, said, words):
    connection, file = connect(server)
    with connection, file:
        connection.sendall(said)
        kind, data = read_event(file)
        assert kind == "error" and data["code"] == "refused" and words in data["text"]
        assert read_event(file) is None


def test_vanished_within_a_payload(server):
    connection, file = connect(server)
    with connection, file:
        connection.sendall(b'{"type":"audio-chunk","data":{"rate":16000},"payload_length":32000}\n' + bytes(101))
        assert read_event(file)[0] == "transcript-start"
        name = f"client 127.0.0.1:{connection.getsockname()[1]}"
    processes.wait_until(is_heard(server, f"{name}: connection closed"), 10, "the session's end")
    assert server.http()[0] == 200


def test_others_may_not(server):
    """The same address, another dialect: refused, as nobody may without a token."""
    with socket.create_connection(("127.0.0.1", server.vosk), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b" 426 " in connection.recv(65536)
    with socket.create_connection(("127.0.0.1", server.vosk), timeout=30) as connection:
        connection.sendall(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        processes.wait_until(is_heard(server, "(dialect vosk)"), 10, "the refusal of a dialect that may not")


def test_addresses_that_others_reach(program, models, tmp_path):
    """Nobody could send a token there: the networks have to be named."""
    config = tmp_path / "config.yaml"
    port = processes.free_port()
    config.write_text(f"listen: 127.0.0.1:0\nmodel: tiny.en\nlisteners: {{wyoming: '0.0.0.0:{port}'}}\n", encoding="utf-8")
    command = [program, "serve", "--config", config, "--model-dir", models, "--state-dir", tmp_path / "state"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode != 0
    assert f"listeners.wyoming: 0.0.0.0:{port} is reached by others" in answer.stderr
    assert "auth.anonymous.from" in answer.stderr
    with config.open("a", encoding="utf-8") as more:
        more.write("auth: {anonymous: {from: [10.0.0.0/8], dialects: [vosk]}}\n")
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode != 0
    assert "auth.anonymous.dialects has not wyoming" in answer.stderr


@pytest.mark.skipif(not shutil.which("avahi-daemon"), reason="no Avahi daemon is installed")
def test_made_known_in_the_network(program, models, tmp_path):
    """By a daemon that comes later, that goes and comes back; and not by a server that has gone."""
    config = "listeners: {wyoming: '0.0.0.0:%d'}\nauth: {anonymous: {from: 127.0.0.0/8, dialects: wyoming}}\n"
    with avahi_rig.running(tmp_path / "avahi") as avahi, processes.serving(program, models, tmp_path) as start:
        port = processes.free_port()
        server = start(config % port, environment=avahi.environment)
        host = socket.gethostname()

        def is_known():
            return (f"eavesdrop on {host}", port) in avahi.found("_wyoming._tcp")

        avahi.start()
        processes.wait_until(is_known, 30, "the service, by a daemon that came later")
        avahi.stop()
        avahi.start()
        processes.wait_until(is_known, 30, "the service, by a daemon that came back")
        server.stop()
        processes.wait_until(lambda: not is_known(), 30, "the service gone with its server")
        assert " warning announcement" not in server.log() and " error " not in server.log()
