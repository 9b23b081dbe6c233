"""One look at the whole server: its status, the last hour, who is connected, and sending somebody away."""

import contextlib
import datetime
import http.client
import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import processes
import pytest

CONFIG = """
streams:
  hall: {hall}
  yard: rtsp://viewer:secret@127.0.0.1:9/yard
alerts: {{ask: {{words: [country]}}}}
sinks: {{file: {{type: lines, path: heard.jsonl}}}}
"""


class UnixConnection(http.client.HTTPConnection):
    """A plain HTTP connection to a unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect(str(self.path))


def ask(server, target, method="GET", by_tcp=False):
    """(status, body as JSON; None without one)."""
    connection = (
        http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        if by_tcp
        else UnixConnection(server.state_dir / "eavesdrop.sock")
    )
    with contextlib.closing(connection):
        connection.request(method, "/api/v1" + target)
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if body else None


def status_of(server):
    status, body = ask(server, "/status")
    assert status == 200
    return body


def when(text):
    assert text.endswith("Z")
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


@pytest.fixture(scope="module")
def server(program, models, jfk, tmp_path_factory):
    """A server with a stream that has ended, and a camera that is not there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("XDG_RUNTIME_DIR", raising=False)
        with processes.serving(program, models, tmp_path_factory.mktemp("status")) as start:
            yield start(CONFIG.format(hall=jfk[0]))


# --- the status ------------------------------------------------------------------------------


def stream_of(server, name, state):
    """The stream as the status has it, once it is in that state."""

    def look():
        found = [one for one in status_of(server)["streams"] if one["name"] == name]
        return found and found[0]["state"] == state and found[0]

    return processes.wait_until(look, 60, f"{name} is {state}")


def test_the_server_itself(server):
    status = status_of(server)
    assert status["process"] == server.pid and (status["state"], status["reason"]) == ("ok", "")
    assert when(status["started"]).tzinfo and status["uptime"] >= 0
    assert status["load"]["level"] == "normal" and status["load"]["backlog"]["windows_on_disk"] == 0
    memory = status["memory"]
    assert 0 < memory["resident"] and 0 <= memory["budget_used"]["messages"] < memory["budget"]
    assert status["processor"]["seconds"] > 0 and status["descriptors"]["open"] > 0
    assert later_uptime(server, status["uptime"]) > status["uptime"]


def later_uptime(server, before):
    return processes.wait_until(lambda: (now := status_of(server)["uptime"]) > before and now, 30, "time passes")


def test_why_a_stream_is_silent(server):
    hall, yard = stream_of(server, "hall", "ended"), stream_of(server, "yard", "offline")
    assert (hall["kind"], hall["dialect"], hall["is_speaking"]) == ("pulled", "", False)
    assert "refused" in yard["reason"].lower() and "secret" not in json.dumps(status_of(server))
    started = when(status_of(server)["started"])
    assert started <= when(hall["since"]) and started <= when(yard["since"])


def test_what_is_kept(server):
    stream_of(server, "hall", "ended")
    (alert,) = processes.wait_until(
        lambda: [one for one in status_of(server)["alerts"] if one["fired"] > 0], 60, "the alert fires"
    )
    assert alert["name"] == "ask"
    status = status_of(server)
    assert status["journal"]["state"] == "ok" and status["journal"]["bytes"] > 0 and status["archive"] is None
    assert [(sink["name"], sink["type"], sink["state"]) for sink in status["sinks"]] == [("file", "lines", "ok")]


def test_the_last_hour(server):
    """The first step is over after ten seconds; its figures are lists, all equally long."""

    def look():
        status, history = ask(server, "/status/history")
        assert status == 200 and history["step"] == 10
        return history["time"] and history

    history = processes.wait_until(look, 60, "a step")
    lists = {name: figures for name, figures in history.items() if name != "step"}
    assert {len(figures) for figures in lists.values()} == {len(history["time"])}
    assert history["streams"][-1] >= 2 and history["level"][-1] in ("normal", "slowed", "finals_only", "full")
    assert history["memory"][-1] > 0 and all(cores >= 0 for cores in history["cores"])
    assert status_of(server)["processor"]["cores"] is not None


# --- sessions --------------------------------------------------------------------------------


