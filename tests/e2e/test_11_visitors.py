"""Who is let in: pages of other origins, names that are not ours, and how much one is told."""

import contextlib
import json
import socket
import subprocess
import threading

import processes
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect


@pytest.fixture(scope="module")
def server(program, models, tmp_path_factory):
    with processes.serving(program, models, tmp_path_factory.mktemp("visitors")) as start:
        yield start(
            "streams: {hall: 'rtsp://127.0.0.1:9/hall'}\norigins: [https://dash.example]\nhosts: [cam.example]\n"
        )


def ask(server, path, **headers):
    """(status, body) of a plain request with exactly these headers."""
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "Connection: close"]
    with socket.create_connection(("127.0.0.1", server.port), 20) as raw:
        raw.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = raw.makefile("rb").read().decode()
    head, body = answer.split("\r\n\r\n", 1)
    return int(head.split()[1]), body


def upgrade(server, path="/", host=None, origin=None):
    """The status of an upgrade, and what an `rtsp_subscriber` of no such stream is told."""
    headers = {"Host": host} if host else {}
    if origin:
        headers["Origin"] = origin
    lines = [
        f"GET {path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in {"Host": f"127.0.0.1:{server.port}", **headers}.items()),
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    with socket.create_connection(("127.0.0.1", server.port), 20) as raw:
        raw.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return int(raw.recv(4096).split()[1])


# What a page that was loaded from the server itself would send.
HOME = "127.0.0.1:9090"


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        (HOME, None, 200),
        (HOME, "http://127.0.0.1:9090", 200),
        ("cam.example", "https://cam.example", 200),
        (HOME, "https://dash.example", 200),
        (HOME, "https://evil.example", 403),
        (HOME, "null", 403),
        (HOME, "chrome-extension://abcdef", 403),
        ("rebound.evil.example", "http://rebound.evil.example", 403),
        ("rebound.evil.example", None, 403),
    ],
)
def test_pages_and_names(server, host, origin, status):
    headers = {"Host": host} | ({"Origin": origin} if origin else {})
    for path in ("/metrics", "/", "/nothing"):
        got, body = ask(server, path, **headers)
        assert got == (404 if status == 200 and path == "/nothing" else status)
        if status == 403:
            assert "stream" not in body
            assert "EAVESDROP_ORIGINS" in body or "EAVESDROP_HOSTS" in body
    assert upgrade(server, host=host, origin=origin) == (101 if status == 200 else 403)
    assert upgrade(server, "/healthz", host=host, origin=origin) == (101 if status == 200 else 403)


def test_an_origin_that_is_no_text_is_refused(server):
    for path in ("/api/v1/me", "/metrics"):
        with socket.create_connection(("127.0.0.1", server.port), 20) as connection:
            connection.sendall(
                f"GET {path} HTTP/1.1\r\nHost: localhost\r\n".encode() + b"Origin: http://[::1%\xff]\r\n\r\n"
            )
            assert connection.recv(4096).startswith(b"HTTP/1.1 403")
    assert ask(server, "/healthz", Host=HOME)[0] == 200


def test_health_is_asked_under_any_name(server):
    for path in ("/healthz", "/readyz"):
        assert ask(server, path, Host="probe.example")[0] == 200
        assert ask(server, path, Host="probe.example", Origin="http://probe.example")[0] == 200
        assert ask(server, path, Host="probe.example", Origin="http://evil.example")[0] == 403
    assert ask(server, "/metrics", Host="probe.example")[0] == 403


def test_a_refusal_is_logged_with_the_remedy(serve):
    server = serve()
    with pytest.raises(InvalidStatus), connect(f"ws://127.0.0.1:{server.port}/", origin="https://other.example"):
        pass
    server.wait_log(r"pages from https://other\.example .*EAVESDROP_ORIGINS")


def unknown_stream(address, port, headers=None):
    with connect(f"ws://{address}:{port}/?type=rtsp_subscriber&streams=nosuch", additional_headers=headers) as raw:
        message = json.loads(raw.recv(timeout=20))["message"]
        with pytest.raises(ConnectionClosed):
            raw.recv(timeout=20)
    return message


