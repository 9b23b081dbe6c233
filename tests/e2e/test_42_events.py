"""What happens is told as it happens, and whoever is cut off goes on where he was."""

import contextlib
import http.client
import json
import random
import re
import sqlite3
import subprocess
import threading

import processes
import pytest
from events_client import EventReader
from test_36_forget import UnixConnection, ask, socket_of
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

ROWS = "kind=segment,alert,status,forgotten"


def rows(server):
    """The numbers of all rows in the server's journal, in their order."""
    (path,) = server.state_dir.glob("journal.db")
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return [row for (row,) in database.execute("SELECT row FROM rows ORDER BY row")]


def make_rows(server, n, stream="nobody"):
    """Have something forgotten that nobody said: each time is a row."""
    for _ in range(n):
        status, _, _ = ask(UnixConnection(socket_of(server)), "DELETE", f"/api/v1/streams/{stream}/segments?from=0")
        assert status == 200


@pytest.fixture(scope="module")
def server(program, models, jfk, tmp_path_factory):
    path, _ = jfk
    config = (
        f'streams:\n  radio: {{url: "{path}", loop: true}}\n  private: {{url: "{path}", loop: true, journal: off}}\n'
    )
    with processes.serving(program, models, tmp_path_factory.mktemp("told")) as start:
        yield start(config)


def test_text_is_told_with_its_tail_whether_it_is_kept_or_not(server):
    tails, finals = {}, {}
    with EventReader(server.port, "kind=tail&kind=segment") as reader:
        assert reader.answer.headers.get_content_type() == "text/event-stream"
        for kind, cursor, data in reader:
            assert data["kind"] == kind
            if kind == "begin":
                assert cursor == data["cursor"]
                continue
            assert cursor == data.get("cursor")
            stream = data["stream"]
            if kind == "tail":
                assert cursor is None and data["text"].startswith(data["stable"])
                tails.setdefault(stream, []).append(data["text"])
            else:
                assert (cursor is not None) == (stream == "radio") == data["durable"]
                finals.setdefault(stream, []).append(data)
            if len(finals) == 2 and all("" in texts for texts in tails.values()) and len(tails) == 2:
                break
    for stream in ("radio", "private"):
        assert any(tails[stream]) and finals[stream][0]["text"] and finals[stream][0]["confidence"] > 0


def test_each_second_of_sound_has_its_level(server):
    with EventReader(server.port, "kind=level&stream=private") as reader:
        for kind, cursor, data in reader:
            if kind == "begin":
                continue
            assert cursor is None and data["stream"] == "private" and data["time"].endswith("Z")
            assert -100 <= data["level"] < data["peak"] <= 0
            assert int(re.search(r'^eavesdrop_sessions\{dialect="events"\} (\d+)$', server.http("/metrics")[1], re.M).group(1)) >= 1
            break


