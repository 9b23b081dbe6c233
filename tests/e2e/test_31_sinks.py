"""Sinks of the real server: files and webhooks have what the journal has, whatever becomes of them."""

import base64
import json
import os
import signal
import subprocess

import numpy
import processes
import pytest
import speech
from webhook_server import Receiver

KEY = "whsec_" + base64.b64encode(b"0123456789abcdefghijklmn").decode()
PASSWORD = "Xq7-geheim"


@pytest.fixture
def loop_file(jfk, tmp_path):
    """Speech in two short stretches, again and again."""
    samples = speech.load(jfk[0])
    cut = [samples[: 16000 * 4], speech.silence(1), samples[16000 * 4 : 16000 * 8], speech.silence(1)]
    return speech.save(tmp_path / "loop.wav", numpy.concatenate(cut))


@pytest.fixture
def receive():
    """Start webhook receivers: receive(certificate=, port=)."""
    running = []

    def start(**options):
        running.append(Receiver(KEY, **options))
        return running[-1]

    yield start
    for receiver in running:
        receiver.close()
        assert not receiver.mistakes


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def listen(serve, loop_file, state):
    """Start a server that hears the recording, with these sinks."""

    def start(sinks):
        stream = f"streams:\n  talk: {{url: {loop_file}, loop: true}}\n"
        return serve(f"{stream}sinks:\n{sinks}", environment={"EAVESDROP_STATE_DIR": str(state)})

    return start


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def ids(path):
    return [row["id"] for row in lines(path)]


def segments(rows):
    return [row for row in rows if row["kind"] == "segment"]


def journal(program, state):
    """All rows that the journal has."""
    done = subprocess.run(
        [program, "export", "--state-dir", state, "--format", "json"], check=True, capture_output=True, text=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def wait_segments(path, n, timeout=120):
    processes.wait_until(lambda: len(segments(lines(path))) >= n, timeout, f"{n} segments in {path.name}")


def hook(receiver, scheme="http", more=""):
    url = f"{scheme}://me:{PASSWORD}@127.0.0.1:{receiver.port}/heard"
    return f"  hook: {{type: webhook, url: '{url}', secret: {KEY}{more}}}\n"


FILE = "  file: {type: lines, path: heard.jsonl}\n"


def test_a_file_and_a_webhook_have_what_the_journal_has(listen, receive, program, state):
    receiver = receive()
    server = listen(FILE + hook(receiver))
    wait_segments(state / "heard.jsonl", 3)
    path = state / "heard.jsonl"
    assert path.stat().st_mode & 0o777 == 0o600
    processes.wait_until(lambda: len(segments(receiver.rows)) >= 3, 30, "three segments posted")
    server.stop()
    rows = journal(program, state)
    assert lines(path) == rows[: len(lines(path))]
    assert receiver.rows == rows[: len(receiver.rows)]
    assert any("country" in row["text"].lower() or "american" in row["text"].lower() for row in segments(rows))
    assert receiver.requests[0]["Authorization"].startswith("Basic ")
    assert PASSWORD not in server.log() and KEY not in server.log()


def test_a_file_is_followed_by_a_new_one(listen, state):
    path, old = state / "heard.jsonl", state / "heard.jsonl.1"
    server = listen(FILE)
    wait_segments(path, 1)
    path.rename(old)
    os.kill(server.pid, signal.SIGHUP)
    wait_segments(path, 1)
    n_old = len(lines(old))
    path.unlink()  # without a word
    wait_segments(path, 1)
    assert len(lines(old)) == n_old
    assert not set(ids(old)) & set(ids(path))


def test_a_receiver_may_be_down_and_come_back(listen, receive, program, state):
    receiver = receive()
    server = listen(FILE + hook(receiver))
    processes.wait_until(lambda: receiver.rows, 120, "first rows")
    receiver.close()
    n_down = len(segments(lines(state / "heard.jsonl")))
    wait_segments(state / "heard.jsonl", n_down + 2)  # a sink that is well does not wait for the other
    server.wait_log(r"hook: webhook: .*refused|hook: webhook: Failed to connect")
    again = receive(port=receiver.port)
    have = lambda: set(receiver.ids() + again.ids()) >= set(ids(state / "heard.jsonl"))
    processes.wait_until(have, 90, "all rows posted")
    server.stop()
    expected = [row["id"] for row in journal(program, state)]
    got = list(dict.fromkeys(receiver.ids() + again.ids()))
    assert got == expected[: len(got)]


@pytest.mark.parametrize(
    "answer, words",
    (
        ((500, {}), "it answers 500"),
        ((429, {"Retry-After": "1"}), "it answers 429"),
        ((302, {"Location": "http://127.0.0.1:1/"}), "it answers 302, a redirect, which is not followed"),
        (None, "no answer within 30 s"),
    ),
)
def test_a_receiver_may_misbehave(listen, receive, answer, words):
    receiver = receive()
    receiver.answer = answer
    server = listen(hook(receiver))
    server.wait_log(words, 150)
    receiver.answer = (200, {})
    processes.wait_until(lambda: receiver.rows, 90, "rows in the end")
    server.wait_log("hook: webhook: all is well again")


def test_a_receiver_that_is_gone_stops_its_sink_alone(listen, receive, state):
    receiver = receive()
    receiver.answer = (410, {})
    server = listen(FILE + hook(receiver))
    server.wait_log("hook: webhook: nothing more until a restart: it answers 410", 120)
    n = len(segments(lines(state / "heard.jsonl")))
    wait_segments(state / "heard.jsonl", n + 1)
    assert len(receiver.requests) == 1


def test_a_server_that_is_killed_goes_on_where_it_was(listen, receive, program, state):
    receiver = receive()
    server = listen(FILE + hook(receiver))
    wait_segments(state / "heard.jsonl", 2)
    os.kill(server.pid, signal.SIGKILL)
    server.process.wait()
    n = len(lines(state / "heard.jsonl"))
    server = listen(FILE + hook(receiver))
    wait_segments(state / "heard.jsonl", n + 1)
    processes.wait_until(lambda: set(receiver.ids()) >= set(ids(state / "heard.jsonl")[: n + 1]), 60, "rows posted")
    server.stop()
    expected = [row["id"] for row in journal(program, state)]
    for got in (ids(state / "heard.jsonl"), receiver.ids()):
        got = list(dict.fromkeys(got))
        assert got == expected[: len(got)]


def test_certificates_are_checked(listen, receive, tmp_path):
    certificate = tmp_path / "server.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        + ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
        + ["-keyout", certificate, "-out", tmp_path / "ca.pem"],
        check=True,
        capture_output=True,
    )
    with open(certificate, "a", encoding="utf-8") as both:
        both.write((tmp_path / "ca.pem").read_text(encoding="utf-8"))
    receiver = receive(certificate=certificate)
    stranger = hook(receiver, "https").replace("hook:", "stranger:")
    server = listen(stranger + hook(receiver, "https", f", authority: {tmp_path / 'ca.pem'}"))
    processes.wait_until(lambda: receiver.rows, 120, "rows over TLS")
    server.wait_log("stranger: webhook: .*certificate")
    assert len(receiver.rows) == len(set(receiver.ids()))  # nothing came of the stranger's


def test_a_mistaken_sink_is_in_nobodys_way(listen, receive, state):
    server = listen(FILE + "  broken: {type: webhook, url: 'http://127.0.0.1:1/', authority: /nowhere/ca.pem}\n")
    server.wait_log("broken: the sink is not started: authority: /nowhere/ca.pem cannot be read")
    wait_segments(state / "heard.jsonl", 1)
