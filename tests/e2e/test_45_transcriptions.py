"""Files that are sent to be made text: at once or later, across restarts, for their sender alone."""

import contextlib
import http.client
import json
import os
import re
import socket
import stat
import subprocess

import processes
import pytest
import speech
from test_36_forget import UnixConnection, socket_of
from test_37_tokens import digest

PATH = "/api/v1/transcriptions"
SECRETS = {name: f"evd_{name}_{'x' * 24}" for name in ("alice", "bob", "reader", "boss")}
SCOPES = {"alice": "listen", "bob": "listen", "reader": "read", "boss": "manage, listen"}


def configuration(extra=""):
    tokens = [f"    - {{name: {name}, hash: '{digest(SECRETS[name])}', scopes: [{SCOPES[name]}]}}" for name in SECRETS]
    return "auth:\n  tokens:\n" + "\n".join(tokens) + "\n" + extra


@pytest.fixture(scope="module")
def server(program, models, tmp_path_factory):
    with processes.serving(program, models, tmp_path_factory.mktemp("transcriptions")) as start:
        yield start(configuration("uploads: {size: 4MB, seconds: 120s}\ntranscriptions: {disk: 8MB}\n"))


def ask(server, method, path, body=None, who="alice", connection=None, **headers):
    """(status, headers, body) of a request; JSON is read."""
    connection = connection or http.client.HTTPConnection("127.0.0.1", server.port, timeout=90)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if who:
        headers["Authorization"] = f"Bearer {SECRETS[who]}"
    with contextlib.closing(connection):
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
    return answer.status, answer.headers, json.loads(content) if "json" in (answer.headers["Content-Type"] or "") else content


