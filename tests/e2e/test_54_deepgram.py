"""Deepgram's stock clients, unmodified: live and with files, as they come from their registries.

All of them play at once, against one server; each test looks at what one of them was told."""

import concurrent.futures
import contextlib
import json
import re
import subprocess
import urllib.error
import urllib.request

import numpy
import processes
import pytest
import speech
import stock_clients
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

RAW = {"encoding": "linear16", "sample_rate": 16000}
SECONDS = 11  # of the recording


def pcm(samples):
    return (numpy.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


class Played:
    """The server, the recording in all forms, and the clients that play it."""

    def __init__(self, server, folder, jfk, data):
        self.server, self.folder, self.reference = server, folder, jfk[1]
        self.samples = speech.load(jfk[0])
        self.other, self.other_reference = speech.librispeech_long(data, "1088-134315", 31, 13)
        self.raw = self.write("jfk.s16", pcm(self.samples))
        # So many at a time: the server is to keep up on two cores.
        self.pool = concurrent.futures.ThreadPoolExecutor(5)
        self.running = {
            "python": self.live(self.raw, speed=1, keep_alive=12, interim_results=True, vad_events=True,
                                utterance_end_ms=1000, endpointing=300, smart_format=True, **RAW),
            "webm": self.live(self.ffmpeg("jfk.webm", "-c:a", "libopus", "-b:a", "32k"), speed=4),
            "mulaw": self.live(self.ffmpeg("jfk.ul", "-ar", "8000", "-f", "mulaw"), speed=4, encoding="mulaw",
                               sample_rate=8000),
            "two": self.live(self.write("two.s16", self.interleaved()), speed=4, channels=2, multichannel=True, **RAW),
            "garbage": self.live(self.write("garbage", bytes(i * i >> 5 & 255 for i in range(200000))), speed=8),
            "language": self.live(self.raw, speed=8, language="klingon", **RAW),
            "npm": self.start("deepgram_live.cjs", self.raw, {"interim_results": "true", **RAW}),
            "npm refused": self.start("deepgram_live.cjs", self.raw, {"language": "klingon", "wait": 0, **RAW}),
            "old": self.pool.submit(stock_clients.run, "deepgram_live_4.py", server.port, self.raw,
                                    venv=stock_clients.DEEPGRAM_4),
            "file": self.start("deepgram_file.py", jfk[0], {"utterances": True, "paragraphs": True,
                                                            "detect_language": True}),
            "url": self.start("deepgram_file.py", jfk[0], {"url": "http://127.0.0.1:1/a.wav"}),
        }

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def ffmpeg(self, name, *arguments):
        path = self.folder / name
        command = ["ffmpeg", "-v", "error", "-y", "-f", "s16le", "-ar", "16000", "-ac", "1", "-i", str(self.raw)]
        subprocess.run([*command, *arguments, str(path)], check=True)
        return path

    def interleaved(self):
        n = max(len(self.samples), len(self.other))
        both = numpy.zeros((n, 2), "<f4")
        both[: len(self.samples), 0] = self.samples
        both[: len(self.other), 1] = self.other
        return pcm(both)

    def start(self, script, path, options):
        return self.pool.submit(stock_clients.run, script, self.server.port, path, json.dumps(options))

    def live(self, path, speed, keep_alive=0, **options):
        options["seconds"] = SECONDS
        arguments = (path, keep_alive, speed, "a key", json.dumps(options))
        return self.pool.submit(stock_clients.run, "deepgram_live.py", self.server.port, *arguments)

    def told(self, name):
        return self.running[name].result(120)


@pytest.fixture(scope="module")
def played(program, models, jfk, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("deepgram")
    with processes.serving(program, models, folder) as start:
        yield Played(start(), folder, jfk, data)


def messages(events, kind=None):
    said = [event["value"] for event in events if event["event"] == "message"]
    return [message for message in said if kind in (None, message["type"])]


def text_of(results, channel=0):
    finals = [result for result in results if result["is_final"] and result["channel_index"][0] == channel]
    return " ".join(result["channel"]["alternatives"][0]["transcript"] for result in finals)


def assert_tiles(results, channel=0):
    """Finals follow each other without a gap, and interims have the start of the final to come."""
    end = 0
    for result in results:
        if result["channel_index"][0] != channel:
            continue
        assert result["start"] == pytest.approx(end, abs=0.0011), result
        if result["is_final"]:
            end = result["start"] + result["duration"]
    return end


def assert_whole(results):
    """All that LiveKit's plugin indexes without a default."""
    for result in results:
        assert result["metadata"]["request_id"]
        assert isinstance(result["speech_final"], bool)
        for alternative in result["channel"]["alternatives"]:
            assert isinstance(alternative["confidence"], float | int) and isinstance(alternative["words"], list)
            for word in alternative["words"]:
                assert result["start"] - 0.001 <= word["start"] <= word["end"]
                assert word["word"] and word["punctuated_word"]


def test_python_hears_all_of_it_in_order(played):
    events = played.told("python")
    results = messages(events, "Results")
    assert [event["event"] for event in events][0] == "open"
    assert speech.error_rate(played.reference, text_of(results)) < 0.25
    assert_whole(results)
    assert SECONDS - 1 < assert_tiles(results) < SECONDS + 0.1
    assert [result["from_finalize"] for result in results if result["is_final"]][-1]
    # KeepAlive for twelve seconds, and nothing was lost or ended by that.
    assert messages(events)[-1]["type"] == "Metadata"
    assert messages(events)[-1]["duration"] == pytest.approx(SECONDS, abs=0.1)
    assert [event["event"] for event in events if event["event"] != "message"] == ["open", "close"]


def test_interims_come_while_somebody_speaks(played):
    """On a machine that has other things to do, too: until one comes."""
    pieces = [played.raw.read_bytes()[at : at + 3200] for at in range(0, 2 * 16000 * SECONDS, 3200)]
    results = []
    with connect(url(played.server, "encoding=linear16&interim_results=true")) as socket:
        for piece in pieces * 16:
            socket.send(piece)
            with contextlib.suppress(TimeoutError):
                results.append(json.loads(socket.recv(timeout=0.1)))
            if any(not result["is_final"] for result in results):
                break
    assert_tiles(results)
    assert not results[-1]["is_final"] and results[-1]["channel"]["alternatives"][0]["words"]


def test_python_is_told_of_speech_and_of_its_end(played):
    kinds = [message["type"] for message in messages(played.told("python"))]
    assert kinds[0] == "SpeechStarted"
    assert set(kinds) <= {"SpeechStarted", "Results", "UtteranceEnd", "Metadata"}
    final = next(m for m in messages(played.told("python"), "Results") if m["is_final"])
    first = final["channel"]["alternatives"][0]["words"][0]
    assert abs(messages(played.told("python"))[0]["timestamp"] - first["start"]) < 1


def test_a_container_is_heard_while_it_comes(played):
    results = messages(played.told("webm"), "Results")
    assert speech.error_rate(played.reference, text_of(results)) < 0.25
    assert SECONDS - 1 < assert_tiles(results) < SECONDS + 0.2


def test_a_telephone_is_heard(played):
    results = messages(played.told("mulaw"), "Results")
    assert speech.error_rate(played.reference, text_of(results)) < 0.35
    assert_tiles(results)


def test_each_channel_has_its_own_words(played):
    events = played.told("two")
    results = messages(events, "Results")
    assert {tuple(result["channel_index"]) for result in results} == {(0, 2), (1, 2)}
    assert speech.error_rate(played.reference, text_of(results, 0)) < 0.25
    assert speech.error_rate(played.other_reference, text_of(results, 1)) < 0.4
    assert_tiles(results, 0)
    assert_tiles(results, 1)
    assert messages(events, "Metadata")[0]["channels"] == 2


def test_garbage_is_no_sound(played):
    events = played.told("garbage")
    # Whoever is still sending hears of it there, and else its listener does.
    assert any("DATA-0000" in str(event["value"]) for event in events if event["event"] in ("error", "refused")), events


def test_a_value_that_makes_no_sense_is_refused_before_anything_begins(played):
    (refused,) = played.told("language")
    assert refused["event"] == "refused" and "400" in refused["value"]["words"]
    assert not messages(played.told("npm refused"))


def test_npm_does_not_come_back_after_close_stream(played):
    events = played.told("npm")
    results = messages(events, "Results")
    assert speech.error_rate(played.reference, text_of(results)) < 0.25
    assert_tiles(results)
    others = [(event["event"], (event.get("value") or {}).get("code")) for event in events if event["event"] != "message"]
    assert others == [("open", None), ("close", 1000)]


def test_the_old_client_parses_every_message(played):
    events = played.told("old")
    results = [event["value"] for event in events if event["event"] == "Results"]
    assert speech.error_rate(played.reference, text_of(results)) < 0.25
    assert "Error" not in {event["event"] for event in events}
    assert results[-1]["from_finalize"]


def test_a_file_is_text_with_all_that_was_asked_for(played):
    (told,) = played.told("file")
    answer = told["answer"]
    channel = answer["results"]["channels"][0]
    alternative = channel["alternatives"][0]
    assert speech.error_rate(played.reference, alternative["transcript"]) < 0.25
    assert channel["detected_language"] == "en"
    assert answer["metadata"]["request_id"] and answer["metadata"]["duration"] == pytest.approx(SECONDS, abs=0.1)
    assert " ".join(alternative["paragraphs"]["transcript"].split()) == alternative["transcript"]
    spoken = [word for utterance in answer["results"]["utterances"] for word in utterance["words"]]
    assert len(spoken) == len(alternative["words"]) > 15


def test_addresses_are_not_fetched(played):
    (told,) = played.told("url")
    assert told["refused"] == "BadRequestError" and told["status"] == 400, told


def ask(server, query, body=b"", **headers):
    """(status, headers, object) of a POST."""
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/v1/listen?{query}", body, headers)
    with contextlib.ExitStack() as stack:
        try:
            answer = stack.enter_context(urllib.request.urlopen(request, timeout=60))
        except urllib.error.HTTPError as error:
            answer = error
        return answer.status, answer.headers, json.loads(answer.read())


def test_samples_without_a_head_are_a_file_as_well(played):
    status, headers, answer = ask(played.server, "encoding=linear16&sample_rate=16000", played.raw.read_bytes())
    assert status == 200 and headers["dg-request-id"] == answer["metadata"]["request_id"]
    assert speech.error_rate(played.reference, answer["results"]["channels"][0]["alternatives"][0]["transcript"]) < 0.25
    assert "utterances" not in answer["results"]


def test_a_file_that_is_none_is_refused_with_words(played):
    status, headers, answer = ask(played.server, "", b"\0" * 100000)
    assert status == 400 and answer["err_code"] == headers["dg-error"] and answer["err_msg"]
    status, _, answer = ask(played.server, "callback=http://127.0.0.1/")
    assert status == 400 and answer["err_msg"].startswith("callback")


def url(server, query):
    return f"ws://127.0.0.1:{server.port}/v1/listen?{query}"


def test_the_id_of_a_request_comes_with_its_upgrade_and_its_refusal(played):
    with connect(url(played.server, "encoding=linear16"), subprotocols=["token", "key"]) as socket:
        assert socket.subprotocol == "token"
        socket.send('{"type": "CloseStream"}')
        assert json.loads(socket.recv())["request_id"] == socket.response.headers["dg-request-id"]
    with pytest.raises(InvalidStatus) as refused, connect(url(played.server, "sample_rate=0")):
        pass
    answer = json.loads(refused.value.response.body)
    assert answer["request_id"] == refused.value.response.headers["dg-request-id"]
    assert answer["err_code"] == "INVALID_QUERY_PARAMETER" and "sample_rate" in answer["err_msg"]


def test_a_client_that_vanishes_leaves_nothing(played):
    """In the midst of a container, whose process ends with it."""
    before = len(played.server.media())
    with connect(url(played.server, "")) as socket:
        socket.send((played.folder / "jfk.webm").read_bytes()[:20000])
        processes.wait_until(lambda: len(played.server.media()) > before, 30, "its sound is decoded")
        with contextlib.suppress(ConnectionClosed):
            socket.socket.close()
    processes.wait_until(lambda: len(played.server.media()) <= before, 30, "nothing decodes any more")


def test_the_example_of_the_documentation_works(played, tmp_path):
    page = (processes.PROJECT / "docs/clients/deepgram.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", page, re.DOTALL).group(1)
    script = tmp_path / "example.py"
    script.write_text(example.replace("localhost:9090", f"127.0.0.1:{played.server.port}"), encoding="utf-8")
    wave = speech.save(tmp_path / "speech.wav", played.samples)
    python = stock_clients.VENV / "bin/python"
    done = subprocess.run([python, script, wave], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert speech.error_rate(played.reference, done.stdout) < 0.25
