"""What was said is forgotten for good, by the running server's unix socket or without it."""

import contextlib
import datetime
import errno
import grp
import http.client
import json
import os
import pty
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import processes
import pytest

WORD = b"americans"  # said in the recording, and nowhere else in a state folder
LAST = "do for your country"  # said at its end, which may be text after the stream has ended


class UnixConnection(http.client.HTTPConnection):
    """A plain HTTP connection to a unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect(str(self.path))


def socket_of(server):
    return server.state_dir / "eavesdrop.sock"


def ask(connection, method, target):
    """(status, content type, body, of JSON if it is some)."""
    with contextlib.closing(connection):
        connection.request(method, target)
        answer = connection.getresponse()
        kind, body = answer.headers.get_content_type(), answer.read()
        return answer.status, kind, json.loads(body) if "json" in kind else body.decode()


def delete(server, target):
    status, _, body = ask(UnixConnection(socket_of(server)), "DELETE", target)
    return status, body


def texts(folder, stream=None):
    """The texts of the journal's segments, oldest first."""
    path = folder / "journal.db"
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT stream, text FROM rows WHERE kind = 0 ORDER BY row").fetchall()
    return [text for name, text in rows if stream in (None, name)]


def files_with(folder, word):
    """Files of the folder, sub-folders included, that have these bytes, whatever their case."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return [file.name for file in files if word.lower() in file.read_bytes().lower()]


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def sound_of(folder, stream):
    return [file for file in (folder / "audio" / stream).rglob("*") if file.is_file() and file.stat().st_size]


@pytest.fixture
def listening(serve, jfk, tmp_path, monkeypatch):
    """listening(state_dir): a server that has heard the recording on two streams, and its sink's file,
    which is outside of its folder. Nobody else's socket is in the way."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    sunk = tmp_path / "heard.jsonl"

    def start(state_dir=None):
        server = serve(
            f"streams:\n  hall: {jfk[0]}\n  yard: {jfk[0]}\n"
            f"journal: {{audio: on}}\nsinks: {{file: {{type: lines, path: {sunk}, from: beginning}}}}\n",
            environment={"EAVESDROP_STATE_DIR": str(state_dir)} if state_dir else {},
        )
        server.state_dir = state_dir or server.state_dir
        for stream in ("hall", "yard"):
            processes.wait_until(
                lambda name=stream: LAST in " ".join(texts(server.state_dir, name)).lower(), 60, "the text"
            )
            processes.wait_until(
                lambda name=stream: any(r["stream"] == name and r.get("state") == "ended" for r in lines_of(sunk)),
                60,
                "the recording's end",
            )
        return server, sunk

    return start


def forget(program, *arguments, state_dir=None, **options):
    command = [str(program), "forget", *arguments]
    if state_dir:
        command += ["--state-dir", str(state_dir)]
    options = {"stdin": subprocess.DEVNULL, "timeout": 60, **options}
    return subprocess.run(command, capture_output=True, text=True, **options)


# --- it is gone ------------------------------------------------------------------------------


def test_by_the_running_server(listening, program):
    server, sunk = listening()
    n = len(texts(server.state_dir, "hall"))
    assert n and files_with(server.state_dir, WORD)
    assert sound_of(server.state_dir, "hall")

    done = forget(program, "--stream", "hall", "--since", "1h", state_dir=server.state_dir)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout == f"{n} row{'s' * (n != 1)} removed\n"
    assert not texts(server.state_dir, "hall") and len(texts(server.state_dir, "yard")) == n
    assert not sound_of(server.state_dir, "hall") and sound_of(server.state_dir, "yard")
    server.wait_log(rf"process \d+ of user {os.getuid()} had hall forgotten: {n} row")
    told = processes.wait_until(
        lambda: [row for row in lines_of(sunk) if row["kind"] == "forgotten"], 20, "the sink is told"
    )
    assert [row["stream"] for row in told] == ["hall"] and told[0]["start"] < told[0]["end"]

    done = forget(program, "--all-streams", "--since", "1970-01-01", state_dir=server.state_dir)
    assert (done.returncode, done.stdout) == (0, f"{n} row{'s' * (n != 1)} removed\n"), done
    assert files_with(server.state_dir, WORD) == []
    assert not texts(server.state_dir) and not sound_of(server.state_dir, "yard")
    told = processes.wait_until(
        lambda: [row for row in lines_of(sunk) if row["kind"] == "forgotten"][1:], 20, "the sink is told again"
    )
    assert "stream" not in told[0]
    assert server.http()[0] == 200


