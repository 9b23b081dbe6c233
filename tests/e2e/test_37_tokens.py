"""Tokens: who may do what, how a token comes, what holds without any, and how one is taken back."""

import contextlib
import hashlib
import http.client
import json
import os
import re
import stat
import subprocess
import threading

import processes
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

SECRETS = {name: f"evd_{name}_{'x' * 24}" for name in ("reader", "doorman", "talker", "manager", "late")}
SCOPES = {"reader": "read", "doorman": "read", "talker": "listen", "manager": "manage", "late": "read"}


def digest(secret):
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()


def configuration(anonymous=""):
    tokens = [f"    - {{name: {name}, hash: '{digest(SECRETS[name])}', scopes: {SCOPES[name]}}}" for name in SECRETS]
    tokens[1] = tokens[1].replace("}", ", streams: [door-*]}")
    tokens[4] = tokens[4].replace("}", ", expires: 2026-01-01}")
    return (
        "streams: {hall: 'rtsp://127.0.0.1:9/hall', door-1: 'rtsp://127.0.0.1:9/door'}\n"
        "auth:\n" + anonymous + "  tokens:\n" + "\n".join(tokens) + "\n"
    )


@pytest.fixture(scope="module")
def guarded(program, models, tmp_path_factory):
    with processes.serving(program, models, tmp_path_factory.mktemp("guarded")) as start:
        yield start(configuration())


@pytest.fixture(scope="module")
def plain(program, models, tmp_path_factory):
    """A server without tokens, but for its owner's."""
    with processes.serving(program, models, tmp_path_factory.mktemp("plain")) as start:
        yield start("streams: {hall: 'rtsp://127.0.0.1:9/hall'}\n")


def ask(server, path, token=None, method="GET", **headers):
    """(status, headers, body) of a request."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, body


def owner(server):
    return (server.state_dir / "token").read_text().strip()


def told(server, query, **options):
    """What a WebSocket client hears first; the status where there is no WebSocket."""
    try:
        with connect(f"ws://127.0.0.1:{server.port}/{query}", **options) as raw:
            return json.loads(raw.recv(timeout=20))
    except InvalidStatus as refused:
        return refused.response.status_code


HELLO = json.dumps({"uid": "u", "language": "en", "task": "transcribe", "model": "base"})


def greeted(server, **options):
    """The answer to WhisperLive's hello."""
    with connect(f"ws://127.0.0.1:{server.port}/", **options) as raw:
        raw.send(HELLO)
        return json.loads(raw.recv(timeout=20))


def bearer(name):
    return {"additional_headers": {"Authorization": f"Bearer {SECRETS[name]}"}}


# --- routes and scopes -----------------------------------------------------------------------

# What each may: o is an answer, - a refusal.
#                                        nobody late reader doorman talker manager owner
TABLE = [
    ("GET", "/", "ooooooo"),
    ("GET", "/healthz", "ooooooo"),
    ("GET", "/readyz", "ooooooo"),
    ("GET", "/metrics", "--o---o"),
    ("GET", "/api/v1/server", "-----oo"),
    ("GET", "/api/v1/status", "--o---o"),
    ("GET", "/api/v1/status/history", "--o---o"),
    ("GET", "/api/v1/sessions", "-----oo"),
    ("GET", "/api/v1/config", "-----oo"),
    ("DELETE", "/api/v1/sessions/999", "-----oo"),
    ("GET", "/api/v1/segments", "--oo--o"),
    ("GET", "/api/v1/segments/1", "--oo--o"),
    ("GET", "/api/v1/streams/door-1/segments", "--oo--o"),
    ("GET", "/api/v1/segments/1/audio", "--oo--o"),
    ("GET", "/api/v1/streams/door-1/audio?from=1&to=2", "--oo--o"),
    ("GET", "/api/v1/streams/door-1/timeline", "--oo--o"),
    ("GET", "/api/v1/streams/door-1/captions.vtt", "--oo--o"),
    ("GET", "/api/v1/streams/door-1/captions.srt", "--oo--o"),
    ("GET", "/api/v1/streams/door-1/captions.txt", "--oo--o"),
    ("GET", "/api/v1/search?q=help", "--oo--o"),
    ("GET", "/api/v1/alerts/fired", "--oo--o"),
    ("DELETE", "/api/v1/segments", "-----oo"),
    ("DELETE", "/api/v1/streams/hall/segments", "-----oo"),
    ("POST", "/api/v1/tokens/reload", "-----oo"),
]
WHO = (None, "late", "reader", "doorman", "talker", "manager", "owner")


