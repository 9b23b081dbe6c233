"""Streams are added, changed, paused and removed while the server runs, and its file is read again."""

import concurrent.futures
import contextlib
import http.client
import json
import signal
import socket
import sqlite3
import stat

import numpy
import processes
import pytest
import speech

STREAMS = "/api/v1/streams"
LOCAL = "sources: {allow: 127.0.0.0/8}\n"  # our cameras are on this machine
PASSWORD = "Xq7-geheim"


class UnixConnection(http.client.HTTPConnection):
    """A plain HTTP connection to a unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect(str(self.path))


def call(server, method, target, body=None):
    """(status, body) of an administrator's request."""
    with contextlib.closing(UnixConnection(server.state_dir / "eavesdrop.sock")) as connection:
        connection.request(method, target, json.dumps(body) if body is not None else None)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None


def stream(server, name):
    status, body = call(server, "GET", f"{STREAMS}/{name}")
    assert status == 200, body
    return body


def wait_stream(server, name, condition, timeout=60):
    return processes.wait_until(
        lambda: (found := stream(server, name)) and condition(found) and found, timeout, f"{name} as wanted"
    )


def has_said(found):
    return found["last"] and found["last"]["text"]


def journal(server, name):
    """(state, reason, text) of the stream's rows, in their order: segments have a text only."""
    path = f"file:{server.state_dir / 'journal.db'}?mode=ro"
    with contextlib.closing(sqlite3.connect(path, uri=True)) as database:
        return database.execute("SELECT state, reason, text FROM rows WHERE stream = ? ORDER BY row", (name,)).fetchall()


@pytest.fixture
def loop_file(jfk, tmp_path):
    return speech.save(tmp_path / "loop.wav", numpy.concatenate([speech.load(jfk[0]), speech.silence(1)]))