def form(fields, file, name="talk.flac"):
    """(body, content type) of a form as browsers and curl write it."""
    edge = "----edge7f3a"
    parts = [f'--{edge}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode() for key, value in fields]
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: audio/flac\r\n\r\n'
    parts.insert(1 if fields else 0, head.encode() + file + b"\r\n")
    return b"".join(parts) + f"--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"


def shelf(server):
    return server.state_dir / "transcriptions"


def left(server):
    return sorted(path.name for path in shelf(server).iterdir() if path.name != "lock")


def new(server, before):
    """What came to the shelf since; what was there may be on its way out."""
    return set(left(server)) - set(before)


def test_a_file_becomes_text_at_once(server, jfk):
    path, reference = jfk
    status, headers, one = ask(server, "POST", PATH, path.read_bytes())
    assert status == 200 and one["state"] == "done" and one["principal"] == "alice", one
    assert headers["Location"] == f"{PATH}/{one['id']}"
    assert one["progress"] == {"fraction": 1.0, "seconds": one["progress"]["of"], "of": one["progress"]["of"]}
    assert 10.5 < one["progress"]["of"] < 11.5
    segments = one["result"]["segments"]
    assert speech.error_rate(reference, " ".join(segment["text"] for segment in segments)) < 0.25
    # Its files are our user's alone, and the sound is gone.
    assert stat.S_IMODE(shelf(server).stat().st_mode) == 0o700
    files = [shelf(server) / name for name in left(server)]
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    assert not any(file.name.endswith((".sound", ".part")) for file in files)
    status, _, text = ask(server, "GET", f"{PATH}/{one['id']}?format=text")
    assert status == 200 and speech.error_rate(reference, text.decode()) < 0.25
    assert ask(server, "GET", f"{PATH}/{one['id']}?format=srt")[2].startswith(b"1\n00:00:0")
    assert ask(server, "GET", f"{PATH}/{one['id']}?format=vtt")[2].startswith(b"WEBVTT")
    assert ask(server, "GET", f"{PATH}/{one['id']}")[2]["result"] == one["result"]
    assert ask(server, "DELETE", f"{PATH}/{one['id']}")[0] == 204
    assert ask(server, "GET", f"{PATH}/{one['id']}")[0] == 404


def test_how_many_there_are_is_told(server, jfk):
    def figures_once():
        status, _, body = ask(server, "GET", "/api/v1/status", who="reader")
        assert status == 200
        page = ask(server, "GET", "/metrics", who="reader")[2].decode()
        kept = dict(re.findall(r'^eavesdrop_transcriptions\{state="(\w+)"\} (\d+)$', page, re.MULTILINE))
        ends = dict(re.findall(r'^eavesdrop_transcriptions_total\{end="(\w+)"\} (\d+)$', page, re.MULTILINE))
        assert re.search(r"^eavesdrop_transcriptions_up 1$", page, re.MULTILINE)
        one = body["transcriptions"]
        assert (one["state"], one["reason"]) == ("ok", "")
        # The page of metrics is made anew once a second at most: for a moment it is behind.
        is_still = {state: int(n) for state, n in kept.items()} == {state: one[state] for state in kept}
        assert len(kept) == 5
        return is_still and (one, {end: int(n) for end, n in ends.items()})

    def figures():
        return processes.wait_until(figures_once, 30, "metrics and status that agree")

    before, ended = figures()
    assert ask(server, "POST", PATH, jfk[0].read_bytes())[0] == 200
    assert ask(server, "POST", PATH, b"no sound\n")[0] == 422
    after, now = figures()
    assert (after["done"], after["failed"]) == (before["done"] + 1, before["failed"] + 1) and after["bytes"] > before["bytes"]
    assert now == {end: n + 1 for end, n in ended.items()}


def test_a_form_has_its_parameters_beside_the_file(server, jfk):
    path, reference = jfk
    body, kind = form([("language", "en"), ("words", "1"), ("format", "json"), ("beam_size", "2")], path.read_bytes())
    status, _, one = ask(server, "POST", PATH, body, Content_Type=kind)
    assert status == 200 and one["file"] == "talk.flac", one
    assert one["options"] == {"language": "en", "words": "1", "beam_size": "2"}
    words = [word["word"] for segment in one["result"]["segments"] for word in segment["words"]]
    assert speech.error_rate(reference, "".join(words)) < 0.25
    status, _, text = ask(server, "POST", f"{PATH}?format=text&prompt=Kennedy", path.read_bytes())
    assert status == 200 and speech.error_rate(reference, text.decode()) < 0.25


def test_a_file_with_its_index_at_the_end_is_sought_in(server, jfk, tmp_path):
    path, reference = jfk
    recording = tmp_path / "phone.m4a"
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-c:a", "aac", str(recording)], check=True)
    content = recording.read_bytes()
    assert content.index(b"moov") > len(content) // 2
    status, _, text = ask(server, "POST", f"{PATH}?format=text", content)
    assert status == 200 and speech.error_rate(reference, text.decode()) < 0.25


def test_it_is_its_senders_and_the_administrators(server, jfk):
    options = {"language": "en", "prompt": "Kennedy", "hotwords": "country"}
    query = "&".join(f"{name}={value}" for name, value in options.items())
    status, headers, one = ask(server, "POST", f"{PATH}?wait=0&{query}", jfk[0].read_bytes())
    assert status == 202 and one["state"] in ("waiting", "running") and "result" not in one
    where = headers["Location"]
    assert ask(server, "GET", where, who="bob")[0] == 404
    assert ask(server, "DELETE", where, who="bob")[0] == 404
    assert ask(server, "GET", where, who="reader")[0] == 403
    assert ask(server, "GET", PATH, who=None)[0] == 401
    assert ask(server, "GET", PATH, who="bob")[2] == {"transcriptions": []}
    assert ask(server, "GET", where, who="boss")[0] == 200
    listed = {each["id"]: each for each in ask(server, "GET", PATH)[2]["transcriptions"]}
    # What may be long stands with the one alone.
    assert one["options"] == options and listed[one["id"]]["options"] == {"language": "en"}
    local = ask(server, "GET", PATH, who=None, connection=UnixConnection(socket_of(server)))
    assert one["id"] in [each["id"] for each in local[2]["transcriptions"]]
    processes.wait_until(lambda: ask(server, "GET", where)[2]["state"] == "done", 60, "it is done")
    assert ask(server, "DELETE", where, who="boss")[0] == 204


@pytest.mark.parametrize(
    "query,field",
    [
        ("wait=121", "wait"), ("wait=-1", "wait"), ("format=pdf", "format"), ("language=klingon", "language"),
        ("task=sing", "task"), ("beam_size=0", "beam_size"), ("words=yes", "words"), ("task=translate&words=1", "words"),
        ("til=3", None), ("words=1&words=1", None),
    ],
)
def test_what_is_wrong_is_said_by_name(server, query, field):
    status, _, problem = ask(server, "POST", f"{PATH}?{query}", b"sound")
    assert status == 400 and problem.get("field") == field, problem


def test_forms_that_make_no_sense_are_refused(server):
    body, kind = form([], b"sound")
    before = left(server)
    for wrong, mistaken in (
        (body, "multipart/form-data"),
        (body, kind + "x"),
        (body[:-6], kind),
        (body.replace(b'"file"', b'"fiel"'), kind),
        (body.replace(b"form-data", b"attachment"), kind),
        (form([("file", "x")], b"sound")[0], kind),
        (form([("colour", "red")], b"sound")[0], kind),
        (form([("prompt", "x" * 20000)], b"sound")[0], kind),
        (form([], b"")[0], kind),
    ):
        status, _, problem = ask(server, "POST", PATH, wrong, Content_Type=mistaken)
        assert status == 400 and problem["detail"], (mistaken, problem)
    assert ask(server, "POST", PATH, b"")[0] == 400
    processes.wait_until(lambda: not new(server, before), 30, "nothing is left behind")


def raw(server, head, body=b""):
    """The status line of a request that http.client would not send."""
    text = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRETS['alice']}\r\n{head}\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(text.encode() + body)
        answer = b""
        with contextlib.suppress(OSError):
            while piece := connection.recv(65536):
                answer += piece
    return answer


