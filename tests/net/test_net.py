"""HTTP and WebSocket alone (net_echo), driven by two stock client libraries and by bare sockets.

EAVESDROP_BUILD   folder of the build under test (default build/release)
"""

import asyncio
import http.client
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time
import zlib
from pathlib import Path

import pytest
import websocket
import websockets
from websockets.asyncio.client import connect

PROJECT = Path(__file__).resolve().parents[2]
BUILD = PROJECT / os.environ.get("EAVESDROP_BUILD", "build/release")
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Echo:
    """A running net_echo."""

    def __init__(self, descriptors):
        program = BUILD / "tests/net/net_echo"
        self.process = subprocess.Popen(
            [program, "127.0.0.1:0", str(descriptors)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.port = int(self.process.stdout.readline())
        self.url = f"ws://127.0.0.1:{self.port}/any/path?x=1"

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.settimeout(10)
        return connection

    def get(self, path):
        """A plain request's status and body."""
        with self.connect() as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
            head, body = read_all(connection).split(b"\r\n\r\n", 1)
        return int(head.split()[1]), body.decode()

    def connections(self):
        """Connections open, without the one that asks."""
        return int(self.get("/connections")[1]) - 1

    def wait_until_alone(self):
        deadline = time.monotonic() + 30
        while self.connections():
            assert time.monotonic() < deadline, "connections are left over"
            time.sleep(0.05)

    def memory(self):
        """Resident bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self):
        """Stop it; what it said on standard error (leaks, under a sanitizer)."""
        self.process.send_signal(signal.SIGTERM)
        errors = self.process.communicate(timeout=60)[1]
        assert self.process.returncode == 0, errors
        return errors


def read_all(connection):
    received = bytearray()
    while piece := connection.recv(65536):
        received += piece
    return bytes(received)


@pytest.fixture
def echo():
    server = Echo(4096)
    yield server
    if server.process.poll() is None:
        server.stop()


@pytest.fixture(params=["deflate", None], ids=["deflate", "plain"])
def compression(request):
    return request.param


def test_messages_come_back(echo, compression):
    async def talk():
        async with connect(echo.url, compression=compression, max_size=None) as client:
            assert bool(client.protocol.extensions) == bool(compression)
            for text in ["", "a", "hällo wörld", "x" * 125, "y" * 126, "z" * 65535, "ü" * 40000, "long " * 1000000]:
                await client.send(text)
                assert await client.recv() == text
            for size in [0, 1, 4096 * 4, 65536, 5 * 1024 * 1024]:
                data = os.urandom(size)
                await client.send(data)
                assert await client.recv() == f"binary {size} {zlib.crc32(data)}"
            pieces = [os.urandom(n % 700) for n in range(500)]
            await client.send(pieces)
            whole = b"".join(pieces)
            assert await client.recv() == f"binary {len(whole)} {zlib.crc32(whole)}"
            await (await client.ping())

    asyncio.run(talk())


def test_the_other_client_library(echo):
    client = websocket.create_connection(echo.url, header=["X-Greet: welcome"], timeout=10)
    assert client.recv() == "welcome"
    client.send("text")
    assert client.recv() == "text"
    data = struct.pack("<4096f", *[n / 4096 for n in range(4096)])
    for _ in range(100):
        client.send_binary(data)
        assert client.recv() == f"binary 16384 {zlib.crc32(data)}"
    client.close()
    echo.wait_until_alone()


def closed_by(echo, client_sends, compression=None):
    """(code, reason) with which the server closes on what the client sends."""

    async def talk():
        async with connect(echo.url, compression=compression) as client:
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await client.send(client_sends)
                while True:
                    await client.recv()
            return closed.value.rcvd.code, closed.value.rcvd.reason

    return asyncio.run(talk())


def test_closing(echo):
    assert closed_by(echo, "close 1013 try again later") == (1013, "try again later")
    assert closed_by(echo, "close 1000 " + "r" * 123) == (1000, "r" * 123)
    assert closed_by(echo, b"0" * (7 * 1024 * 1024), "deflate") == (1009, "message too big")
    echo.wait_until_alone()
    assert sorted(echo.stop().split("\n")[:-1]) == ["close 1000", "close 1006", "close 1013"]


def test_a_hundred_megabytes_are_not_buffered(echo):
    before = echo.memory()
    with echo.connect() as connection:
        connection.sendall(UPGRADE + b"\x82\xff" + struct.pack(">Q", 100 << 20) + bytes(4))
        connection.recv(4096)
        try:
            for _ in range(100):
                connection.sendall(bytes(1 << 20))
        except OSError:
            pass  # hung up on, as it should be
    assert echo.memory() - before < 4 << 20
    echo.wait_until_alone()


def test_a_message_over_the_limit_is_refused_by_name(echo):
    client = websocket.create_connection(echo.url, timeout=10)
    client.send_binary(bytes(7 << 20))  # the rest is taken in, so that the answer can be read
    opcode, data = client.recv_data()
    assert (opcode, data[:2]) == (websocket.ABNF.OPCODE_CLOSE, struct.pack(">H", 1009))
    client.close()
    echo.wait_until_alone()


def test_a_thousand_connections(echo):
    async def talk():
        before = echo.memory()
        clients = []
        for _ in range(10):
            clients += await asyncio.gather(*[connect(echo.url) for _ in range(100)])
        assert await asyncio.to_thread(echo.connections) == 1000
        each = (echo.memory() - before) / 1000

        async def ask(n, client):
            await client.send(f"I am {n}")
            assert await client.recv() == f"I am {n}"

        await asyncio.gather(*[ask(n, client) for n, client in enumerate(clients)])
        assert each < 32 * 1024, f"{each:.0f} bytes for an idle connection"
        print(f"{each:.0f} bytes for an idle connection")
        for client in clients:
            client.transport.abort()  # all at once and without a goodbye

    websocket.create_connection(echo.url, timeout=10).close()
    echo.wait_until_alone()
    descriptors = echo.descriptors()
    asyncio.run(talk())
    echo.wait_until_alone()
    assert echo.descriptors() <= descriptors + 1  # the connection that asked may still linger
    assert echo.stop().count("close 1006") == 1000


def test_more_connections_than_descriptors():
    server = Echo(1100)  # 256 of them are kept for other things
    connections = [server.connect() for _ in range(1500)]
    answers = {"busy": 0, "served": 0, "closed": 0}
    for connection in connections:
        try:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            answer = connection.recv(4096)
        except OSError:
            answer = b""
        kind = "served" if b" 200 " in answer else "busy" if b" 503 " in answer else "closed"
        answers[kind] += 1
    assert answers["served"] == 1100 - 256
    assert answers["busy"] >= 32
    for connection in connections:
        connection.close()
    server.wait_until_alone()
    server.stop()


def test_instant_disconnects_and_half_frames(echo):
    frames = b"\x82\xff" + struct.pack(">Q", 300000) + bytes(4) + bytes(100000)
    beginnings = [b"", b"GE", UPGRADE[:40], UPGRADE, UPGRADE + b"\x81", UPGRADE + b"\x81\x85\0\0", UPGRADE + frames]
    for n in range(300):
        connection = echo.connect()
        connection.sendall(beginnings[n % len(beginnings)])
        if n % 2:  # reset instead of the polite end
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    echo.wait_until_alone()
    assert echo.get("/") == (200, "GET ok\n")


def test_a_slow_reader_is_dropped_and_nobody_waits_for_it(echo):
    with echo.connect() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = b"flood 100000"
        slow.sendall(UPGRADE + bytes([0x81, 0x80 | len(request)]) + bytes(4) + request)
        before = echo.memory()
        client = websocket.create_connection(echo.url, timeout=10)
        client.send("prompt")
        assert client.recv() == "prompt"
        assert echo.memory() - before < 4 << 20
        deadline = time.monotonic() + 15
        while echo.connections() > 1:  # the other one stays
            assert time.monotonic() < deadline
            time.sleep(0.1)
        client.close()


def test_a_reader_who_is_merely_late_gets_the_reason(echo):
    async def talk():
        async with connect(echo.url, compression=None, max_queue=None) as client:
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await client.send("flood 100000")
                time.sleep(2)  # the whole event loop: nothing is read while the flood comes
                while True:
                    assert len(await client.recv()) == 1000
            return closed.value.rcvd

    close = asyncio.run(asyncio.wait_for(talk(), 60))
    assert (close.code, close.reason) == (1008, "reader too slow")


def test_a_paused_session_holds_the_sender_back(echo):
    client = websocket.create_connection(echo.url, timeout=20)
    client.send("stall")
    before = echo.memory()
    for _ in range(20):
        client.send_binary(bytes(1 << 20))
    for _ in range(20):
        assert client.recv().startswith("binary 1048576 ")
    assert echo.memory() - before < 8 << 20
    client.close()


def test_pipelined_requests(echo):
    with echo.connect() as connection:
        connection.sendall(b"GET /big HTTP/1.1\r\nHost: h\r\n\r\n" * 200 + b"GET /name?name=a%20b HTTP/1.0\r\n\r\n")
        answers = read_all(connection)
    assert answers.count(b"HTTP/1.1 200 OK") == 201
    assert answers.endswith(b"hello a b\n")
    assert echo.get("/nothing/there")[0] == 404


def test_a_body_comes_back_while_it_comes(echo):
    """More than any buffer holds, through one exchange, both ways at once; then another request."""
    before = echo.memory()
    pieces = [os.urandom(1 << 20) for _ in range(8)] * 8
    client = http.client.HTTPConnection("127.0.0.1", echo.port, timeout=30)
    for chunked in [True, False]:
        headers = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(64 << 20)}
        client.putrequest("POST", "/echo")
        for name, value in headers.items():
            client.putheader(name, value)
        client.endheaders()
        sender = threading.Thread(
            target=lambda: [client.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece) for piece in pieces]
            + ([client.send(b"0\r\n\r\n")] if chunked else [])
        )
        sender.start()
        response = client.getresponse()
        for piece in pieces:
            assert response.read(len(piece)) == piece
        assert response.read() == b""
        sender.join()
    client.request("GET", "/")
    assert client.getresponse().read() == b"GET ok\n"
    client.close()
    assert echo.memory() - before < 4 << 20
    echo.wait_until_alone()


def test_who_reads_an_answer_slowly_costs_little(echo):
    before = echo.memory()
    readers = [echo.connect() for _ in range(100)]
    for reader in readers:
        reader.sendall(b"GET /count?20000 HTTP/1.1\r\nHost: h\r\n\r\n")
    for _ in range(20):
        start = time.monotonic()
        assert echo.get("/") == (200, "GET ok\n")
        assert time.monotonic() - start < 5
    assert echo.memory() - before < 32 << 20
    for reader in readers[1:]:
        reader.close()
    response = http.client.HTTPResponse(readers[0])
    response.begin()
    assert response.read() == b"".join(b"%0999d\n" % n for n in range(20000))
    readers[0].close()
    echo.wait_until_alone()
    assert echo.stop() == "gone\n" * 99


def test_stock_clients_upload_as_they_do(echo, tmp_path):
    """curl asks whether it may send; it gets all of it back, or a refusal at once."""
    path = tmp_path / "sound"
    path.write_bytes(os.urandom(20 << 20))
    url = f"http://127.0.0.1:{echo.port}"
    for more in [[], ["-H", "Transfer-Encoding: chunked"], ["--http1.0"]]:
        answer = subprocess.run(
            ["curl", "-sS", "--data-binary", f"@{path}", *more, f"{url}/echo"], check=True, capture_output=True, timeout=60
        )
        assert answer.stdout == path.read_bytes(), more
    answer = subprocess.run(
        ["curl", "-sS", "-w", "%{http_code}", "--data-binary", f"@{path}", f"{url}/nowhere"], check=True, capture_output=True, timeout=60
    )
    assert answer.stdout == b"404"


def test_a_thousand_slow_heads(echo):
    """Slow-loris: they are closed in time, and others are served meanwhile."""
    connections = [echo.connect() for _ in range(1000)]
    for connection in connections:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nX: ")
    begin = time.monotonic()
    while time.monotonic() - begin < 9:
        asked = time.monotonic()
        assert echo.get("/")[0] == 200
        assert time.monotonic() - asked < 5
        for connection in connections:
            connection.sendall(b"x")
        time.sleep(1)
    for connection in connections:
        assert read_all(connection).startswith(b"HTTP/1.1 408 ")
        connection.close()
    echo.wait_until_alone()