@pytest.fixture(autouse=True)
def own_socket(monkeypatch):
    """Each server is reached in its own state folder, whatever else runs here."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)


def test_a_camera_is_added_changed_paused_and_removed(serve, cameras, loop_file, tmp_path):
    camera = cameras(
        f"hall:pcma:{loop_file}:loop", arguments=["--auth", "digest", "--user", "camera", "--password", PASSWORD]
    )
    state = {"environment": {"EAVESDROP_STATE_DIR": str(tmp_path / "state")}}
    url = camera.url("hall", f"camera:{PASSWORD}")
    server = serve(LOCAL, **state)
    server.state_dir = tmp_path / "state"
    assert call(server, "GET", STREAMS) == (200, {"streams": []})

    status, added = call(server, "POST", STREAMS, {"name": "hall", "url": url, "decoding": {"beam_size": 2}})
    assert (status, added["owner"], added["is_paused"]) == (201, "api", False), added
    assert added["settings"] == {"url": url.replace(f"camera:{PASSWORD}", "***"), "decoding": {"beam_size": 2}}
    heard = wait_stream(server, "hall", has_said)
    assert heard["state"] == "online" and heard["counters"]["seconds"] > 1, heard
    assert -100 < heard["level"] < 0, heard
    assert len(server.media()) == 1

    # Only the API of this machine's administrators may: by TCP nobody is one.
    assert server.http(f"{STREAMS}/hall")[0] == 200
    saved = tmp_path / "state" / "state.json"
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert PASSWORD in saved.read_text() and PASSWORD not in server.log()

    before = server.media()
    status, same = call(server, "PATCH", f"{STREAMS}/hall", {"url": added["settings"]["url"], "pause": 0.6})
    assert (status, same["settings"]["pause"], server.media()) == (200, "0.6", before), "it was the default"
    status, changed = call(server, "PATCH", f"{STREAMS}/hall", {"pause": 0.7, "decoding": None})
    assert status == 200 and "decoding" not in changed["settings"], changed
    wait_stream(server, "hall", lambda s: s["state"] == "online")
    processes.wait_until(lambda: len(found := server.media()) == 1 and found != before, 30, "another process, alone")

    assert call(server, "POST", f"{STREAMS}/hall/pause")[1]["state"] == "paused"
    processes.wait_until(lambda: not server.media(), 10, "the camera's process gone")
    rows = processes.wait_until(
        lambda: (found := journal(server, "hall"))[-1][:2] == ("ended", "paused") and found, 30, "the pause in the journal"
    )
    assert heard["last"]["text"] in [text and text.strip() for _, _, text in rows]
    assert server.stop() == 0
    server = serve(LOCAL, **state)
    server.state_dir = tmp_path / "state"
    found = stream(server, "hall")
    assert (found["state"], found["settings"]["pause"], server.media()) == ("paused", "0.7", []), found
    assert call(server, "POST", f"{STREAMS}/hall/restart")[0] == 409

    assert call(server, "POST", f"{STREAMS}/hall/resume")[1]["is_paused"] is False
    wait_stream(server, "hall", lambda s: s["state"] == "online")
    assert call(server, "DELETE", f"{STREAMS}/hall") == (204, None)
    assert call(server, "GET", f"{STREAMS}/hall")[0] == 404
    processes.wait_until(lambda: not server.media(), 10, "the camera's process gone")
    assert json.loads(saved.read_text()) == {"paused": {}, "streams": {}}


def test_what_is_wrong_is_told_by_its_field(serve, loop_file):
    server = serve(f"{LOCAL}streams:\n  own: {{url: {loop_file}, loop: true}}\n")
    good = {"name": "new", "url": "rtsp://127.0.0.1:1/x"}
    wrong = [
        ({}, 400, "name"),
        ({"name": 5}, 400, "name"),
        ({"name": "a b"}, 400, "name"),
        ({"name": "own"}, 409, "name"),
        ({"url": None}, 400, "url"),
        ({"url": 5}, 400, "url"),
        ({"url": str(loop_file)}, 400, "url"),
        ({"url": f"file:{loop_file}"}, 400, "url"),
        ({"url": "srt://:9000?mode=listener"}, 400, "url"),
        ({"langauge": "de"}, 400, "langauge"),
        ({"language": "xx-klingon"}, 400, "language"),
        ({"decoding": {"beam_size": -1}}, 400, "decoding.beam_size"),
        ({"decoding": 7}, 400, "decoding"),
        ({"url": "rtsp://${HOME}/x"}, 201, None),  # it is no variable, but a host's odd name
    ]
    for change, expected, field in wrong:
        body = {} if not change else {key: value for key, value in {**good, **change}.items() if value is not None}
        status, told = call(server, "POST", STREAMS, body)
        assert (status, told.get("field")) == (expected, field), (change, told)
    assert stream(server, "new")["settings"]["url"] == "rtsp://${HOME}/x"

    # The file's streams are changed there; but for pauses.
    assert call(server, "PATCH", f"{STREAMS}/own", {"loop": False})[0] == 409
    assert call(server, "DELETE", f"{STREAMS}/own")[0] == 409
    assert call(server, "DELETE", f"{STREAMS}/nobody")[0] == 404
    assert call(server, "POST", f"{STREAMS}/own/pause")[1]["state"] == "paused"
    assert call(server, "POST", f"{STREAMS}/own/resume")[0] == 200
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as stranger:
        stranger.request("POST", STREAMS, json.dumps(good))
        assert stranger.getresponse().status in (401, 403)


def test_everything_in_the_same_instant(serve, loop_file):
    server = serve(LOCAL)
    name = {"name": "hall", "url": "rtsp://127.0.0.1:1/x"}
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        for _ in range(5):
            asked = [pool.submit(call, server, "POST", STREAMS, name) for _ in range(4)]
            asked += [pool.submit(call, server, "PATCH", f"{STREAMS}/hall", {"pause": p}) for p in (0.3, 0.4, 0.5)]
            asked += [pool.submit(call, server, "DELETE", f"{STREAMS}/hall") for _ in range(4)]
            assert {f.result()[0] for f in asked} <= {200, 201, 204, 404, 409}
    call(server, "DELETE", f"{STREAMS}/hall")
    assert call(server, "GET", STREAMS) == (200, {"streams": []})
    processes.wait_until(lambda: not server.media(), 10, "all processes gone")


def test_only_what_changed_in_the_file_begins_anew(serve, loop_file):
    names = ("a", "b", "c", "d")
    line = lambda name, more="": f"  {name}: {{url: {loop_file}, loop: true{more}}}\n"
    server = serve("streams:\n" + "".join(line(name) for name in names))
    path = server.log_path.with_name(f"config-{server.port}.yaml")
    text = path.read_text()
    before = processes.wait_until(lambda: len(found := server.media()) == 4 and found, 30, "four children")

    path.write_text(text.replace(line("b"), line("b", ", pause: 0.9")))
    server.process.send_signal(signal.SIGHUP)
    server.wait_log("streams added: none; changed: b; removed: none")
    after = processes.wait_until(lambda: len(found := server.media()) == 4 and found != before and found, 30, "four")
    assert len(set(before) & set(after)) == 3

    path.write_text(text.replace(line("b"), line("b", ", pase: 0.9")))
    server.process.send_signal(signal.SIGHUP)
    server.wait_log("nothing was changed.*pase: unknown key; did you mean")
    status, told = call(server, "POST", "/api/v1/reload")
    assert status == 400 and "streams.b.pase" in told["detail"], told
    assert server.media() == after

    assert call(server, "POST", f"{STREAMS}/c/pause")[0] == 200
    path.write_text("threads: 1\n" + text.replace(line("a"), "").replace(line("d"), line("e")))
    status, told = call(server, "POST", "/api/v1/reload")
    assert (status, told) == (
        200,
        {"added": ["e"], "changed": ["b"], "removed": ["a", "d"], "needs_restart": ["threads"], "warnings": []},
    )
    found = call(server, "GET", STREAMS)[1]["streams"]
    assert [(s["name"], s["is_paused"]) for s in found] == [("b", False), ("c", True), ("e", False)]
    processes.wait_until(lambda: len(server.media()) == 2, 30, "two children")
