"""AssemblyAI's streaming API (v3), as its stock client speaks to it."""

import concurrent.futures
import json

import processes
import pytest
import speech
import stock_clients
from test_37_tokens import digest
from test_55_realtime import run_example
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

KEY = f"evd_alice_{'x' * 24}"


@pytest.fixture(scope="module")
def server(program, models, tmp_path_factory):
    config = f"admission: false\nauth:\n  tokens: [{{name: alice, hash: '{digest(KEY)}', scopes: [listen]}}]\n"
    with processes.serving(program, models, tmp_path_factory.mktemp("assemblyai")) as start:
        yield start(config)


def address(server):
    return f"ws://127.0.0.1:{server.port}"


def opened(server, query=""):
    return connect(f"{address(server)}/v3/ws?sample_rate=16000{query}", additional_headers={"Authorization": KEY})


def assert_is_heard(events, jfk, formatted):
    ends = [event for event in events if event["type"] == "Turn" and event["end_of_turn"]]
    ends = [event for event in ends if event["turn_is_formatted"] == formatted]
    assert speech.error_rate(jfk[1], " ".join(event["transcript"] for event in ends)) < 0.15, ends
    orders = [event["turn_order"] for event in events if event["type"] == "Turn"]
    assert orders == sorted(orders)
    starts = [word["start"] for event in ends for word in event["words"]]
    assert starts == sorted(starts) and 8000 < starts[-1] < 11000
    for event in ends:
        assert all(word["word_is_final"] and word["start"] <= word["end"] for word in event["words"])
    assert events[0]["type"] == "Begin"
    assert events[-1]["type"] == "Termination" and events[-1]["audio_duration_seconds"] == 11


def test_stock_client(server, jfk):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        plain = pool.submit(stock_clients.run, "assemblyai_v3.py", address(server), KEY, jfk[0], 'keyterms_prompt=["Ada"]')
        mulaw = pool.submit(
            stock_clients.run,
            *("assemblyai_v3.py", address(server), KEY, jfk[0]),
            *("sample_rate=8000", 'encoding="pcm_mulaw"', "format_turns=false"),
        )
        plain, mulaw = plain.result(), mulaw.result()
    assert_is_heard(plain, jfk, True)
    assert_is_heard(plain, jfk, False)
    assert_is_heard(mulaw, jfk, False)
    assert not [event for event in mulaw if event.get("turn_is_formatted")]
    assert [event["type"] for event in plain].count("SpeechStarted") > 2


def test_the_example_of_the_documentation(server, jfk, tmp_path):
    samples = speech.load(jfk[0], 3)
    (tmp_path / "raw").write_bytes((samples.clip(-1, 1) * 32767).astype("<i2").tobytes())
    assert "fellow" in run_example("assemblyai.md", server, tmp_path / "raw")


def test_refusals_are_made_before_the_upgrade(server, jfk):
    for key, wish, status in (("mistyped", "sample_rate=16000", 401), (KEY, "sample_rate=0", 400)):
        lines = stock_clients.run("assemblyai_v3.py", address(server), key, jfk[0], wish)
        assert [(line["type"], line["code"]) for line in lines] == [("raised", status)], lines
    assert "mistyped" not in server.log().replace("it is mistyped", "")


@pytest.mark.parametrize("text", ["garbage", '{"type": "Dance"}', '{"type": "UpdateConfiguration", "prompt": 7, "keyterms_prompt": 7}'])
def test_what_is_no_message_ends_the_session_with_its_code(server, text):
    with opened(server) as raw:
        assert json.loads(raw.recv(timeout=20))["type"] == "Begin"
        raw.send(text)
        told = json.loads(raw.recv(timeout=20))
        assert (told["type"], told["error_code"]) == ("Error", 3006)
        with pytest.raises(ConnectionClosed):
            raw.recv(timeout=20)
        assert raw.protocol.close_rcvd.code == 3006


def test_an_end_without_sound(server):
    with opened(server) as raw:
        raw.recv(timeout=20)
        raw.send(json.dumps({"type": "UpdateConfiguration", "max_turn_silence": 400, "format_turns": True}))
        raw.send(json.dumps({"type": "ForceEndpoint"}))
        raw.send(json.dumps({"type": "Terminate"}))
        told = json.loads(raw.recv(timeout=20))
        assert told["type"] == "Termination" and told["audio_duration_seconds"] == 0
        with pytest.raises(ConnectionClosed):
            raw.recv(timeout=20)
        assert raw.protocol.close_rcvd.code == 1000
