"""Telephone calls: a Twilio stream and an AudioSocket call, played as their documents say."""

import base64
import contextlib
import datetime
import json
import re
import socket
import struct
import subprocess
import sys
import uuid

import processes
import pytest
import speech
from test_37_tokens import ask, digest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

KEY = f"evd_phone_{'x' * 24}"
CALL = uuid.UUID("40325ec2-5efd-4bd3-805f-53576e581d13")
DOCS = processes.PROJECT / "docs/clients"


@pytest.fixture(scope="module")
def port():
    return processes.free_port()


@pytest.fixture(scope="module")
def server(program, models, port, tmp_path_factory):
    """Twilio needs a token, and Asterisk, which can send none, comes from this machine."""
    config = (
        f"listeners: {{audiosocket: 127.0.0.1:{port}}}\naudiosocket: {{calls: {CALL}=reception}}\nauth:\n"
        f"  tokens: [{{name: phone, hash: '{digest(KEY)}', scopes: [listen, read]}}]\n"
        "  anonymous: {from: 127.0.0.1, dialects: audiosocket}\n"
    )
    with processes.serving(program, models, tmp_path_factory.mktemp("telephony")) as start:
        yield start(config)


def encoded(path, form, rate=8000):
    """A recording as a telephone has it."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-ar", str(rate), "-ac", "1", "-f", form, "-"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def rows_of(server, stream):
    status, _, body = ask(server, f"/api/v1/streams/{stream}/segments", KEY)
    assert status == 200, body
    return json.loads(body)["rows"]


def beginning(row):
    """When its stream's first sample came, as Unix time."""
    return datetime.datetime.fromisoformat(row["start"].replace("Z", "+00:00")).timestamp() - row["position"]


def text_of(rows):
    return " ".join(row["text"] for row in rows)


# --- Twilio ---


