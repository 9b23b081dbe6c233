"""OpenAI's realtime API, as its stock clients speak to it: turns that we find, turns that the client commits, the beta;
what is refused, and what does not end a session."""

import base64
import concurrent.futures
import json
import re
import subprocess
import time
import urllib.error
import urllib.request

import processes
import pytest
import speech
import stock_clients
from test_37_tokens import digest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

KEY = f"evd_alice_{'x' * 24}"
DOCS = processes.PROJECT / "docs/clients"
COMPLETED = "conversation.item.input_audio_transcription.completed"
DELTA = "conversation.item.input_audio_transcription.delta"


@pytest.fixture(scope="module")
def server(program, models, tmp_path_factory):
    config = f"admission: false\nauth:\n  tokens: [{{name: alice, hash: '{digest(KEY)}', scopes: [listen]}}]\n"
    with processes.serving(program, models, tmp_path_factory.mktemp("realtime")) as start:
        yield start(config)


def base(server):
    return f"http://127.0.0.1:{server.port}/v1"


def texts(events):
    return [event["transcript"] for event in events if event["type"] == COMPLETED]


def of_item(events, item):
    return [event["type"].split(".")[-1] for event in events if event.get("item_id") == item]


def assert_is_heard(events, jfk):
    assert speech.error_rate(jfk[1], " ".join(texts(events))) < 0.15, texts(events)
    for event in events:
        if event["type"] == COMPLETED:
            told = "".join(e["delta"] for e in events if e["type"] == DELTA and e["item_id"] == event["item_id"])
            assert speech.words(told) == speech.words(event["transcript"])


def test_stock_clients(server, jfk):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        runs = {
            how: pool.submit(stock_clients.run, "openai_realtime.py", base(server), KEY, jfk[0], how)
            for how in ("vad", "manual", "mulaw", "beta")
        }
        runs["node"] = pool.submit(stock_clients.run, "openai_realtime.cjs", base(server), KEY, jfk[0])
        told = {how: run.result() for how, run in runs.items()}
    for how, events in told.items():
        assert_is_heard(events, jfk)
        assert "error" not in [event["type"] for event in events], how
    assert told["vad"][0]["type"] == "session.created"
    assert told["beta"][0]["type"] == "transcription_session.created"
    # Turns in their order, each with its events in theirs.
    items = [event["item_id"] for event in told["vad"] if event["type"].endswith("committed")]
    assert len(items) > 2
    assert [event.get("previous_item_id") for event in told["vad"] if event["type"].endswith("committed")] == [None, *items[:-1]]
    for item in items:
        kinds = [kind for kind in of_item(told["vad"], item) if kind != "delta"]
        assert kinds == ["speech_started", "speech_stopped", "committed", "completed"]
    times = [event.get("audio_start_ms", event.get("audio_end_ms")) for event in told["vad"] if "speech_" in event["type"]]
    assert times == sorted(times) and times[-1] <= 11100
    # Nothing is committed but by the client, ten megabytes of silence or not.
    assert [event["type"] for event in told["manual"]].count("input_audio_buffer.committed") == 1
    assert not [event for event in told["manual"] if "speech_" in event["type"]]
    assert {event["type"] for event in told["beta"]} >= {"conversation.item.created", "transcription_session.updated"}


def test_a_bad_key_is_refused_before_the_upgrade(server, jfk):
    (line,) = stock_clients.run("openai_realtime.py", base(server), "sk-mistyped", jfk[0], "refused")
    assert (line["raised"], line["status"]) == ("InvalidStatus", 401)
    assert json.loads(line["body"])["error"]["code"] == "invalid_api_key"
    assert "sk-mistyped" not in server.log()


def test_browsers_send_the_key_as_a_sub_protocol(server):
    offers = ["realtime", f"openai-insecure-api-key.{KEY}", "openai-beta.realtime-v1"]
    with connect(f"ws://127.0.0.1:{server.port}/v1/realtime?intent=transcription", subprotocols=offers) as raw:
        assert raw.subprotocol == "realtime"
        assert KEY not in str(raw.response.headers)
        assert json.loads(raw.recv(timeout=20))["type"] == "session.created"
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{server.port}/realtime", subprotocols=["realtime", "openai-insecure-api-key.sk-wrong"])
    assert refused.value.response.status_code == 401