def sessions_of(server):
    status, body = ask(server, "/sessions")
    assert status == 200
    return body["sessions"]


def test_who_is_connected_and_sending_away(server, client):
    before = {one["id"] for one in sessions_of(server)}
    talker = client(server)
    talker.setup("desk")
    (session,) = [one for one in sessions_of(server) if one["id"] not in before]
    assert (session["dialect"], session["stream"], session["address"]) == ("eavesdrop", "desk", "127.0.0.1")
    assert session["principal"] and session["backlog"] == 0 and session["about"].startswith("client 127.0.0.1:")
    assert when(status_of(server)["started"]) <= when(session["since"])
    desk = stream_of(server, "desk", "online")
    assert (desk["kind"], desk["dialect"]) == ("pushed", "eavesdrop")
    assert status_of(server)["sessions"]["eavesdrop"] >= 1

    assert ask(server, f"/sessions/{session['id']}", "DELETE") == (204, None)
    talker.wait_error("administrator")
    talker.wait_close()
    assert talker.close_code == 1008 and "administrator" in talker.close_reason
    processes.wait_until(lambda: session["id"] not in [one["id"] for one in sessions_of(server)], 30, "it is gone")
    assert ask(server, f"/sessions/{session['id']}", "DELETE")[0] == 404
    server.wait_log(rf"process \d+ .* had session {session['id']} \(client 127\.0\.0\.1:\d+\) closed")


@pytest.mark.parametrize("name", ["0", "x", "-1", "1.5", "99999999999999999999", "18446744073709551617"])
def test_no_such_session(server, name):
    status, body = ask(server, f"/sessions/{name}", "DELETE")
    assert (status, body["field"]) == (404, "id")


# --- the configuration -----------------------------------------------------------------------


def test_the_configuration_in_force(server):
    status, body = ask(server, "/config")
    assert status == 200
    config = body["config"]
    assert config["listen"] == f"127.0.0.1:{server.port}" and config["threads"] == 0
    assert config["streams"]["yard"]["url"] == "rtsp://***@127.0.0.1:9/yard"
    assert config["alerts"]["ask"]["words"] == ["country"] and config["sinks"]["file"]["path"] == "heard.jsonl"
    assert config["state_dir"] == str(server.state_dir)
    assert (body["from"]["listen"], body["from"]["model_dir"], body["from"]["state_dir"]) == (
        "file",
        "option",
        "environment",
    )
    assert "threads" not in body["from"] and "secret@" not in json.dumps(body)


# --- who may ---------------------------------------------------------------------------------


def test_who_may(server):
    for target in ("/status", "/status/history"):
        assert ask(server, target, by_tcp=True)[0] == 200
        assert ask(server, target + "?verbose=1")[0] == 400
        assert ask(server, target, "POST")[0] == 405
    for method, target in (("GET", "/sessions"), ("DELETE", "/sessions/1"), ("GET", "/config")):
        assert ask(server, target, method, by_tcp=True)[0] == 401


# --- the service manager ---------------------------------------------------------------------


