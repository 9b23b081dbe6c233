"""Vosk's WebSocket server, as its stock clients speak to it."""

import json
import re
import subprocess

import processes
import pytest
import speech
import stock_clients
import websockets.exceptions
import websockets.sync.client

PAGE = processes.PROJECT / "docs/clients/vosk.md"


@pytest.fixture(scope="module")
def server(program, models, tmp_path_factory):
    with processes.serving(program, models, tmp_path_factory.mktemp("vosk")) as start:
        port = processes.free_port()
        server = start(f"listeners: {{vosk: '127.0.0.1:{port}'}}\n")
        server.vosk = f"ws://127.0.0.1:{port}"
        server.vosk_port = port
        yield server


def pcm(path, rate, folder):
    made = folder / f"{rate}.pcm"
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(path), "-f", "s16le", "-ar", str(rate), "-ac", "1", str(made)]
    subprocess.run(command, check=True)
    return made


@pytest.fixture(scope="module")
def sound(jfk, tmp_path_factory):
    return pcm(jfk[0], 16000, tmp_path_factory.mktemp("sound"))


def step(client, piece):
    client.send(piece)
    return json.loads(client.recv(timeout=60))


def speak(server, path, size, config=None, path_of=""):
    """In lock step, as websocket/test.py of vosk-server does: the answers, the last one apart."""
    with websockets.sync.client.connect(server.vosk + path_of) as client, open(path, "rb") as file:
        if config:
            client.send(json.dumps({"config": config}))
        answers = []
        while piece := file.read(size):
            answers.append(step(client, piece))
        last = step(client, '{"eof" : 1}')
        with pytest.raises(websockets.exceptions.ConnectionClosedOK):
            client.recv(timeout=10)
    return answers, last


def text_of(answers, last):
    return " ".join(answer["text"] for answer in [*answers, last] if "text" in answer)


def test_stock_client(server, sound, jfk):
    """Vosk's own transcriber: 4000 bytes at a time, and subtitles of what it was told."""
    told = stock_clients.run("vosk_client.py", server.vosk_port, sound)
    made = told.pop()
    assert speech.error_rate(jfk[1], " ".join(part["text"] for part in told)) <= 0.1
    shown = speech.srt_segments(made["srt"])
    assert speech.error_rate(jfk[1], " ".join(text for _, _, text in shown)) <= 0.1
    assert all(0 <= begin < end <= 11.1 for begin, end, _ in shown)
    assert [begin for begin, _, _ in shown] == sorted(begin for begin, _, _ in shown)


def test_other_rates_and_any_path(server, jfk, tmp_path):
    """Without a config sound has 8 kHz; frames may be shorter than a window, and of odd length."""
    low = pcm(jfk[0], 8000, tmp_path)
    answers, last = speak(server, low, 8000, path_of="/any/path")
    assert speech.error_rate(jfk[1], text_of(answers, last)) <= 0.2
    high = pcm(jfk[0], 44100, tmp_path)
    answers, last = speak(server, high, 17641, {"sample_rate": 44100, "words": False})
    assert speech.error_rate(jfk[1], text_of(answers, last)) <= 0.1
    assert not any("result" in answer for answer in [*answers, last])
    assert len(answers) == -(-high.stat().st_size // 17641)  # one answer to each


def test_silence_has_an_end(server, tmp_path):
    path = tmp_path / "silence.pcm"
    path.write_bytes(bytes(64000))
    answers, last = speak(server, path, 8000, {"sample_rate": 16000, "max_alternatives": 2})
    assert answers == [{"partial": ""}] * 8
    assert last == {"alternatives": [{"confidence": 1.0, "text": ""}]}


def test_reset(server, sound, jfk):
    half = sound.read_bytes()[: 16000 * 2 * 6]
    with websockets.sync.client.connect(server.vosk) as client:
        client.send('{"config": {"sample_rate": 16000}}')
        finals = [answer["text"] for answer in [step(client, half)] if "text" in answer]
        finals.append(step(client, '{"reset" : 1}')["text"])
        assert "fellow americans" in " ".join(speech.words(" ".join(finals)))
        assert step(client, bytes(6400)) == {"partial": ""}
        assert step(client, '{"eof" : 1}')["text"] == ""


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("garbage", "not JSON"),
        ('{"config": {"sample_rate": 0}}', "'sample_rate': expected 8000 to 96000"),
        ('{"config": {"sample_rate": 1000000000}}', "'sample_rate': expected 8000 to 96000"),
        ('{"config": []}', "'config': expected an object"),
    ],
)
def test_what_cannot_be_is_refused(server, said, words):
    with websockets.sync.client.connect(server.vosk) as client:
        client.send(said)
        with pytest.raises(websockets.exceptions.ConnectionClosedError) as closed:
            client.recv(timeout=10)
        assert closed.value.rcvd.code == 1008 and words in closed.value.rcvd.reason


def test_example_of_the_page(server, sound, jfk, tmp_path):
    example = tmp_path / "example.py"
    example.write_text(re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1], encoding="utf-8")
    command = [stock_clients.VENV / "bin/python", example, server.vosk, sound]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert speech.error_rate(jfk[1], answer.stdout) <= 0.1
