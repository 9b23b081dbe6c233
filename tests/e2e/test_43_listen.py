"""Programs bring sound of their own, and are told what was said, also when they were cut off."""

import contextlib
import json

import numpy
import processes
import pytest
import speech
from events_client import EventReader
from test_36_forget import UnixConnection, ask, socket_of
from test_42_events import status_of
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect


@pytest.fixture(scope="module")
def server(program, models, jfk, tmp_path_factory):
    path, _ = jfk
    # A stream that is journaled, so that there is a journal.
    with processes.serving(program, models, tmp_path_factory.mktemp("listen")) as start:
        yield start(f"journal: {{sessions: on}}\nstreams:\n  radio: {path}\n")


def url(server, query):
    return f"ws://127.0.0.1:{server.port}/api/v1/listen?{query}"


def resampled(samples, rate):
    """Sound of 16 kHz in another rate, by straight lines: good enough to be understood."""
    n = int(len(samples) * rate / 16000)
    return numpy.interp(numpy.arange(n) * 16000 / rate, numpy.arange(len(samples)), samples).astype(numpy.float32)


def as_bytes(samples, form):
    return samples.tobytes() if form == "f32" else (samples * 32767).astype("<i2").tobytes()


def pause_of(samples):
    """Where the speaker pauses, not far from the middle: the midst of the quietest half second."""
    places = range(len(samples) // 3, len(samples) * 2 // 3, 1600)
    return min(places, key=lambda at: float(numpy.square(samples[at : at + 8000]).sum())) + 4000


def told(socket):
    """All that is told until the end."""
    events = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            events.append(json.loads(socket.recv(timeout=60)))
    return events


@pytest.mark.parametrize("rate,form,keep", [(16000, "s16", 0), (44100, "f32", 1), (8000, "s16", 0)])
def test_what_is_said_comes_back_as_text(server, jfk, rate, form, keep):
    path, reference = jfk
    samples = resampled(speech.load(path), rate)
    with connect(url(server, f"stream=phone-{rate}&rate={rate}&format={form}&keep={keep}"), max_size=None) as socket:
        for at in range(0, len(samples), rate // 2):
            socket.send(as_bytes(samples[at : at + rate // 2], form))
        socket.send(json.dumps({"kind": "end"}))
        events = told(socket)
    assert socket.protocol.close_code == 1000
    assert events[0] == {"kind": "begin", "stream": f"phone-{rate}", "is_continued": False, "position": 0.0}
    assert events[-1]["kind"] == "end"
    finals = [event for event in events if event["kind"] == "segment"]
    assert speech.error_rate(reference, " ".join(event["text"] for event in finals)) < 0.25
    assert all(("cursor" in event) == event["durable"] == bool(keep) for event in finals)
    assert 9 < finals[-1]["position"] + finals[-1]["duration"] < 11.5


def test_whoever_is_cut_off_goes_on_where_it_was(server, jfk):
    path, reference = jfk
    samples = speech.load(path)
    half = pause_of(samples)  # a word cut in two may be misheard
    where = url(server, "stream=walkie&format=f32&keep=0")
    with EventReader(server.port, "stream=walkie&kind=segment") as reader:
        with connect(where) as first:
            first.send(as_bytes(samples[:half], "f32"))
            # A ping is answered behind what was sent before.
            first.ping().wait(60)
            first.socket.close()
        processes.wait_until(lambda: status_of_join(server, where) is None, 30, "the stream is parked")
        with connect(where) as second:
            begin = json.loads(second.recv(timeout=60))
            assert begin["is_continued"] and begin["position"] == half / 16000
            second.send(as_bytes(samples[half:], "f32"))
            second.send(json.dumps({"kind": "end"}))
            last = [event for event in told(second) if event["kind"] == "segment"][-1]
        events = iter(reader)
        heard = []
        # Of what is not journaled as well, and of both connections: it is one stream.
        while not heard or heard[-1]["position"] != last["position"]:
            kind, _, data = next(events)
            if kind == "segment":
                heard.append(data)
    assert speech.error_rate(reference, " ".join(segment["text"] for segment in heard)) < 0.3


def status_of_join(server, where):
    """What joining is refused with; None: it is not. It is over at once, without a goodbye."""
    try:
        with connect(where) as socket:
            socket.socket.close()
    except InvalidStatus as refused:
        return refused.response.status_code
    return None


def test_what_is_wrong_is_said_before_anything_begins(server):
    for query, field in (
        ("rate=16000", "stream"), ("stream=", "stream"), ("stream=a*", "stream"), ("stream=x&rate=7999", "rate"),
        ("stream=x&rate=16e3", "rate"), ("stream=x&format=u16", "format"), ("stream=x&keep=yes", "keep"),
        ("stream=x&stream=y", None),
    ):
        status, problem = status_of(server.port, f"/api/v1/listen?{query}")
        assert status == 400 and problem.get("field") == field, query
        assert status_of_join(server, url(server, query)) == 400
    assert status_of(server.port, "/api/v1/listen?stream=x")[0] == 426


def test_a_name_in_use_is_refused_until_it_is_free(server):
    assert status_of_join(server, url(server, "stream=radio")) == 409
    with connect(url(server, "stream=taken")) as socket:
        assert json.loads(socket.recv(timeout=30))["kind"] == "begin"
        assert status_of_join(server, url(server, "stream=taken")) == 409
        _, _, body = ask(UnixConnection(socket_of(server)), "GET", "/api/v1/sessions")
        assert [session["stream"] for session in body["sessions"] if session["dialect"] == "listen"] == ["taken"]
        socket.send(json.dumps({"kind": "end"}))
        told(socket)
    # It was ended, not left: nothing is there to be continued.
    with connect(url(server, "stream=taken")) as socket:
        assert not json.loads(socket.recv(timeout=30))["is_continued"]
        socket.send("what?")
        assert "binary" in told(socket)[-1]["reason"] and socket.protocol.close_code == 1008