def test_the_service_manager_is_told(serve, tmp_path):
    """Ready, alive, reloading and stopping, as a manager's socket hears it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        server = serve(environment=environment)

        def hear(first):
            """The next message that begins so, and those before it."""
            before = []
            while not (message := manager.recv(4096).decode()).startswith(first):
                before.append(message)
            return message, before

        assert hear("STATUS=loading") and f"ws://127.0.0.1:{server.port}" in hear("READY=1\nSTATUS=0 streams")[0]
        hear("WATCHDOG=1")
        server.process.send_signal(signal.SIGHUP)
        assert int(hear("RELOADING=1\nMONOTONIC_USEC=")[0].split("=")[2].split("\n")[0]) > 0
        assert set(hear("READY=1")[1]) <= {"WATCHDOG=1"}
        hear("WATCHDOG=1")
        server.process.send_signal(signal.SIGTERM)
        assert set(hear("STOPPING=1\nSTATUS=")[1]) <= {"WATCHDOG=1"}
        assert server.process.wait(60) == 0


# --- the verbs -------------------------------------------------------------------------------


def verb(program, *arguments, environment=None, given=None):
    """A verb's end: exit code, what it printed, and its complaints."""
    done = subprocess.run(
        [str(program), *arguments],
        input=given,
        stdin=None if given else subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_verb_status(server, program):
    stream_of(server, "hall", "ended")
    here = ("--state-dir", str(server.state_dir))
    code, shown, complaints = verb(program, "status", *here)
    assert (code, complaints) == (0, "")
    lines = shown.splitlines()
    assert lines[0].startswith("eavesdrop ") and lines[0].endswith(": ok")
    assert re.search(r"^  hall +ended +for \d+ (s|min)", shown, re.MULTILINE), shown
    assert re.search(r"^  yard +(offline|connecting) +for \d+ (s|min)", shown, re.MULTILINE), shown
    assert re.search(r"^  file +lines +ok +\d+ rows behind$", shown, re.MULTILINE), shown
    assert re.search(r"^archive +nothing is kept$", shown, re.MULTILINE) and "\n  ask  fired" in shown, shown
    assert re.search(r"^files +ok, 0 running, 0 waiting, 0 done, 0 failed, 0.0 MB$", shown, re.MULTILINE), shown
    code, shown, complaints = verb(program, "status", "--json", *here)
    assert (code, complaints) == (0, "") and json.loads(shown)["process"] == server.pid
    code, shown, complaints = verb(program, "status", "--json", "--url", f"http://127.0.0.1:{server.port}/")
    assert (code, complaints) == (0, "") and json.loads(shown)["process"] == server.pid


def test_no_server_answers(program, tmp_path, server):
    code, shown, complaints = verb(program, "status", "--state-dir", str(tmp_path))
    assert (code, shown) == (1, "") and f"no server with the state folder {tmp_path} runs here" in complaints
    port = processes.free_port()
    code, shown, complaints = verb(program, "status", "--url", f"http://127.0.0.1:{port}")
    assert (code, shown) == (1, "") and f"the server at http://127.0.0.1:{port}: " in complaints


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--url", "cameras.example:9090"], "an address such as https://"),
        (["--url", "ftp://cameras.example"], "an address such as https://"),
        (["--url", "http://user:secret@cameras.example"], "without a user"),
        (["--url", "http://"], "an address such as https://"),
        (["--token", "abc"], "--token is for --url"),
        (["--url", "http://127.0.0.1:1", "--token", "a b"], "the token is no token"),
        (["--url", "http://127.0.0.1:1", "--token", "abc", "--token-file", "x"], "not both"),
        (["--url", "http://127.0.0.1:1", "--authority", "/nowhere", "extra"], "extra"),
    ],
)
def test_mistakes(program, arguments, words):
    code, shown, complaints = verb(program, "status", *arguments)
    assert (code, shown) == (2, "") and words in complaints and "secret" not in complaints


PROBLEM = b'{"title":"Unauthorized","status":401,"detail":"this token is not known"}'


@pytest.mark.parametrize("way", ["option", "file", "environment"])
def test_a_token_is_sent_and_not_shown(program, tmp_path, way):
    """In the header, and never in the list of processes."""
    token = "evd_" + "t0k3n" * 8
    (tmp_path / "token").write_text(token + "\n", encoding="ascii")
    options = {"option": ["--token", token], "file": ["--token-file", str(tmp_path / "token")], "environment": []}[way]
    with socket.create_server(("127.0.0.1", 0)) as peer:
        peer.settimeout(60)
        command = [str(program), "status", "--url", f"http://127.0.0.1:{peer.getsockname()[1]}", *options]
        environment = {**os.environ, **({"EAVESDROP_TOKEN": token} if way == "environment" else {})}
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as asking:
            connection, _ = peer.accept()
            with connection:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(4096)
                title = Path(f"/proc/{asking.pid}/cmdline").read_bytes()
                head = b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/problem+json\r\nConnection: close\r\n"
                connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(PROBLEM) + PROBLEM)
            shown, complaints = asking.communicate(timeout=60)
        assert f"\r\nAuthorization: Bearer {token}\r\n".encode() in request
        assert b"status" in title and token.encode() not in title
        assert asking.returncode == 1 and not shown and b"answers 401: this token is not known" in complaints


