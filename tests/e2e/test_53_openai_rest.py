"""OpenAI's REST API and whisper.cpp's server, as their stock clients and curl speak to them."""

import contextlib
import http.client
import json
import re
import subprocess

import processes
import pytest
import speech
import stock_clients
from test_37_tokens import digest

KEY = f"evd_alice_{'x' * 24}"
TEXT = "ask not what your country can do for you"
DOCS = processes.PROJECT / "docs/clients"


@pytest.fixture(scope="module")
def server(program, models, tmp_path_factory):
    """Who speaks to it needs a token; and nothing that is larger than 4 MB is taken."""
    config = f"auth:\n  tokens: [{{name: alice, hash: '{digest(KEY)}', scopes: [listen]}}]\nuploads: {{size: 4MB}}\n"
    with processes.serving(program, models, tmp_path_factory.mktemp("openai")) as start:
        yield start(config)


@pytest.fixture(scope="module")
def keyless(program, models, tmp_path_factory):
    """Without tokens; one upload at a time, and none may wait."""
    with processes.serving(program, models, tmp_path_factory.mktemp("keyless")) as start:
        yield start("uploads: {at_once: 1, waiting: 0}\n")


@pytest.fixture(scope="module")
def talk(jfk, tmp_path_factory):
    """Five seconds of it."""
    return speech.save(tmp_path_factory.mktemp("talk") / "talk.wav", speech.load(jfk[0], 5, 2.8))


def base(server):
    return f"http://127.0.0.1:{server.port}/v1"


def told(lines):
    return {line["call"]: line for line in lines}


def assert_is_talk(text):
    assert TEXT in " ".join(speech.words(text)), text


def assert_refused(line, kind, status, param=None, words=""):
    assert (line["raised"], line["status"], line["param"]) == (kind, status, param), line
    assert words in line["message"], line


def test_python_client(server, talk):
    answers = told(stock_clients.run("openai_rest.py", base(server), KEY, talk))
    for name in ("json", "translation"):
        assert_is_talk(answers[name]["value"]["text"])
    assert answers["json"]["value"]["usage"] == {"type": "duration", "seconds": 5}
    for name in ("text", "vtt"):
        assert_is_talk(answers[name]["value"])
    assert answers["vtt"]["value"].startswith("WEBVTT\n\n00:00:0")
    assert_is_talk(speech.srt_text(answers["srt"]["value"]))
    verbose = answers["verbose_json"]["value"]
    assert (verbose["language"], verbose["duration"]) == ("english", 5.0)
    assert_is_talk("".join(segment["text"] for segment in verbose["segments"]))
    times = [time for word in verbose["words"] for time in (word["start"], word["end"])]
    assert times == sorted(times) and times[-1] <= 5 and not any("words" in segment for segment in verbose["segments"])
    assert "".join(answers["stream"]["deltas"]) == answers["stream"]["text"]
    assert answers["stream"]["type"] == "transcript.text.done"
    assert_is_talk(answers["stream"]["text"])
    assert_refused(answers["diarized"], "BadRequestError", 400, "response_format", "speakers apart")
    assert_refused(answers["language"], "BadRequestError", 400, "language", "klingonese")
    for name in ("broken", "broken stream", "empty"):
        assert_refused(answers[name], "BadRequestError", 400, "file")
    # Told while the client still sends, and read by it all the same.
    assert_refused(answers["too large"], "APIStatusError", 413, "file", "uploads.size")
    assert_refused(answers["wrong key"], "AuthenticationError", 401)
    assert answers["wrong key"]["code"] == "invalid_api_key"
    assert [model["id"] for model in answers["models"]["value"]["data"]][:2] == ["base", "whisper-1"]
    assert answers["model"]["value"]["object"] == "model"
    assert_refused(answers["no model"], "NotFoundError", 404, "model")


