"""What comes from outside may be anything. Each row of the table: a typed answer, or silence
where the dialect ignores it; never a crash, and nobody else notices."""

import json
import os
import shutil
import socket
import subprocess

import numpy
import processes
import pytest
import speech
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect

# --- WebSocket -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(program, models, tmp_path_factory):
    """One server for all rows: none of them may disturb it for the next."""
    with processes.serving(program, models, tmp_path_factory.mktemp("bad-input")) as start:
        yield start("streams: {hall: 'rtsp://127.0.0.1:9/hall'}\n")


def first_words(server, *frames, headers=None):
    """Open a raw connection, send frames, and return (close code, JSON messages heard)."""
    heard = []
    url = f"ws://127.0.0.1:{server.port}/"
    with connect(url, additional_headers=headers, max_size=None) as raw:
        try:
            for frame in frames:
                raw.send(frame)
            while True:
                heard.append(json.loads(raw.recv(timeout=20)))
        except ConnectionClosed:
            pass
        received = raw.protocol.close_rcvd
    return (received.code if received else 1006), heard


HELLO = {"uid": "u1", "language": "en", "task": "transcribe", "model": "base"}


@pytest.mark.parametrize(
    "frame",
    [
        "not JSON at all",
        '{"type": "setup"',
        "[]",
        "null",
        '{"hello": 1}',
        "[" * 100_000,
        '{"type": 7}',
        '{"type": "no-such-type"}',
        '{"type": "setup"}',
        '{"type": "setup", "stream": 5, "options": []}',
        b"\x00\x01\x02\x03" * 100,
        b"END_OF_AUDIO",
    ],
    ids=lambda frame: str(frame[:24]),
)
def test_a_first_frame_that_is_no_setup(server, frame):
    code, heard = first_words(server, frame)
    assert code in (1000, 1003, 1007, 1008)
    assert heard == [] or heard[-1]["type"] == "error" and heard[-1]["message"]
    assert server.http()[0] == 200


@pytest.mark.parametrize("missing", ["uid", "language", "task", "model"])
def test_a_whisperlive_hello_without_a_field(server, missing):
    hello = {key: value for key, value in HELLO.items() if key != missing}
    code, _ = first_words(server, json.dumps(hello))
    assert code in (1000, 1003, 1007, 1008)


def test_unknown_fields_are_ignored(server):
    with connect(f"ws://127.0.0.1:{server.port}/") as raw:
        raw.send(json.dumps({**HELLO, "surprise": {"deep": [1, 2, {}]}}))
        assert json.loads(raw.recv(timeout=20))["message"] == "SERVER_READY"


def test_a_frame_of_100_mb(server):
    before = resident(server)
    with connect(f"ws://127.0.0.1:{server.port}/") as raw:
        raw.send(json.dumps(HELLO))
        raw.recv(timeout=20)
        with pytest.raises((ConnectionClosed, OSError, WebSocketException)):
            raw.send(bytes(100_000_000))
            while True:
                raw.recv(timeout=20)
        received = raw.protocol.close_rcvd
        assert received is None or received.code == 1009
    assert resident(server) < before + 64_000_000
    assert server.http()[0] == 200