# And what that is for routes of each scope, which the program's own table has.
CELLS = {"OPEN": "ooooooo", "READ": "--oo--o", "READ_ALL": "--o---o", "LISTEN": "----o-o", "MANAGE": "-----oo"}
ROUTES = [
    (method, re.sub(r"\{\w+\}", "door-1", pattern), CELLS[scope])
    for method, pattern, scope in re.findall(
        r'\{"(\w+)", "([^"]+)", ROUTE_(\w+),', (processes.PROJECT / "src/api/api.c").read_text()
    )
]


def attempt(server, method, path, token):
    """(status, headers, words of a refusal). An answer that goes on for ever is not waited for."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    body = "no JSON" if method in ("POST", "PUT", "PATCH") else None
    connection.request(method, path, body, {"Authorization": f"Bearer {token}"} if token else {})
    answer = connection.getresponse()
    words = answer.read().decode() if answer.status in (401, 403) else ""
    connection.close()
    return answer.status, answer.headers, words


@pytest.mark.parametrize(("method", "path", "row"), sorted({*TABLE, *ROUTES}))
def test_routes_and_scopes(guarded, method, path, row):
    for who, cell in zip(WHO, row, strict=True):
        token = owner(guarded) if who == "owner" else SECRETS.get(who)
        status, headers, words = attempt(guarded, method, path, token)
        stranger = who in (None, "late")
        assert (status not in (401, 403)) == (cell == "o"), (who, status, words)
        if cell == "-":
            assert status == (401 if stranger else 403), (who, words)
            assert ("WWW-Authenticate" in headers) == stranger
            assert who is None or SECRETS[who] not in words
            assert who is not None or "auth.anonymous" in words


def test_sessions_need_a_scope(guarded):
    subscription = "?type=rtsp_subscriber&streams="
    assert told(guarded, subscription + "hall") == 401
    assert told(guarded, subscription + "hall", **bearer("late")) == 401
    assert told(guarded, subscription + "hall", **bearer("manager")) == 403
    assert told(guarded, subscription + "hall", **bearer("reader"))["stream"] == "hall"
    assert told(guarded, subscription + "door-1", **bearer("doorman"))["stream"] == "door-1"
    # A stream that may not be read is one that is not there.
    assert told(guarded, subscription + "hall", **bearer("doorman"))["message"] == "Unknown streams: hall"
    assert "has not the scope read" in told(guarded, subscription + "hall", **bearer("talker"))["message"]
    assert greeted(guarded, **bearer("talker"))["message"] == "SERVER_READY"
    assert "has not the scope listen" in greeted(guarded, **bearer("reader"))["message"]


def test_every_way_of_sending_a_token(guarded):
    token = SECRETS["manager"]
    assert ask(guarded, "/api/v1/server", None, Authorization=f"Token {token}")[0] == 200
    assert ask(guarded, "/api/v1/server", None, Authorization=f"bearer {token}")[0] == 200
    assert ask(guarded, f"/api/v1/server?token={token}")[0] == 200
    assert ask(guarded, "/api/v1/server", None, Authorization=f"Basic {token}")[0] == 401
    with connect(
        f"ws://127.0.0.1:{guarded.port}/?type=rtsp_subscriber&streams=hall",
        subprotocols=["eavesdrop.v1", f"eavesdrop.token.{SECRETS['reader']}"],
    ) as raw:
        assert raw.subprotocol == "eavesdrop.v1"
        assert json.loads(raw.recv(timeout=20))["stream"] == "hall"
    log = guarded.log()
    assert not [name for name, secret in SECRETS.items() if secret in log]


def test_a_token_goes_before_origin_and_host(guarded):
    foreign = {"Origin": "https://evil.example", "Host": "rebound.example"}
    assert ask(guarded, "/metrics", None, **foreign)[0] == 403
    assert ask(guarded, "/metrics", SECRETS["reader"], **foreign)[0] == 200
    assert ask(guarded, "/metrics", SECRETS["late"], **foreign)[0] == 403


def test_one_token_has_so_many(program, models, tmp_path):
    with processes.serving(program, models, tmp_path) as start:
        server = start(configuration() + "per_token: {connections: 3, sessions: 1}\n")
        with connect(f"ws://127.0.0.1:{server.port}/", **bearer("talker")) as first:
            first.send(HELLO)
            assert json.loads(first.recv(timeout=20))["message"] == "SERVER_READY"
            with contextlib.ExitStack() as held:
                for _ in range(2):
                    open_one = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
                    held.callback(open_one.close)
                    open_one.request("GET", "/", headers={"Authorization": f"Bearer {SECRETS['talker']}"})
                    assert open_one.getresponse().read()
                status, _, body = ask(server, "/", SECRETS["talker"])
                assert status == 429 and "per_token.connections" in body
                assert ask(server, "/metrics", SECRETS["reader"])[0] == 200
            processes.wait_until(lambda: ask(server, "/", SECRETS["talker"])[0] == 200, 20, "room again")
            with connect(f"ws://127.0.0.1:{server.port}/", **bearer("talker")) as second:
                assert "per_token.sessions" in json.loads(second.recv(timeout=20))["message"]


# --- clients that can send none --------------------------------------------------------------


def test_the_stock_client_is_refused_then_admitted(program, models, tmp_path, jfk):
    with processes.serving(program, models, tmp_path) as start:
        server = start(configuration())
        client = processes.WhisperLiveClient(server.port, jfk[0], tmp_path / "refused")
        try:
            processes.wait_until(lambda: "401" in client.log(), 60, "the refusal shown by the client")
            server.wait_log(r"visitor-refused.*auth\.anonymous|auth\.anonymous.*")
        finally:
            client.stop()
        server.stop()

        server = start(configuration("  anonymous: {from: [127.0.0.1], dialects: [whisperlive]}\n"))
        text = processes.WhisperLiveClient(server.port, jfk[0], tmp_path / "admitted").finish(120)
        assert "country" in text
        # Those of other kinds are told which key it is, and nothing else is open.
        assert "auth.anonymous" in told(server, "?type=rtsp_subscriber&streams=hall")["message"]
        assert ask(server, "/metrics")[0] == 401
        assert ask(server, "/api/v1/transcriptions")[0] == 401
        assert ask(server, "/metrics", None, X_Forwarded_For="192.0.2.7")[0] == 403


def test_a_dialect_that_is_none_is_a_mistake(program, models, tmp_path):
    done = run(program, tmp_path, "serve", "--model-dir", models, config="auth: {anonymous: {dialects: [whisper]}}\n")
    assert done.returncode != 0 and "there is no dialect whisper; there are api, eavesdrop" in done.stderr


# --- without tokens --------------------------------------------------------------------------


def run(program, folder, *arguments, config=None, **options):
    """A verb with a state folder of its own."""
    command = [str(program), *map(str, arguments)]
    if config is not None:
        path = folder / "eavesdrop.yaml"
        path.write_text(config)
        command += ["--config", str(path)]
    environment = {**os.environ, "EAVESDROP_STATE_DIR": str(folder / "state")}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env=environment, **options
    )


def test_the_owner_manages_by_a_token_of_his_own(plain):
    path = plain.state_dir / "token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and re.fullmatch(r"evd_[\w-]{43}", owner(plain))
    assert ask(plain, "/metrics")[0] == 200
    status, _, body = ask(plain, "/api/v1/server")
    assert status == 401 and "state folder" in json.loads(body)["detail"]
    assert ask(plain, "/api/v1/server", owner(plain))[0] == 200
    assert owner(plain) not in plain.log()


def test_what_a_proxy_hands_on_is_refused(plain):
    for header in ({"X_Forwarded_For": "192.0.2.7"}, {"Forwarded": "for=192.0.2.7"}, {"X_Forwarded_Host": "a"}):
        status, _, body = ask(plain, "/metrics", None, **header)
        assert status == 403 and "EAVESDROP_PROXIES" in body
        assert ask(plain, "/metrics", owner(plain), **header)[0] == 200
        assert ask(plain, "/healthz", None, **header)[0] == 200


def test_a_listed_proxy_is_believed(program, models, tmp_path):
    with processes.serving(program, models, tmp_path) as start:
        server = start("proxies: [127.0.0.1]\nhosts: [cam.example]\nauth: {anonymous: {from: [192.0.2.0/24], scopes: [read]}}\n")
        for client, status in (("192.0.2.7", 200), ("198.51.100.1", 401), ("192.0.2.7, 127.0.0.1", 200), ("192.0.2.7, 198.51.100.1", 401)):
            assert ask(server, "/metrics", None, X_Forwarded_For=client)[0] == status
            assert ask(server, "/metrics", None, Forwarded=", ".join(f"for={one}" for one in client.split(", ")))[0] == status
        assert ask(server, "/metrics", None, X_Forwarded_For="192.0.2.7", X_Forwarded_Host="cam.example")[0] == 200
        assert ask(server, "/metrics", None, X_Forwarded_For="192.0.2.7", X_Forwarded_Host="evil.example")[0] == 403
        assert ask(server, "/metrics", None, X_Forwarded_For="192.0.2.7", Forwarded="for=192.0.2.8")[0] == 403
        assert ask(server, "/metrics", None, X_Forwarded_For="unknown")[0] == 403


def test_others_addresses_need_tokens(program, models, tmp_path):
    done = run(program, tmp_path, "serve", "--listen", "0.0.0.0:0", "--model-dir", models)
    assert done.returncode != 0
    assert "eavesdrop token new" in done.stdout + done.stderr and "auth: none" in done.stdout + done.stderr


def test_a_token_file_of_others_is_refused(program, models, tmp_path):
    assert run(program, tmp_path, "token", "new", "phone", "--scope", "read").returncode == 0
    (tmp_path / "state/tokens.json").chmod(0o644)
    for arguments in (("token", "list"), ("serve", "--model-dir", models)):
        done = run(program, tmp_path, *arguments)
        assert done.returncode != 0 and "chmod 600" in done.stdout + done.stderr


# --- made and taken back while the server runs -----------------------------------------------


def test_a_token_is_made_and_revoked_while_the_server_runs(program, models, tmp_path):
    with processes.serving(program, models, tmp_path) as start:
        server = start("streams: {hall: 'rtsp://127.0.0.1:9/hall'}\n", environment={"XDG_RUNTIME_DIR": str(tmp_path)})
        environment = {**os.environ, "EAVESDROP_STATE_DIR": str(server.state_dir), "XDG_RUNTIME_DIR": str(tmp_path)}

        def verb(*arguments):
            command = [str(program), "token", *arguments]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)
            assert done.returncode == 0, done.stderr
            return done.stdout.strip()

        assert ask(server, "/metrics")[0] == 200
        secret = verb("new", "phone", "--scope", "read,listen", "--expires", "30d")
        assert ask(server, "/metrics")[0] == 401  # there are tokens now
        assert ask(server, "/metrics", secret)[0] == 200
        assert re.search(r"phone +read listen +all +20", verb("list"))
        assert secret not in (server.state_dir / "tokens.json").read_text()

        headers = {"Authorization": f"Token {secret}"}
        captions = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        captions.request("GET", "/api/v1/streams/hall/captions.vtt?live=1", headers=headers)
        reading = captions.getresponse()
        assert reading.status == 200
        reasons = []
        with (
            connect(f"ws://127.0.0.1:{server.port}/?type=rtsp_subscriber&streams=hall", additional_headers=headers) as raw,
            connect(f"ws://127.0.0.1:{server.port}/", additional_headers=headers) as talker,
        ):
            talker.send(HELLO)
            assert json.loads(talker.recv(timeout=20))["message"] == "SERVER_READY"

            def follow(socket):
                try:
                    while True:
                        socket.recv(timeout=60)
                except ConnectionClosed:
                    reasons.append((socket.protocol.close_rcvd.code, socket.protocol.close_rcvd.reason))

            followers = [threading.Thread(target=follow, args=(socket,)) for socket in (raw, talker)]
            for follower in followers:
                follower.start()
            verb("revoke", "phone")
            for follower in followers:
                follower.join()
        assert reasons == [(1008, "the token has expired or was revoked")] * 2
        with pytest.raises(http.client.IncompleteRead):
            reading.read()
        assert ask(server, "/metrics", secret)[0] == 401
        assert ask(server, "/metrics")[0] == 401  # the last one gone opens nothing
        assert secret not in server.log()

        # What is no token file changes nothing.
        (server.state_dir / "tokens.json").write_text("{")
        status, _, body = ask(server, "/api/v1/tokens/reload", owner(server), "POST")
        assert status == 409 and "no JSON" in json.loads(body)["detail"]


def test_what_people_choose_is_long_enough(program, tmp_path):
    arguments = ("token", "new", "mine", "--scope", "manage", "--chosen")
    done = run(program, tmp_path, *arguments, input="password123\n")
    assert done.returncode != 0 and "at least 20" in done.stderr and "password123" not in done.stderr
    assert run(program, tmp_path, *arguments, input="correct-horse-battery\n").returncode == 0
    assert "already" in run(program, tmp_path, *arguments, input="correct-horse-battery\n").stderr