def test_curl_and_a_websocket_are_told_the_same(server):
    make_rows(server, 20)
    command = ["curl", "-sN", "--max-time", "60", f"http://127.0.0.1:{server.port}/api/v1/events?kind=forgotten&after=0-0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as curl:
        lines = []
        for line in curl.stdout:
            if line.startswith("data: "):
                lines.append(json.loads(line[6:]))
            if len(lines) == 21:
                break
        curl.kill()
    with connect(f"ws://127.0.0.1:{server.port}/api/v1/events?kind=forgotten&after=0-0") as socket:
        messages = [json.loads(socket.recv(timeout=60)) for _ in range(21)]
    assert messages == lines
    assert [message["kind"] for message in messages] == ["begin"] + 20 * ["forgotten"]


def test_only_the_streams_that_were_asked_for_are_told(server):
    with EventReader(server.port, f"stream=no*&{ROWS}") as reader:
        events = iter(reader)
        assert next(events)[0] == "begin"
        make_rows(server, 1, "somebody")
        make_rows(server, 1, "nobody")
        assert next(events)[2]["stream"] == "nobody"


def status_of(port, path, method="GET", headers=None):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")


def test_what_is_wrong_is_named_before_anything_is_told(server):
    for query, field in (("kind=tial", "kind"), ("stream=", "stream"), ("after=x", "after"), ("kinds=tail", None)):
        status, problem = status_of(server.port, f"/api/v1/events?{query}")
        assert status == 400 and problem.get("field") == field and problem["detail"]
        with pytest.raises(InvalidStatus) as refused:
            with connect(f"ws://127.0.0.1:{server.port}/api/v1/events?{query}"):
                pass
        assert refused.value.response.status_code == 400
        assert json.loads(refused.value.response.body).get("field") == field
    assert status_of(server.port, "/api/v1/events", headers={"Last-Event-ID": "1-1-1"})[1]["field"] == "Last-Event-ID"
    assert status_of(server.port, "/api/v1/events", "POST")[0] == 405


def test_a_reader_is_a_session_that_can_be_closed(server):
    with EventReader(server.port, ROWS) as reader, connect(f"ws://127.0.0.1:{server.port}/api/v1/events?{ROWS}") as socket:
        events = iter(reader)
        assert next(events)[0] == json.loads(socket.recv(timeout=30))["kind"] == "begin"
        _, _, body = ask(UnixConnection(socket_of(server)), "GET", "/api/v1/sessions")
        found = [session for session in body["sessions"] if session["dialect"] == "events"]
        assert len(found) == 2
        for session in found:
            ask(UnixConnection(socket_of(server)), "DELETE", f"/api/v1/sessions/{session['id']}")
        kind, cursor, data = next(event for event in events if event[0] == "end")
        assert cursor is None and "administrator" in data["reason"]
        assert next(events, None) is None
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                socket.recv(timeout=30)
        assert closed.value.rcvd.code == 1008


class Follower:
    """A reader that is cut off again and again, and comes back with the last cursor that it has had."""

    def __init__(self, seed):
        self.random, self.cursors, self.last, self.n_cuts = random.Random(seed), [], "0-0", 0

    def follow(self, port, n):
        """Read some events, up to n, and be cut off in the middle of what follows."""
        self.n_cuts += 1
        with contextlib.suppress(OSError, http.client.HTTPException), EventReader(port, ROWS, self.last) as reader:
            for kind, cursor, data in reader:
                self.take(kind, cursor, data)
                n -= 1
                if n == 0:
                    return

    def follow_socket(self, port, n):
        self.n_cuts += 1
        url = f"ws://127.0.0.1:{port}/api/v1/events?{ROWS}&after={self.last}"
        with contextlib.suppress(OSError, ConnectionClosed), connect(url) as socket:
            for message in socket:
                data = json.loads(message)
                self.take(data["kind"], data.get("cursor"), data)
                n -= 1
                if n == 0:
                    socket.socket.close()  # without a goodbye
                    return

    def take(self, kind, cursor, data):
        assert kind != "begin" or data["is_resumed"]
        if cursor:
            self.last = cursor
        if cursor and kind != "begin":
            self.cursors.append(int(cursor.split("-")[1]))


def test_nothing_is_missed_and_nothing_told_twice(serve, jfk):
    path, _ = jfk
    config = f'streams:\n  radio: {{url: "{path}", loop: true}}\n'
    server = serve(config)
    follower, is_over = Follower(1), threading.Event()

    def happen():
        while not is_over.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
                make_rows(server, 1)

    happening = threading.Thread(target=happen)
    happening.start()
    try:
        for cut in range(5):
            (follower.follow_socket if cut % 2 else follower.follow)(server.port, follower.random.randint(2, 12))
        # One more is reading when the server stops, and is told of it or cut off.
        reading = threading.Thread(target=follower.follow, args=(server.port, 10**6))
        reading.start()
        make_rows(server, 3)
        server.stop()
        reading.join()
        server = serve(config, listen=server.port)
        follower.follow(server.port, 5)
    finally:
        is_over.set()
        happening.join()
    make_rows(server, 1)
    last = rows(server)[-1]
    while not follower.cursors or follower.cursors[-1] < last:
        follower.follow_socket(server.port, 7)
    assert follower.cursors == rows(server)[: len(follower.cursors)]
    assert len(follower.cursors) > 20 and follower.n_cuts > 6