def test_node_client(server, talk, data, tmp_path):
    """Its file comes first, in chunks; as a WAV of 1.3 MB it goes to the server's disk."""
    samples, reference = speech.librispeech_long(data, "7312-92432", 0, 45)
    longer = speech.save(tmp_path / "longer.wav", samples)
    assert longer.stat().st_size > 1 << 20
    answers = told(stock_clients.run("openai_rest.cjs", base(server), KEY, talk, longer))
    assert_is_talk(speech.srt_text(answers["file"]["value"]))
    verbose = answers["read stream"]["value"]
    assert verbose["words"][0]["word"] and "segments" not in verbose
    streamed = answers["stream"]["value"]
    assert len(streamed["deltas"]) >= 3 and "".join(streamed["deltas"]) == streamed["text"]
    assert speech.error_rate(reference, streamed["text"]) < 0.15, streamed["text"]
    assert_refused(answers["broken"], "BadRequestError", 400, "file")
    assert "whisper-1" in answers["models"]["value"]
    assert not [path for path in (server.state_dir / "transcriptions").iterdir() if path.name != "lock"]


def curl(*arguments):
    """(status, content type, body)."""
    command = ["curl", "-s", "--max-time", "60", "-w", "\n%{http_code} %{content_type}", *map(str, arguments)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    body, _, last = output.rpartition("\n")
    status, _, kind = last.partition(" ")
    return int(status), kind, body


def test_whispercpp(keyless, talk):
    address = f"http://127.0.0.1:{keyless.port}"
    file = f"file=@{talk}"
    status, kind, body = curl("-F", file, f"{address}/inference")
    text = json.loads(body)["text"]
    assert (status, kind) == (200, "application/json") and text.startswith(" ") and text.endswith("\n")
    assert_is_talk(text)
    _, _, body = curl("-F", "response_format=verbose_json", "-F", file, f"{address}/inference")
    verbose = json.loads(body)
    assert verbose["detected_language"] == "english" and verbose["segments"][0]["words"][0]["probability"] > 0
    status, kind, body = curl("-F", "file=@/dev/null", f"{address}/inference")
    assert (status, kind, json.loads(body)) == (400, "application/json", {"error": "file: the file is empty"})
    assert curl("-F", "model=/etc/passwd", f"{address}/load")[0] == 403
    assert curl(f"{address}/health")[::2] == (200, '{"status":"ok"}')


def test_busy_says_when_to_come_back(keyless):
    """And any key will do where none is needed."""
    head = {"Authorization": "Bearer sk-anything", "Content-Type": "audio/wav", "Content-Length": "100000"}
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", keyless.port, timeout=30)) as first:
        first.putrequest("POST", "/v1/audio/transcriptions/")
        for name, value in head.items():
            first.putheader(name, value)
        first.endheaders(b"RIFF")
        reader = 'eavesdrop_sessions{dialect="openai"} 1'
        processes.wait_until(lambda: reader in keyless.http("/metrics")[1], 10, "the first upload")
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", keyless.port, timeout=30)) as second:
            second.request("POST", "/audio/transcriptions", b"RIFF", head | {"Content-Length": "4"})
            answer = second.getresponse()
            error = json.loads(answer.read())["error"]
    assert (answer.status, answer.headers["x-should-retry"], error["type"]) == (503, "true", "server_error")
    assert 0 < int(answer.headers["Retry-After"]) <= 60


def example(page, language):
    """The first block of that language in a page of the documentation."""
    return re.search(f"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL).group(1)


def test_examples_of_the_documentation(keyless, talk, tmp_path):
    (tmp_path / "talk.flac").write_bytes(talk.read_bytes())  # what is in it is looked at
    address = f"127.0.0.1:{keyless.port}"
    for page, language, by in (("openai.md", "python", [stock_clients.VENV / "bin/python", "-c"]), ("whispercpp.md", "sh", ["sh", "-c"])):
        text = example(page, language).replace("localhost:9090", address)
        output = subprocess.run([*by, text], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert output.returncode == 0, output.stderr
        assert_is_talk(output.stdout)