class TwilioCall:
    """What Twilio sends of a call whose tracks are these bytes of mu-law."""

    def __init__(self, connection, tracks, **parameters):
        self.socket = connection
        self.sequence = 0
        self.say("connected", protocol="Call", version="1.0.0")
        self.say("start", start={
            "accountSid": "AC1", "streamSid": "MZ1", "callSid": "CA1", "tracks": list(tracks),
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": parameters,
        })

    def say(self, event, **fields):
        if event != "connected":
            self.sequence += 1
            fields |= {"sequenceNumber": str(self.sequence), "streamSid": "MZ1"}
        self.socket.send(json.dumps({"event": event, **fields}))

    def play(self, tracks):
        """All tracks side by side, in messages of 20 ms."""
        for chunk, at in enumerate(range(0, max(map(len, tracks.values())), 160), 1):
            for track, sound in tracks.items():
                payload = base64.b64encode(sound[at : at + 160]).decode()
                self.say("media", media={
                    "track": track, "chunk": str(chunk), "timestamp": str(at // 8), "payload": payload})

    def stop(self):
        self.say("stop", stop={"accountSid": "AC1", "callSid": "CA1"})
        return self.closed()

    def closed(self):
        """The close code and reason. Nothing else is ever sent."""
        with pytest.raises(ConnectionClosed) as end:
            self.socket.recv(timeout=60)
        return end.value.rcvd.code, end.value.rcvd.reason


@contextlib.contextmanager
def twilio(server, tracks, **parameters):
    with connect(f"ws://127.0.0.1:{server.port}/v1/twilio") as connection:
        yield TwilioCall(connection, tracks, **parameters)


@pytest.fixture(scope="module")
def hotline(server, jfk, data):
    """What was heard of a call: the rows of who called, and of what they heard, recorded at 8 kHz."""
    harvard = encoded(data / "telephone-8k/OSR_us_000_0034_8k.wav", "mulaw")[: 8000 * 9]
    tracks = {"inbound": encoded(jfk[0], "mulaw"), "outbound": harvard}
    with twilio(server, tracks, token=KEY, name="hotline", keywords="Harvard", FirstName="Jane") as call:
        call.play(tracks)
        call.say("mark", mark={"name": "half"})
        assert call.stop() == (1000, "")
    return rows_of(server, "hotline:inbound"), rows_of(server, "hotline:outbound")


def test_both_sides_of_a_call_are_heard_apart(server, hotline, data):
    inbound, outbound = hotline
    assert "ask not what your country can do for you" in " ".join(speech.words(text_of(inbound)))
    assert "journey home took a year" in " ".join(speech.words(text_of(outbound)))
    assert {row["channel"] for row in inbound} == {"inbound"} and {row["channel"] for row in outbound} == {"outbound"}
    assert len({row["session"] for row in inbound + outbound}) == 1
    assert {(row["dialect"], row["principal"]) for row in inbound + outbound} == {("twilio", "phone")}
    # Both began with the call.
    assert abs(beginning(inbound[0]) - beginning(outbound[0])) < 3
    assert KEY not in server.log()


def test_a_telephone_is_understood_as_a_microphone_is(server, hotline, jfk):
    """The same speech at 16 kHz, and as mu-law of 8 kHz."""
    path, reference = jfk
    query = f"stream=wide&format=f32&keep=1&token={KEY}"
    with connect(f"ws://127.0.0.1:{server.port}/api/v1/listen?{query}") as microphone:
        samples = speech.load(path)
        for at in range(0, len(samples), speech.RATE):
            microphone.send(samples[at : at + speech.RATE].tobytes())
        microphone.send('{"kind": "end"}')
        assert [json.loads(event)["kind"] for event in microphone][-1] == "end"
    wide = speech.error_rate(reference, text_of(rows_of(server, "wide")))
    narrow = speech.error_rate(reference, text_of(hotline[0]))
    print(f"word error rates: {wide:.3f} at 16 kHz, {narrow:.3f} as mu-law")
    assert wide < 0.15 and narrow < wide + 0.1


def test_a_wrong_token_is_refused_in_the_close_frame(server):
    for parameters, word in (
        ({"token": f"evd_phone_{'y' * 24}"}, "token"), ({}, "token"), ({"token": KEY, "language": "Klingon"}, "language"),
    ):
        with twilio(server, ["inbound"], **parameters) as call:
            code, reason = call.closed()
            assert code == 1008 and word in reason


def test_what_is_repeated_is_heard_once(server, jfk):
    sound = encoded(jfk[0], "mulaw")[: 8000 * 4]
    with twilio(server, ["inbound"], token=KEY, name="echo") as call:
        call.play({"inbound": sound})
        call.sequence = 1
        call.play({"inbound": sound})  # replayed
        assert call.stop() == (1000, "")
    rows = rows_of(server, "echo")
    assert text_of(rows).lower().count("fellow") == 1
    assert rows[-1]["position"] + rows[-1]["duration"] < 4.5
    server.wait_log("came again")


# --- AudioSocket ---


def message(kind, payload=b""):
    return bytes([kind]) + len(payload).to_bytes(2, "big") + payload


def asterisk(port, call, sounds=()):
    """A connection that has brought the call's sound: pairs of a kind and bytes."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sendall(message(0x01, call.bytes))
    for kind, sound in sounds:
        for at in range(0, len(sound), 320):
            connection.sendall(message(kind, sound[at : at + 320]))
    return connection


def received(connection):
    """All that comes until the connection is closed."""
    with connection:
        return b"".join(iter(lambda: connection.recv(100), b""))


def test_a_call_of_asterisk_has_its_stream(server, port, jfk):
    path, reference = jfk
    narrow, wide = encoded(path, "s16le"), encoded(path, "s16le", 16000)
    # Its second half has another rate, and it is hung up with the connection.
    half = len(narrow) // 4 * 2
    connection = asterisk(port, CALL, [(0x10, narrow[:half]), (0x12, wide[half * 2 :])])
    connection.sendall(message(0x03, b"5"))
    connection.shutdown(socket.SHUT_WR)
    assert received(connection) == b""
    rows = rows_of(server, "reception")
    assert speech.error_rate(reference, text_of(rows)) < 0.25
    assert {(row["dialect"], row["principal"], row.get("channel")) for row in rows} == {
        ("audiosocket", "anonymous", None)}


def heard_seconds(server):
    text = ask(server, "/metrics", KEY)[2]
    return float(re.search(r"^eavesdrop_audio_received_seconds_total (\S+)", text, re.MULTILINE).group(1))


def test_a_line_that_goes_dead_becomes_text(server, port, jfk):
    before, n_before = heard_seconds(server), len(rows_of(server, "reception"))
    connection = asterisk(port, CALL, [(0x10, encoded(jfk[0], "s16le"))])
    processes.wait_until(lambda: heard_seconds(server) > before + 10.9, 30, "all that was said is heard")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()  # nothing but a reset
    processes.wait_until(
        lambda: "do for your country" in text_of(rows_of(server, "reception")[n_before:]).lower(), 60, "its text")


def test_what_is_no_call_of_ours_is_hung_up_on(server, port):
    assert received(asterisk(port, uuid.uuid4())) == b"\0\0\0"
    for bytes_ in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", message(0x10, bytes(320)), message(0x01, bytes(15))):
        connection = socket.create_connection(("127.0.0.1", port), timeout=60)
        connection.sendall(bytes_)
        assert received(connection) == b"\0\0\0"
    server.wait_log("is not among audiosocket.calls")


# --- the documentation ---


def example(page, language):
    return re.search(f"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL).group(1)


def test_examples_of_the_documentation(serve, jfk, tmp_path):
    talk = speech.save(tmp_path / "talk.wav", speech.load(jfk[0], 3))
    talk.rename(tmp_path / "talk.flac")  # what is in it is looked at
    port = processes.free_port()
    server = serve(example("audiosocket.md", "yaml").replace("9092", str(port)))
    for page in ("twilio.md", "audiosocket.md"):
        text = example(page, "python").replace("localhost:9090", f"127.0.0.1:{server.port}").replace("9092", str(port))
        output = subprocess.run([sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert output.returncode == 0, output.stderr
        heard = output.stdout or text_of(json.loads(server.http("/api/v1/streams/reception/segments")[1])["rows"])
        assert "my fellow americans" in " ".join(speech.words(heard)), heard
