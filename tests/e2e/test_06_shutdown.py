"""SIGTERM in mid-speech: what was heard is delivered, clients are told, no child is left."""

import contextlib
import http.client
import json
import signal
import socket
import time

import processes
import pytest
import speech
import websocket
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


@pytest.fixture
def rest():
    with contextlib.ExitStack() as stack:
        yield stack


def test_what_was_heard_is_delivered(serve, cameras, client, jfk, rest):
    audio, _ = jfk
    samples = speech.load(audio)
    camera = cameras(f"hall:pcma:{audio}:loop")
    server = serve(f"streams:\n  hall: {camera.url('hall')}\n")
    subscriber = client(server, role="rtsp_subscriber", streams="hall")
    whisperlive = rest.enter_context(connect(f"ws://127.0.0.1:{server.port}/"))
    whisperlive.send(json.dumps({"uid": "u", "language": "en", "task": "transcribe", "model": "base"}))
    whisperlive.recv(timeout=20)
    speaker = client(server)
    speaker.setup()
    speaker.record()
    processes.wait_until(server.media, 10, "what reads the camera")
    subscriber.wait(
        lambda m: any("fellow" in segment["text"].lower() for segment in m.get("segments", [])), 60
    )
    whisperlive.send(samples[: 5 * speech.RATE].tobytes())
    speaker.send_sound(samples[: 5 * speech.RATE], speed=4)

    # Who never answers the goodbye is waited for: the server is still there for the scrape below,
    # however soon the engine is through with the backlog.
    deaf = websocket.create_connection(
        f"ws://127.0.0.1:{server.port}/", header=["X-Client-Type: rtsp_subscriber", "X-Stream-Names: hall"]
    )
    rest.callback(deaf.shutdown)
    watcher = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    watcher.request("GET", "/healthz")  # accepted, not only waiting for that
    watcher.getresponse().read()
    server.process.send_signal(signal.SIGTERM)
    processes.wait_until(lambda: "[stopping]" in server.log(), 10, "the server to stop")
    # Who came before that is answered: a scrape does no harm while the backlog is finished.
    watcher.request("GET", "/metrics")
    assert 'eavesdrop_streams{state="ended"} 1' in watcher.getresponse().read().decode()
    assert speaker.wait_close() in (1001, 1012)
    assert speaker.messages[-1]["type"] == "disconnect"
    assert "fellow americans" in " ".join(speech.words(speaker.text()))
    assert subscriber.wait_close() in (1001, 1012)
    assert "fellow americans" in " ".join(speech.words(subscriber.text()))
    heard = []
    try:
        while True:
            heard.append(json.loads(whisperlive.recv(timeout=20)))
    except ConnectionClosed:
        pass
    assert heard[-1].get("message") == "DISCONNECT"
    finals = [s["text"] for m in heard for s in m.get("segments", []) if s["completed"]]
    assert any("americans" in text.lower() for text in finals)
    assert server.process.wait(20) == 0  # by itself: a second signal would cut it short
    processes.assert_no_orphans()


def test_a_second_signal_stops_at_once(serve, cameras, client, jfk):
    audio, _ = jfk
    camera = cameras(f"hall:pcma:{audio}:loop")
    server = serve(f"streams:\n  hall: {camera.url('hall')}\n")
    speaker = client(server)
    speaker.setup()
    speaker.record()
    speaker.send_sound(speech.load(audio), speed=100)
    server.process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    server.process.send_signal(signal.SIGINT)
    server.process.wait(15)  # sooner than a first signal's backlog may take
    assert "[stop-now]" in server.log()
    processes.assert_no_orphans()


def test_nobody_new_is_let_in_by_an_old_connection(serve, rest):
    """The port is closed, but connections that were open before could still become sessions."""
    server = serve()
    deaf = websocket.create_connection(f"ws://127.0.0.1:{server.port}/", header=["X-Client-Type: rtsp_subscriber"])
    rest.callback(deaf.shutdown)  # who never answers the goodbye keeps the server
    kept = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    rest.callback(kept.close)
    kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert kept.recv(4096).endswith(b"ok\n")
    server.process.send_signal(signal.SIGTERM)
    processes.wait_until(lambda: "[stopping]" in server.log(), 10, "the server to stop")
    late = rest.enter_context(connect(f"ws://127.0.0.1:{server.port}/", sock=kept))
    with pytest.raises(ConnectionClosed):
        while True:
            late.recv(timeout=20)
    assert late.protocol.close_rcvd.code == 1001
    deaf.shutdown()
    assert server.process.wait(20) == 0