def resident(server):
    with open(f"/proc/{server.pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def test_odd_byte_counts_and_numbers_that_are_none(server, client, jfk):
    audio, reference = jfk
    speaker = client(server)
    speaker.setup()
    speaker.record()
    speaker.send_bytes(b"")
    speaker.send_bytes(b"abc")
    broken = numpy.array([numpy.nan, numpy.inf, -numpy.inf, 1e30, -1e30] * 320, "<f4")
    speaker.send_bytes(broken.tobytes())
    speaker.send_sound(numpy.concatenate([speech.silence(0.5), speech.load(audio)]), speed=4)
    speaker.end()
    assert speaker.wait_close() == 1000
    assert speech.error_rate(reference, speaker.text()) <= 0.1


def test_controls_and_sound_at_the_wrong_time(server, client):
    speaker = client(server)
    speaker.flush()
    speaker.wait_error("control_flush is unavailable before live transcriber setup completes")
    speaker = client(server)
    speaker.setup()
    speaker.send_bytes(speech.silence(0.1).tobytes())
    speaker.wait_error("control_recording_started is required before audio frames")
    speaker.flush()
    speaker.wait_error("control_recording_started is required before live controls")
    speaker.record(rate=44100)
    speaker.wait_error("Invalid live control frame: 'sample_rate_hz'")
    speaker.record("r1")
    speaker.flush("another")
    speaker.wait_error("recording_id does not match the active recording epoch")
    speaker.end()
    assert speaker.wait_close() == 1000


def test_silence_gives_no_text(server, client):
    speaker = client(server)
    speaker.setup()
    speaker.record()
    noise = numpy.random.default_rng(7).normal(0, 1e-3, 20 * speech.RATE).astype("<f4")
    speaker.send_sound(noise, speed=20)
    speaker.end()
    speaker.wait_close()
    assert speaker.text() == ""


def test_roles_and_streams_that_are_not_there(server, client):
    code, heard = first_words(server, headers={"X-Client-Type": "juggler"})
    assert code == 1008 and "client type" in heard[0]["message"]
    code, heard = first_words(server, headers={"X-Client-Type": "rtsp_subscriber"})
    assert "X-Stream-Names header is required" in heard[0]["message"]
    code, heard = first_words(
        server, headers={"X-Client-Type": "rtsp_subscriber", "X-Stream-Names": "attic,hall"}
    )
    assert heard[0]["message"] == "Unknown streams: attic. Available streams: hall"


def test_instant_disconnects_leave_nothing_behind(server):
    descriptors = lambda: len(os.listdir(f"/proc/{server.pid}/fd"))
    server.http()
    before = descriptors()
    for n in range(100):
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            if n % 2:
                raw.send(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Up")
    processes.wait_until(lambda: descriptors() <= before, 20, f"descriptors back to {before}")
    assert server.http()[0] == 200


def test_http_that_is_not_for_us(server):
    assert server.http("/no-such-page")[0] == 404
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this is TLS\r\n\r\n")
        answer = raw.recv(4096)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400")


# --- Configuration ---------------------------------------------------------------------------

BROKEN = """\
listen: 127.0.0.1:99999
langauge: en
streams:
  office: rtsp://brainbox/office
  office: rtsp://brainbox/again
  kitchen:
    url: gopher://brainbox/kitchen
    loup: true
threads: many
"""


def test_all_mistakes_at_once_with_their_places(command, tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN, encoding="utf-8")
    for verb in ("check", "serve"):
        done = command(verb, "--config", path)
        said = done.stdout + done.stderr
        assert done.returncode == 2, said
        for line, words in (
            (1, "listen"),
            (2, "language"),
            (5, "office"),
            (7, "gopher"),
            (8, "loop"),
            (9, "threads"),
        ):
            place = [text for text in said.splitlines() if f":{line}:" in text]
            assert any(words in text for text in place), f"{words!r} at line {line} in:\n{said}"


@pytest.mark.parametrize(
    "text",
    ["", "- a\n- b\n", "streams: 5\n", "streams:\n\toffice: rtsp://camera/y\n", "listen: [1\n", "\x00\xff", "a: &a [*a]\n"],
    ids=["empty", "list", "wrong type", "tab", "unclosed", "binary", "recursive"],
)
def test_a_file_that_is_no_configuration(command, tmp_path, text):
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    done = command("serve", "--config", path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert str(path) in done.stderr and len(done.stderr) < 4000


def test_a_file_that_is_not_there(command, tmp_path):
    done = command("serve", "--config", tmp_path / "none.yaml")
    assert done.returncode == 2 and "none.yaml" in done.stderr


# --- Command line, models, surroundings ------------------------------------------------------


def test_help_everywhere(command):
    assert command("--version").stdout.startswith("eavesdrop ")
    for arguments in ([], ["serve"], ["transcribe"], ["model"], ["check"]):
        done = command(*arguments, "--help")
        assert done.returncode == 0 and "eavesdrop" in done.stdout, arguments


@pytest.mark.parametrize("arguments", [["no-such-verb"], ["serve", "--no-such-option"], ["model", "dance"], ["transcribe"]])
def test_a_wrong_command_line(command, arguments):
    done = command(*arguments)
    assert done.returncode == 2 and done.stderr


@pytest.fixture
def small_config(tmp_path):
    def write(model, port=None):
        path = tmp_path / "small.yaml"
        path.write_text(f"listen: 127.0.0.1:{port or processes.free_port()}\nmodel: {model}\n", encoding="utf-8")
        return path

    return write


def test_models_that_are_none(command, small_config, tmp_path):
    done = command("serve", "--config", small_config("base"), "--model-dir", tmp_path / "nowhere")
    assert done.returncode == 3 and "model fetch base" in done.stderr

    folder = tmp_path / "cut"
    shutil.copytree(command.models / "base", folder)
    with open(folder / "model.bin", "r+b") as model:
        model.truncate(1_000_000)
    done = command("serve", "--config", small_config(folder), "--model-dir", command.models)
    assert done.returncode == 3 and "model.bin" in done.stderr

    (tmp_path / "garbage.bin").write_bytes(os.urandom(4096))
    done = command("serve", "--config", small_config(tmp_path / "garbage.bin"), "--model-dir", command.models)
    assert done.returncode == 3 and "garbage.bin" in done.stderr


def test_a_port_in_use(command, small_config):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = command("serve", "--config", small_config("base", port), "--model-dir", command.models)
    assert done.returncode == 1 and str(port) in done.stderr and "in use" in done.stderr


@pytest.mark.parametrize("media", ["builtin", "ffmpeg"])
def test_nothing_that_reads_media(command, program, tmp_path, small_config, media):
    """Neither an ffmpeg nor, beside a copy of the program, an eavesdrop-media."""
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(program, alone)
    config = small_config("base")
    config.write_text(config.read_text() + f"media: {media}\nstreams: {{hall: 'rtsp://127.0.0.1:9/hall'}}\n")
    environment = {**os.environ, "PATH": str(alone)}
    done = command("serve", "--config", config, "--model-dir", command.models, env=environment, program=alone / program.name)
    assert done.returncode == 1 and "install it" in done.stderr
    assert ("media: ffmpeg" if media == "builtin" else "media: builtin") in done.stderr