def test_without_a_server(listening, program):
    server, sunk = listening()
    assert server.stop() == 0
    folder = server.state_dir
    n = len(texts(folder, "hall"))
    assert n and files_with(folder, WORD)
    assert sound_of(folder, "hall")

    done = forget(program, "--stream", "nobody", "--since", "1h", state_dir=folder)
    assert (done.returncode, done.stdout) == (0, "0 rows removed\n"), done
    done = forget(program, "--stream", "hall", "--since", "1h", "--until", "30m", state_dir=folder)
    assert (done.returncode, done.stdout) == (0, "0 rows removed\n"), done
    done = forget(program, "--stream", "hall", "--since", "1h", state_dir=folder)
    assert (done.returncode, done.stdout) == (0, f"{n} row{'s' * (n != 1)} removed\n"), done
    assert not texts(folder, "hall") and len(texts(folder, "yard")) == n
    assert not sound_of(folder, "hall") and sound_of(folder, "yard")
    done = forget(program, "--all-streams", "--since", "1h", state_dir=folder)
    assert done.returncode == 0 and files_with(folder, WORD) == [] and not sound_of(folder, "yard")

    # The next server's sinks are told.
    assert not [row for row in lines_of(sunk) if row["kind"] == "forgotten"]
    listening(folder)
    told = [row.get("stream") for row in lines_of(sunk) if row["kind"] == "forgotten"]
    assert told == ["nobody", "hall", "hall", None]