def test_what_is_too_large_is_refused(server):
    before = left(server)
    # By the head alone, before any of it comes.
    answer = raw(server, "Content-Length: 20000000000\r\nExpect: 100-continue\r\n")
    assert answer.startswith(b"HTTP/1.1 413") and b"uploads.size" in answer, answer
    # What does not say how much it is, is cut where the limit is.
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    answer = raw(server, "Transfer-Encoding: chunked\r\n", chunk * 80)
    assert not answer or (answer.startswith(b"HTTP/1.1 413") and b"uploads.size" in answer), answer
    processes.wait_until(lambda: not new(server, before), 30, "nothing is left behind")


def test_what_stands_around_a_file_has_a_limit(server):
    body, kind = form([], b"sound")
    rest = b"x" * (1024 * 1024)
    for around in (rest + b"\r\n" + body, body + rest):
        status, _, problem = ask(server, "POST", PATH, around, Content_Type=kind)
        assert status == 413 and "around its file" in problem["detail"], problem


def test_a_small_file_of_endless_silence_is_refused(server, tmp_path):
    silence = tmp_path / "silence.flac"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono", "-t", "3600", str(silence)]
    subprocess.run(command, check=True)
    assert silence.stat().st_size < 1_000_000
    status, headers, problem = ask(server, "POST", f"{PATH}?wait=120", silence.read_bytes())
    assert status == 413 and "uploads.seconds" in problem["detail"], problem
    where = headers["Location"]
    shown = ask(server, "GET", where)[2]
    assert shown["state"] == "failed" and "uploads.seconds" in shown["reason"]
    assert ask(server, "GET", f"{where}?format=srt")[0] == 413
    ask(server, "DELETE", where)


def test_what_is_no_sound_is_told(server):
    status, headers, problem = ask(server, "POST", PATH, b"no sound at all, but a text " * 100)
    assert status == 422 and problem["detail"], problem
    ask(server, "DELETE", headers["Location"])


def test_a_file_that_breaks_off_leaves_nothing(server):
    before = left(server)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRETS['alice']}\r\nContent-Length: 1000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(head.encode() + b"x" * 500000)
        processes.wait_until(lambda: new(server, before), 30, "it is being written")
    processes.wait_until(lambda: not new(server, before), 30, "it is removed")


def test_all_of_it_has_a_limit_on_the_disk(server, jfk):
    held = []
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))
            head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRETS['alice']}\r\n"
            connection.sendall(head.encode() + b"Content-Length: 4000000\r\n\r\n" + b"x" * 3_900_000)
            held.append(connection)
        processes.wait_until(
            lambda: sum(path.stat().st_size for path in shelf(server).glob("*.part")) > 7_500_000, 30, "they came"
        )
        status, headers, problem = ask(server, "POST", PATH, jfk[0].read_bytes(), who="bob")
        assert status == 503 and int(headers["Retry-After"]) > 0 and "transcriptions.disk" in problem["detail"]
    for one in ask(server, "GET", PATH, who="boss")[2]["transcriptions"]:
        ask(server, "DELETE", f"{PATH}/{one['id']}", who="boss")
    processes.wait_until(lambda: not left(server), 30, "all of it is removed")


def test_they_outlive_the_server_and_end_with_their_time(program, models, jfk, data, tmp_path_factory):
    path, reference = jfk
    talk = data / "misc/sonnet1.mp3"
    with processes.serving(program, models, tmp_path_factory.mktemp("restart")) as start:
        server = start(configuration("uploads: {at_once: 1}\n"))
        done = ask(server, "POST", PATH, path.read_bytes())[2]
        running = ask(server, "POST", f"{PATH}?wait=0", talk.read_bytes())[2]
        waiting = ask(server, "POST", f"{PATH}?wait=0", path.read_bytes())[2]
        processes.wait_until(
            lambda: ask(server, "GET", f"{PATH}/{running['id']}")[2]["state"] in ("running", "done"), 60, "it runs"
        )
        assert server.stop() == 0
        # A record that makes no sense is set aside, whatever it is.
        broken = shelf(server) / f"{'0' * 32}.json"
        broken.write_text('{"id": 3}')
        (shelf(server) / f"{'1' * 32}.part").write_bytes(b"half")
        server = start(configuration(), listen=server.port)
        assert left(server).count(f"{'0' * 32}.json.broken") == 1
        server.wait_log("makes no sense")
        assert not any(name.startswith("1" * 32) for name in left(server))
        assert ask(server, "GET", f"{PATH}/{done['id']}")[2]["result"] == done["result"]
        for one in (running, waiting):
            where = f"{PATH}/{one['id']}"
            processes.wait_until(lambda at=where: ask(server, "GET", at)[2]["state"] == "done", 120, "it is done")
            assert ask(server, "GET", where, who="bob")[0] == 404
        text = ask(server, "GET", f"{PATH}/{waiting['id']}?format=text")[2].decode()
        assert speech.error_rate(reference, text) < 0.25
        assert server.stop() == 0
        # With another time to keep them, all of them go.
        server = start(configuration("transcriptions: {keep: 1s}\n"), listen=server.port)
        processes.wait_until(lambda: left(server) == [broken.name + ".broken"], 60, "what is old is removed")
        assert ask(server, "GET", PATH)[2] == {"transcriptions": []}
        assert os.path.exists(shelf(server) / "lock")