def post(server, path, body, key=KEY):
    """(status, JSON) of a POST."""
    address, headers = f"http://127.0.0.1:{server.port}{path}", {"Authorization": f"Bearer {key}"}
    try:
        with urllib.request.urlopen(urllib.request.Request(address, body, headers), timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_secrets_for_pages(server):
    session = {"type": "transcription", "audio": {"input": {"transcription": {"model": "whisper-1", "language": "de"}}}}
    status, told = post(server, "/v1/realtime/client_secrets", json.dumps({"session": session}).encode())
    assert status == 200 and told["session"]["audio"]["input"]["transcription"]["language"] == "de"
    secret = told["value"]
    assert secret.startswith("ek_") and told["expires_at"] > 1e9
    with opened(server, secret) as raw:
        assert json.loads(raw.recv(timeout=20))["type"] == "session.created"
    # It lends none itself, and is good for nothing else.
    assert post(server, "/v1/realtime/client_secrets", b"{}", secret)[0] == 403
    assert post(server, "/v1/audio/transcriptions", b"", secret)[0] == 403
    beta = {"input_audio_format": "pcm16", "turn_detection": None}
    status, told = post(server, "/v1/realtime/transcription_sessions", json.dumps(beta).encode())
    assert status == 200 and told["turn_detection"] is None and told["client_secret"]["value"].startswith("ek_")
    for beta in ({"client_secret": {"expires_after": {"anchor": "created_at", "seconds": 7200}}},
                 {"expires_after": {"seconds": 7200}}):
        status, told = post(server, "/v1/realtime/transcription_sessions", json.dumps(beta).encode())
        assert status == 200 and told["client_secret"]["expires_at"] > time.time() + 3600
    with connect(f"ws://127.0.0.1:{server.port}/v1/realtime?intent=transcription&api_key={KEY}") as raw:
        assert json.loads(raw.recv(timeout=20))["type"] == "session.created"
    for body in (b"garbage", b"[]", b'{"expires_after": {"seconds": 3}}', b'{"session": {"colour": 1}}'):
        status, told = post(server, "/v1/realtime/client_secrets", body)
        assert status == 400 and told["error"]["message"], body
    assert post(server, "/v1/realtime/client_secrets", b"{}", "sk-wrong")[0] == 401
    assert secret not in server.log() and KEY not in server.log()


def opened(server, key=KEY):
    headers = {"Authorization": f"Bearer {key}"}
    return connect(f"ws://127.0.0.1:{server.port}/v1/realtime", additional_headers=headers, max_size=None)


def ask(raw, event, until="error"):
    """The next event of that type."""
    raw.send(event if isinstance(event, str) else json.dumps(event))
    while True:
        told = json.loads(raw.recv(timeout=20))
        if told["type"] == until:
            return told


def test_mistakes_are_named_and_end_nothing(server):
    with opened(server) as raw:
        assert ask(raw, "garbage")["error"]["code"] == "invalid_json"
        told = ask(raw, {"type": "response.create", "event_id": "c1"})["error"]
        assert (told["event_id"], told["param"]) == ("c1", "type")
        update = {"type": "session.update", "session": {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 10**9}}}}}
        assert ask(raw, update)["error"]["param"] == "session.audio.input.format"
        assert ask(raw, {"type": "session.update", "session": {"colour": 1}})["error"]["code"] == "unknown_parameter"
        assert ask(raw, {"type": "input_audio_buffer.append", "audio": "a Gk="})["error"]["param"] == "audio"
        assert ask(raw, {"type": "input_audio_buffer.append"})["error"]["param"] == "audio"
        # By hand, less than 100 ms cannot be committed; where we find the turns nobody hears of it.
        raw.send(json.dumps({"type": "input_audio_buffer.commit"}))
        by_hand = {"type": "session.update", "session": {"audio": {"input": {"turn_detection": None}}}}
        ask(raw, by_hand, until="session.updated")
        assert ask(raw, {"type": "input_audio_buffer.commit"})["error"]["code"] == "input_audio_buffer_commit_empty"
        silence = base64.b64encode(bytes(48000)).decode()
        raw.send(json.dumps({"type": "input_audio_buffer.append", "audio": silence}))
        assert ask(raw, {"type": "input_audio_buffer.commit"}, until=COMPLETED)["transcript"] == ""
        raw.send(json.dumps({"type": "input_audio_buffer.append", "audio": silence}))
        ask(raw, {"type": "input_audio_buffer.clear"}, until="input_audio_buffer.cleared")
        assert ask(raw, {"type": "input_audio_buffer.commit"})["error"]["code"] == "input_audio_buffer_commit_empty"


