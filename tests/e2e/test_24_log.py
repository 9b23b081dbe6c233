"""What strangers write into the log: one line each, no secrets, no flood, and no reader of the
log that could stop the server."""

import json
import os
import re
import socket
import struct
import subprocess
import time

import numpy
import processes
import pytest
import speech
from eavesdrop_client import EavesdropClient
from websockets.sync.client import connect

HELLO = {"uid": "u1", "language": "en", "task": "transcribe", "model": "base"}
FORGED = "x\n2030-01-01T00:00:00.000Z error   office: offline [stream-state]\x1b[31m\u009b1m\u202e\x7f"


def hello(server, **fields):
    raw = connect(f"ws://127.0.0.1:{server.port}/", max_size=None)
    raw.send(json.dumps(HELLO | fields))
    assert json.loads(raw.recv(timeout=20))["message"] == "SERVER_READY"
    return raw


def upgrade(server, names):
    """An upgrade with any bytes as names of streams, until it is refused."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall(
            b"GET / HTTP/1.1\r\nHost: localhost:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            b"X-Client-Type: rtsp_subscriber\r\nX-Stream-Names: %s\r\n\r\n" % (server.port, names)
        )
        heard = b""
        while not heard.partition(b"\r\n\r\n")[2] and (piece := raw.recv(65536)):
            heard += piece


@pytest.mark.parametrize("form", ["text", "json"])
def test_nobody_forges_a_line_or_breaks_one(serve, form):
    server = serve(f"log: {{level: debug, format: {form}}}\n")
    hello(server, uid=FORGED).close()
    upgrade(server, b"caf\xe9,\xff\xfe")
    for pad in range(3):  # a fixed buffer cuts within a character
        upgrade(server, b"a" * pad + b",".join("é".encode() * 110 + b"%d" % i for i in range(20)))
    server.stop()
    lines = server.log_path.read_bytes().split(b"\n")
    assert lines.pop() == b""
    for line in lines:
        text = line.decode("utf-8")
        assert not re.search("[\x00-\x1f\x7f-\x9f\u2028-\u202e]", text), text
        assert re.match(r"2[0-9]{3}-.* \[[a-z-]+\]$", text) if form == "text" else json.loads(text)
        assert "2030-01-01" not in text[:20]


def test_arrivals_and_departures_are_told_at_debug(serve):
    quiet, talkative = serve(), serve("log: {level: debug}\n")
    for server in (quiet, talkative):
        hello(server).close()
        server.stop()
    told = ("[client-came]", "[session-started]", "[client-left]")
    assert all(event in talkative.log() for event in told)
    assert not any(event in quiet.log() for event in told)


def test_a_flood_of_refusals_is_counted(serve):
    """Two thousand refusals: the burst and little more are written, the rest is counted."""
    server = serve()
    for _ in range(2000):
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            raw.sendall(
                b"GET /?type=nonsense HTTP/1.1\r\nHost: localhost:%d\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n" % server.port
            )
            raw.recv(4096)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.stop()
    written = server.log().count("unknown client type")
    left_out = sum(map(int, re.findall(r"(\d+) more of these were left out \[client-refused\]", server.log())))
    assert written < 2000 and written + left_out == 2000


def test_a_stalled_reader_of_the_log_stops_nobody(program, models, tmp_path):
    """Standard error is a full pipe: clients are served all the same, and the end is bounded."""
    reader, writer = os.pipe()
    port = processes.free_port()
    process = subprocess.Popen(
        [program, "serve", "--listen", f"127.0.0.1:{port}", "--model", "base", "--model-dir", models]
        + ["--log-level", "debug"],
        stdin=subprocess.DEVNULL,
        stderr=writer,
    )
    try:
        os.close(writer)
        server = type("Server", (), {"port": port})
        processes.wait_until(lambda: is_served(port), 60, "the port")
        for i in range(900):  # at most a thousand lines of an event are written; long names fill the pipe
            if i % 90 == 0:
                hello(server, uid="u" * 200).close()
            upgrade(server, b"n" * 600)
        hello(server).close()
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        os.close(reader)


def is_served(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_no_core_file_is_left(serve):
    server = serve()
    limits = open(f"/proc/{server.pid}/limits", encoding="ascii").read()
    assert re.search(r"^Max core file size\s+0\s+0\s", limits, re.MULTILINE)


# --- secrets ---------------------------------------------------------------------------------

SECRET = "Hunter2/#x"
MISTYPED = [
    "rtsp:/user:{}@host/x",
    "rtsp//user:{}@host/x",
    "user:{}@host/x",
    "rtsp:user:my {}@host",
    "rstp://user:{}@host/x",
    "rtsp://user:{}%40host/x",
    "rtsp://user:{}",
    "/nowhere/user=admin_password={}_channel=1.sdp",
    "http//host/v.cgi?loginuse=admin&loginpas={}",
]


@pytest.mark.parametrize("form", MISTYPED)
def test_no_way_in_shows_a_password(command, tmp_path, form):
    value = form.format(SECRET)
    config = tmp_path / "config.yaml"
    quoted = json.dumps(value)
    config.write_text(
        f"listen: {quoted}\nmodel: {quoted}\nlanguage: {quoted}\nthreads: {quoted}\nlog: {quoted}\n{quoted}: 1\n"
        f"streams: {{hall: {quoted}, room: {{url: {quoted}, task: {quoted}, {quoted}: 1}}}}\n"
    )
    for arguments in (
        ["transcribe", value],
        ["transcribe", "--model", value, "x.wav"],
        ["transcribe", "--language", value, "x.wav"],
        ["transcribe", "--output", value + "/y", "x.wav"],
        ["transcribe", "--clip-timestamps", value, "x.wav"],
        ["transcribe", "--vad-parameters", value, "x.wav"],
        ["transcribe", "--beam-size", value, "x.wav"],
        ["transcribe", "--format", value, "x.wav"],
        ["transcribe", "--" + value],
        ["serve", value],
        ["serve", "--listen", value],
        ["serve", "--config", value],
        ["check", "--config", str(config)],
        ["check", "--config", value],
        ["model", "info", value],
        ["model", "fetch", value],
        [value],
        [value, "eavesdrop-bench"],
    ):
        program = arguments.pop() if arguments[-1] == "eavesdrop-bench" else "eavesdrop"
        done = command(*arguments, program=program)
        assert done.returncode != 0
        said = done.stdout + done.stderr
        assert "Hunter2" not in said and "#x" not in said, (arguments[:2], said)


# --- sound that is none ----------------------------------------------------------------------


def int16_of(data):
    return (speech.load(data / "misc" / "jfk.flac") * 32767).astype("<i2")


def wrong_sounds(data):
    samples = int16_of(data)[: 6 * 16000]
    return {
        "unscaled": samples.astype("<f4").tobytes(),
        "bytes": samples.tobytes(),
        "nan": numpy.full(32000, numpy.nan, "<f4").tobytes(),
    }


@pytest.mark.parametrize("kind", ["unscaled", "bytes", "nan"])
def test_int16_sent_as_float32_is_told_once(serve, data, kind):
    server = serve()
    sound = wrong_sounds(data)[kind]
    pieces = [sound[i : i + 6400] for i in range(0, len(sound), 6400)]

    raw = hello(server)
    for piece in pieces:
        raw.send(piece)
    raw.send(b"END_OF_AUDIO")
    heard = []
    try:
        while True:
            heard.append(json.loads(raw.recv(timeout=60)))
    except Exception:  # noqa: BLE001 closed
        pass
    warnings = [message["message"] for message in heard if message.get("status") == "WARNING"]
    assert len(warnings) == 1 and '"audio_format": "int16"' in warnings[0]

    client = EavesdropClient(server.port)
    client.setup()
    client.record()
    for piece in pieces:
        client.socket.send(piece)
    client.flush()
    client.wait(lambda message: message.get("flush_complete"), 60)
    errors = [message["message"] for message in client.messages if message["type"] == "error"]
    client.close()
    assert len(errors) == 1 and "float32" in errors[0]

    server.stop()
    assert server.log().count("[sound-implausible]") == 2


def test_good_sound_is_not_called_none(serve, data):
    server = serve()
    for sound, form in (
        (speech.load(data / "misc" / "jfk.flac").astype("<f4").tobytes(), "float32"),
        (int16_of(data).tobytes(), "int16"),
    ):
        raw = hello(server, audio_format=form)
        for i in range(0, 4 * 64000, 6400):
            raw.send(sound[i : i + 6400])
        time.sleep(0.5)
        raw.close()
    server.stop()
    assert "[sound-implausible]" not in server.log()