def test_nothing_is_kept(program, tmp_path):
    done = forget(program, "--stream", "hall", "--since", "1h", state_dir=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"nothing is kept in {tmp_path}" in done.stderr
    assert list(tmp_path.iterdir()) == []


# --- who may, and where ----------------------------------------------------------------------


def test_the_socket_is_the_owners_and_the_groups(serve, monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    before = os.umask(0)
    try:
        server = serve()
    finally:
        os.umask(before)
    there = socket_of(server).stat()
    assert stat.S_ISSOCK(there.st_mode) and stat.S_IMODE(there.st_mode) == 0o660
    status, kind, body = ask(UnixConnection(socket_of(server)), "GET", "/api/v1/server")
    assert (status, kind) == (200, "application/json")
    assert (body["process"], body["state_dir"]) == (server.pid, str(server.state_dir))
    assert server.stop() == 0
    assert not socket_of(server).exists()


def let_pass(folder):
    """Let everybody through the folder and those of the tests' that it is in, however many."""
    while folder != Path(tempfile.gettempdir()):
        folder.chmod(0o755)
        folder = folder.parent


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_another_user_is_refused(serve, program, tmp_path):
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    let_pass(runtime)
    server = serve(environment={"XDG_RUNTIME_DIR": str(runtime)})
    path = runtime / "eavesdrop.sock"
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    command = ["curl", "-sS", "--unix-socket", str(path), "http://localhost/api/v1/server"]

    # The file's mode keeps him out; and were it open, the server does.
    done = subprocess.run(command, capture_output=True, text=True, check=False, **nobody)
    assert done.returncode != 0 and not done.stdout
    path.chmod(0o666)
    done = subprocess.run(command, capture_output=True, text=True, check=False, **nobody)
    assert "403" in done.stdout and "group eavesdrop" in done.stdout
    server.wait_log(r"process \d+ of user 65534: may not use the unix socket")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["process"] == server.pid


GROUP = "eavesdrop"


@pytest.fixture
def group():
    """The group's number; it is made for the test where this machine has none."""
    with contextlib.suppress(KeyError):
        yield grp.getgrnam(GROUP).gr_gid
        return
    if os.getuid() != 0:
        pytest.skip("there is no group eavesdrop, and only root can make one")
    subprocess.run(["groupadd", "--system", GROUP], check=True)
    yield grp.getgrnam(GROUP).gr_gid
    subprocess.run(["groupdel", GROUP], check=True)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_a_member_of_the_group_may(group, serve, program, tmp_path):
    """He has the socket, and nothing of the folder."""
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    let_pass(tmp_path)
    ours = shutil.copy(program, tmp_path / "eavesdrop")
    server = serve("streams: {hall: 'rtsp://127.0.0.1:9/hall'}\n", environment=environment)
    path = tmp_path / "eavesdrop.sock"
    assert path.stat().st_gid == group
    options = {"env": {**os.environ, **environment}, "state_dir": server.state_dir, "user": 65534, "group": 65534}
    done = forget(ours, "--all-streams", "--since", "1h", extra_groups=[group], **options)
    assert (done.returncode, done.stdout) == (0, "0 rows removed\n"), done
    done = forget(ours, "--all-streams", "--since", "1h", extra_groups=[], **options)
    assert done.returncode == 1 and "members of the group eavesdrop" in done.stderr, done


def is_dead(path):
    """A socket's file is there, and nobody behind it: whoever was forked and had it is gone, too."""
    with socket.socket(socket.AF_UNIX) as asking:
        return asking.connect_ex(str(path)) == errno.ECONNREFUSED


def test_a_live_socket_is_not_replaced(serve, tmp_path):
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    path = tmp_path / "eavesdrop.sock"
    first = serve(environment=environment)
    inode = path.stat().st_ino
    second = serve(environment=environment)
    assert path.stat().st_ino == inode
    assert ask(UnixConnection(path), "GET", "/api/v1/server")[2]["process"] == first.pid
    assert ask(UnixConnection(socket_of(second)), "GET", "/api/v1/server")[2]["process"] == second.pid
    first.process.send_signal(signal.SIGKILL)  # and leaves it
    first.process.wait()
    processes.wait_until(lambda: is_dead(path), 30, "nobody answers")
    third = serve(environment=environment)
    assert ask(UnixConnection(path), "GET", "/api/v1/server")[2]["process"] == third.pid
    assert not socket_of(third).exists()


def test_the_folders_own_server_is_asked(listening, serve, program, tmp_path):
    """Another folder's server has the socket that is looked at, too."""
    server, _ = listening()
    other = serve(environment={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert server.stop() == 0
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    done = forget(program, "--all-streams", "--since", "1h", state_dir=server.state_dir, env=environment)
    assert done.returncode == 0 and files_with(server.state_dir, WORD) == [], done
    done = forget(program, "--all-streams", "--since", "1h", state_dir=tmp_path / "none", env=environment)
    assert done.returncode == 1 and f"--state-dir {other.state_dir}" in done.stderr, done


def test_a_folder_with_too_long_a_name_is_told(serve, monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    server = serve(environment={"EAVESDROP_STATE_DIR": str(tmp_path / ("x" * 100))})
    server.wait_log(r"no unix socket .* bytes, and the path of a socket at most 107")
    assert server.http()[0] == 200


# --- the API ---------------------------------------------------------------------------------


def test_requests(listening):
    server, _ = listening()
    n = len(texts(server.state_dir, "hall"))

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    status, kind, body = ask(connection, "DELETE", "/api/v1/segments?from=0")
    assert (status, kind) == (401, "application/problem+json") and "unix socket" in body["detail"]

    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
    for target, field in (
        ("", "from"),
        ("?to=9999999999", "from"),
        ("?from=yesterday", "from"),
        ("?from=-1", "from"),
        ("?from=1e3", "from"),
        ("?from=0&to=soon", "to"),
        ("?from=5&to=5", "to"),
        ("?from=9999999999", "from"),
        ("?from=0&till=5", None),
        ("?from=0&from=1", None),
        ("?fro=0", None),
    ):
        for path in ("/api/v1/segments", "/api/v1/streams/hall/segments"):
            status, body = delete(server, path + target)
            assert (status, body.get("field")) == (400, field), (path + target, body)
    assert delete(server, "/api/v1/segments?from=0&stream=")[1]["field"] == "stream"
    assert delete(server, "/api/v1/streams/hall/segments?from=0&stream=yard")[0] == 400
    assert delete(server, "/api/v1/streams//segments?from=0")[0] == 404
    assert delete(server, "/api/v1/streams/a%2Fb/segments?from=0")[0] == 200  # a name like any other
    assert ask(UnixConnection(socket_of(server)), "PUT", "/api/v1/segments")[0] == 405
    assert len(texts(server.state_dir)) == 2 * n, "nothing of it removed anything"

    assert delete(server, f"/api/v1/streams/h%61ll/segments?from={time.time() + 1:.3f}&to=9999999999") == (
        200,
        {"removed": 0},
    )
    assert delete(server, f"/api/v1/streams/h%61ll/segments?from=0&to={now.replace('+', '%2B')}") == (
        200,
        {"removed": n},
    )
    assert not texts(server.state_dir, "hall") and len(texts(server.state_dir, "yard")) == n

    # Who asks and goes has asked.
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(socket_of(server)))
        raw.sendall(b"DELETE /api/v1/segments?from=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    processes.wait_until(lambda: not texts(server.state_dir), 20, "the rest is removed")
    server.wait_log(rf"had all streams forgotten: {n} row")


def test_a_server_without_a_journal(serve, monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    server = serve()
    status, body = delete(server, "/api/v1/segments?from=0")
    assert status == 404 and "nothing is kept" in body["detail"]


# --- the command line ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "of which stream?"),
        (["--since", "1h"], "of which stream?"),
        (["--stream", "hall"], "from when on?"),
        (["--all-streams"], "from when on?"),
        (["--stream", "hall", "--all-streams", "--since", "1h"], "not both"),
        (["--stream", "hall", "--stream", "yard", "--since", "1h"], "one --stream at a time"),
        (["--stream", "", "--since", "1h"], "empty"),
        (["--stream", "hall", "--since", "soon"], "--since is a time"),
        (["--stream", "hall", "--since", "1h", "--until", "2h"], "not after"),
        (["hall", "--since", "1h"], ""),
    ],
)
def test_mistakes(program, tmp_path, arguments, words):
    done = forget(program, *arguments, state_dir=tmp_path)
    assert done.returncode == 2 and words in done.stderr and not done.stdout, done


def on_terminal(command, answer):
    """(exit code, what was shown) of a command whose standard input is a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as done:
        os.close(theirs)
        os.write(ours, answer)
        shown = done.communicate(timeout=60)[0]
    os.close(ours)
    return done.returncode, shown


def test_a_terminal_is_asked(listening, program):
    server, _ = listening()
    assert server.stop() == 0
    n = len(texts(server.state_dir))
    command = [program, "forget", "--stream", "hall", "--since", "1h", "--state-dir", server.state_dir]
    for answer in (b"n\n", b"\n", b"\x04"):
        code, shown = on_terminal(command, answer)
        assert code == 1 and "what was said in the stream hall" in shown and "nothing was removed" in shown
        assert str(server.state_dir) in shown
    assert len(texts(server.state_dir)) == n
    assert on_terminal(command, b"y\n")[0] == 0
    assert not texts(server.state_dir, "hall")
    code, shown = on_terminal([*command, "--yes"], b"")
    assert (code, shown) == (0, "0 rows removed\n")