def test_what_is_cleared_is_no_item(server, jfk):
    sound = base64.b64encode((speech.load(jfk[0], 2.5).clip(-1, 1) * 32767).astype("<i2").tobytes()).decode()
    form = {"format": {"type": "audio/pcm", "rate": speech.RATE}, "turn_detection": None}
    with opened(server) as raw:
        raw.send(json.dumps({"type": "session.update", "session": {"audio": {"input": form}}}))
        raw.send(json.dumps({"type": "input_audio_buffer.append", "audio": sound}))
        raw.send(json.dumps({"type": "input_audio_buffer.commit"}))
        raw.send(json.dumps({"type": "input_audio_buffer.append", "audio": sound}))
        raw.send(json.dumps({"type": "input_audio_buffer.clear"}))
        raw.send(json.dumps({"type": "input_audio_buffer.append", "audio": sound}))
        raw.send(json.dumps({"type": "input_audio_buffer.commit"}))
        told = []
        while sum(event["type"] == COMPLETED for event in told) < 2:
            told.append(json.loads(raw.recv(timeout=60)))
        assert [event["type"] for event in told].count("input_audio_buffer.committed") == 2
        assert all("fellow" in text for text in texts(told))
        deltas = "".join(event["delta"] for event in told if event["type"] == DELTA)
        assert deltas.lower().count("fellow") == 2


def test_texts_have_their_limits(server):
    with opened(server) as raw:
        with pytest.raises(ConnectionClosed):
            raw.send(json.dumps({"type": "session.update", "session": {"instructions": "x" * 200_000}}))
            while True:
                raw.recv(timeout=20)
        assert raw.protocol.close_rcvd.code == 1009


def run_example(page, server, *arguments):
    """What the first example of a page of the documentation prints."""
    text = re.search("```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL).group(1)
    text = text.replace("localhost:9090", f"127.0.0.1:{server.port}").replace('"any"', f'"{KEY}"')
    command = [stock_clients.VENV / "bin/python", "-c", text, *arguments]
    output = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert output.returncode == 0, output.stderr
    return output.stdout


def test_the_example_of_the_documentation(server, jfk):
    assert speech.error_rate(jfk[1], run_example("realtime.md", server, jfk[0])) < 0.15


def test_a_server_without_tokens_ignores_the_key_and_tells_all_before_it_stops(program, models, tmp_path, jfk):
    sound = base64.b64encode((speech.load(jfk[0], 2.5).clip(-1, 1) * 32767).astype("<i2").tobytes()).decode()
    form = {"format": {"type": "audio/pcm", "rate": speech.RATE}}
    with processes.serving(program, models, tmp_path) as start:
        server = start()
        with opened(server) as raw:
            update = {"type": "session.update", "session": {"audio": {"input": form}}}
            ask(raw, update, until="session.updated")
            raw.send(json.dumps({"type": "input_audio_buffer.append", "audio": sound}))
            ask(raw, update, until="session.updated")  # it has heard all
            server.process.terminate()
            told = []
            with pytest.raises(ConnectionClosed):
                while True:
                    told.append(json.loads(raw.recv(timeout=60)))
            server.process.wait(timeout=20)
            assert "fellow" in texts(told)[-1]