def test_the_verb_config(server, program, tmp_path):
    file = tmp_path / "cameras.yaml"
    file.write_text("threads: 3\nstreams: {hall: 'rtsp://viewer:secret@cam/hall'}\n", encoding="utf-8")
    shown_by = ("config", "show", "--config", str(file))
    code, shown, complaints = verb(program, *shown_by, environment={"EAVESDROP_MODEL": "tiny"})
    assert (code, complaints) == (0, "")
    assert "\nthreads: 3\n" in shown and "\nmodel: tiny\n" in shown and "\n  hall:\n    url: " in shown
    assert "secret" not in shown and "***@cam/hall" in shown
    # What it shows is a file.
    (tmp_path / "again.yaml").write_text(shown, encoding="utf-8")
    assert verb(program, "config", "show", "--config", str(tmp_path / "again.yaml")) == (0, shown, "")
    code, shown, _ = verb(program, "config", "show", "--json", "--config", str(file))
    assert code == 0 and json.loads(shown)["from"] == {"threads": "file", "streams": "file"}

    code, shown, complaints = verb(program, "config", "show", "--effective", "--state-dir", str(server.state_dir))
    assert (code, complaints) == (0, "") and f'\nlisten: "127.0.0.1:{server.port}"\n' in "\n" + shown, shown
    assert "secret@" not in shown and "***@127.0.0.1:9/yard" in shown
    assert verb(program, "config", "show", "--effective", "--config", str(file))[0] == 2
    file.write_text("treads: 3\n", encoding="utf-8")
    code, shown, complaints = verb(program, "config", "show", "--config", str(file))
    assert (code, shown) == (2, "") and 'did you mean "threads"?' in complaints


def test_the_verb_stream(server, program):
    here = ("--state-dir", str(server.state_dir))

    def stream(*arguments, given=None):
        return verb(program, "stream", *arguments, *here, given=given)

    def state_of(name):
        code, shown, complaints = stream("list", "--json")
        assert (code, complaints) == (0, "")
        return {one["name"]: one["state"] for one in json.loads(shown)["streams"]}.get(name)

    code, shown, complaints = stream("list")
    assert (code, complaints) == (0, "") and re.search(r"^yard +(offline|connecting) +file", shown, re.MULTILINE), shown
    settings = ("--set", "language=de", "--set", "decoding.beam_size=3")
    assert stream("add", "cellar", "rtsp://192.0.2.1/cellar", *settings) == (0, "", "")
    assert state_of("cellar")
    settings = ask(server, "/streams/cellar")[1]["settings"]
    assert settings["language"] == "de" and settings["decoding"]["beam_size"] == 3
    assert stream("add", "attic", "-", given="rtsp://viewer:secret@192.0.2.1/attic\n") == (0, "", "")
    assert stream("pause", "cellar", "attic") == (0, "", "")
    assert (state_of("cellar"), state_of("attic")) == ("paused", "paused")
    assert stream("resume", "cellar") == (0, "", "") and state_of("cellar") != "paused"
    assert stream("restart", "cellar") == (0, "", "")
    code, _, complaints = stream("remove", "nobody", "cellar", "attic")
    assert code == 1 and "'nobody': the server answers 404" in complaints
    assert state_of("cellar") is None and state_of("attic") is None
    code, _, complaints = stream("remove", "yard")
    assert code == 1 and "answers 409" in complaints
    code, _, complaints = stream("add", "cellar", "rtsp://192.0.2.1/cellar", "--set", "langauge=de")
    assert code == 1 and "langauge" in complaints


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "expected list, add"),
        (["lsit"], "expected list, add"),
        (["list", "yard"], "list takes no"),
        (["add", "cellar"], "a name and a URL"),
        (["add", "cellar", "rtsp://a/b", "rtsp://c/d"], "a name and a URL"),
        (["add", "cellar", "rtsp://a/b", "--set", "language"], "NAME=VALUE"),
        (["add", "cellar", "rtsp://a/b", "--set", "a=1", "--set", "a.b=1"], "NAME=VALUE"),
        (["pause"], "which stream?"),
        (["pause", ""], "empty"),
    ],
)
def test_mistakes_of_the_verb_stream(server, program, arguments, words):
    code, shown, complaints = verb(program, "stream", *arguments, "--state-dir", str(server.state_dir))
    assert (code, shown) == (2, "") and words in complaints, complaints