def own_address():
    """An address of this machine that is not loopback, or None. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return probe.getsockname()[0]


def test_streams_are_listed_to_this_machine_only(program, models, tmp_path):
    address = own_address()
    if not address:
        pytest.skip("this machine has no address but loopback")
    with processes.serving(program, models, tmp_path) as start:
        port = processes.free_port()
        environment = {"EAVESDROP_LISTEN": f"0.0.0.0:{port}", "EAVESDROP_AUTH_MODE": "none"}
        server = start("streams: {hall: 'rtsp://127.0.0.1:9/hall'}\n", port, environment=environment)
        assert unknown_stream("127.0.0.1", server.port) == "Unknown streams: nosuch. Available streams: hall"
        assert unknown_stream(address, server.port) == "Unknown streams: nosuch"
        server.wait_log("without a password")


# --- limits per address ----------------------------------------------------------------------


def open_from(server, address, path="/"):
    """A WebSocket from another of loopback's addresses."""
    raw = socket.create_connection(("127.0.0.1", server.port), 20, source_address=(address, 0))
    return connect(f"ws://127.0.0.1:{server.port}{path}", sock=raw, max_size=None)


HELLO = json.dumps({"uid": "u", "language": "en", "task": "transcribe", "model": "base"})


def greet(websocket):
    """The answer to a hello, and the close code if that was all."""
    message = {}
    try:
        websocket.send(HELLO)
        message = json.loads(websocket.recv(timeout=20))
        if message.get("message") != "SERVER_READY":
            websocket.recv(timeout=20)
        return message, None
    except ConnectionClosed:
        return message, websocket.protocol.close_rcvd.code


def test_one_address_has_so_many_sessions(program, models, tmp_path):
    with processes.serving(program, models, tmp_path) as start, contextlib.ExitStack() as open_ones:
        server = start("per_address: {sessions: 2}\n")
        first, second = (open_ones.enter_context(open_from(server, "127.0.0.2")) for _ in range(2))
        assert greet(first)[0]["message"] == greet(second)[0]["message"] == "SERVER_READY"
        with open_from(server, "127.0.0.2") as third:
            message = json.loads(third.recv(timeout=20))
            with pytest.raises(ConnectionClosed):
                third.recv(timeout=20)
            assert third.protocol.close_rcvd.code == 1013
        assert "per_address.sessions" in message["message"]
        with open_from(server, "127.0.0.3") as other:
            assert greet(other)[0]["message"] == "SERVER_READY"
        second.close()
        with open_from(server, "127.0.0.2") as again:
            assert greet(again)[0]["message"] == "SERVER_READY"


def test_one_address_has_so_many_connections(program, models, tmp_path):
    with processes.serving(program, models, tmp_path) as start, contextlib.ExitStack() as open_ones:
        server = start("per_address: {connections: 4}\n")
        for _ in range(4):
            open_ones.enter_context(socket.create_connection(("127.0.0.1", server.port), 5, ("127.0.0.4", 0)))
        # The answer comes without a question, which clients of HTTP and WebSocket may stumble over.
        with socket.create_connection(("127.0.0.1", server.port), 5, ("127.0.0.4", 0)) as refused:
            answer = b"".join(iter(lambda: refused.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"per_address.connections" in answer
        assert server.http()[0] == 200
        with open_from(server, "127.0.0.3") as other:
            assert greet(other)[0]["message"] == "SERVER_READY"


def test_an_address_that_owes_too_much_gets_no_more_sessions(program, models, tmp_path, jfk):
    command = ["ffmpeg", "-v", "error", "-i", str(jfk[0]), "-ac", "1", "-ar", "16000", "-f", "f32le", "-"]
    sound = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout
    with processes.serving(program, models, tmp_path) as start:
        server = start("per_address: {backlog: 5}\nadmission: false\n")
        with open_from(server, "127.0.0.2") as flood:
            assert greet(flood)[0]["message"] == "SERVER_READY"
            pouring = threading.Thread(target=flood.send, args=(sound * 10,))  # it is held up, too
            pouring.start()

            def is_refused():
                with open_from(server, "127.0.0.2") as second:
                    message, code = greet(second)
                return message.get("status") == "WAIT" and code == 1013

            processes.wait_until(is_refused, 30, "a second session refused")
            with open_from(server, "127.0.0.1") as other:
                assert greet(other)[0]["message"] == "SERVER_READY"
            pouring.join()
            flood.send(b"END_OF_AUDIO")  # and what was poured in is heard to its end
            with pytest.raises(ConnectionClosed):
                while True:
                    last = flood.recv(timeout=120)
            assert flood.protocol.close_rcvd.code == 1000
            assert "country" in last
