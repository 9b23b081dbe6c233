"""`eavesdrop-bench` against the real server: figures that can only be right, and its refusals."""

import json
import re
import threading

import processes
import pytest
import speech
from websockets.sync.server import serve


@pytest.fixture(scope="module")
def tiny_set(data, tmp_path_factory):
    """Two short recordings with their transcripts."""
    folder = tmp_path_factory.mktemp("tiny-set")
    lines = (data / "librispeech-short/transcripts.tsv").read_text().splitlines()
    shortest = sorted(lines[1:], key=lambda line: float(line.split("\t")[2]))[:2]
    (folder / "transcripts.tsv").write_text("\n".join([lines[0], *shortest]) + "\n")
    for line in shortest:
        name = line.split("\t")[1]
        (folder / name).write_bytes((data / "librispeech-short" / name).read_bytes())
    return folder


@pytest.fixture
def tiny_server(program, models, tmp_path):
    if not (models / "tiny.en/model.bin").exists():
        pytest.skip("no model tiny.en: run: eavesdrop model fetch tiny.en")
    port = processes.free_port()
    config = f"listen: 127.0.0.1:{port}\nmodel: tiny.en\n"
    server = processes.Server(program, config, tmp_path, models, port).wait_ready()
    yield server
    assert server.stop() == 0


def url(server):
    return f"ws://127.0.0.1:{server.port}"


def bench(command, *arguments):
    return command(*arguments, program="eavesdrop-bench")


def test_two_clients(command, tiny_server, tiny_set, tmp_path):
    figures, texts = tmp_path / "figures.json", tmp_path / "texts.jsonl"
    options = ["--clients", 2, "--seconds", 4, "--ramp", 0.2, "--settle", 1.5, "--pid", tiny_server.pid]
    done = bench(
        command, "live", "--url", url(tiny_server), "--audio", tiny_set, *options,
        "--json", figures, "--transcripts-out", texts,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "progress is for terminals only"
    head, line = done.stdout.splitlines()[:2]
    assert head.split()[0] == "clients" and line.split()[0] == "2"

    result = json.loads(figures.read_text())
    assert (result["clients"], result["refused"], result["broken"]) == (2, 0, 0)
    assert result["wer_percent"] < 35 and result["lost_percent"] < 20
    assert result["words"] > 8 and result["utterances"] >= 2
    assert result["utterances_missing"] == result["utterances_never_final"] == 0
    assert result["word_delay"]["n"] > result["words"] / 2
    assert result["last_word_delay"]["p50"] <= result["final_delay"]["p50"]
    assert abs(result["final_delay"]["p50"] - result["end_pause"] - result["decision_delay"]["p50"]) < 0.001
    # Words are spread evenly here: some are said to be seen before they end.
    assert result["word_delay"]["mean"] < result["word_delay"]["max"]
    assert result["messages_per_minute"] > 0
    assert result["server"]["by"] == "pid" and result["server"]["peak_bytes"] > 50e6

    levels = result["levels"]
    assert levels["changes"][0]["at"] == 0 and set(levels["seconds"]) >= {"normal", "slowed"}
    assert sum(levels["seconds"].values()) > 3
    assert "Load level: " in done.stdout

    lines = [json.loads(line) for line in texts.read_text().splitlines()]
    assert {line["talker"] for line in lines} == {0, 1} and len(lines) == result["utterances"]
    reference = " ".join(line["reference"] for line in lines)
    assert speech.error_rate(reference, " ".join(line["live"] for line in lines)) < 0.35


def test_capacity(command, tiny_server, tiny_set, tmp_path):
    """One client holds, however slow the machine is, by limits that are wide; then by one that nobody keeps."""
    figures = tmp_path / "figures.json"
    options = ["--url", url(tiny_server), "--audio", tiny_set, "--seconds", 1, "--ramp", 0, "--settle", 0.5]
    wide = ["--most", 2, "--max-last", 60, "--max-final", 60, "--max-lost", 100]
    done = bench(command, "capacity", *options, *wide, "--json", figures)
    assert done.returncode == 0, done.stderr
    assert "2 clients held, the most that were tried" in done.stdout
    result = json.loads(figures.read_text())
    assert (result["held"], result["broke"]) == (2, 0)
    assert [run["clients"] for run in result["runs"]] == [1, 2]
    done = bench(command, "capacity", *options, "--max-final", 0.001)
    assert done.returncode == 1
    assert "final p95: " in done.stdout and "Not even one client held" in done.stdout


def test_refusals(command, tiny_set, tmp_path):
    nobody = f"ws://127.0.0.1:{processes.free_port()}"
    (tmp_path / "empty").mkdir()
    (tmp_path / "untold").mkdir()
    (tmp_path / "untold/a.flac").write_bytes(next(tiny_set.glob("*.flac")).read_bytes())
    live = ["live", "--url", nobody, "--audio", tiny_set, "--clients"]
    for arguments, code, words in [
        ([], 2, "what"),
        (["life"], 2, "did you mean live"),
        (["live", "--url", nobody, "--audio", tiny_set], 2, "--clients is missing"),
        ([*live, 0], 2, "--clients is 1 to"),
        ([*live, 1.5], 2, "whole"),
        ([*live, 1, "--seconds", "soon"], 2, "--seconds is"),
        ([*live, 1], 1, "is the server running"),
        (["capacity", "--url", nobody, "--audio", tiny_set], 1, "is the server running"),
        (["capacity", "--url", nobody, "--audio", tiny_set, "--max-lost", "many"], 2, "--max-lost is"),
        ([*live, 1, "--pid", 4194304], 1, "no process"),
        ([*live, 1, "--offline", tiny_set / "transcripts.tsv"], 1, "transcribe --format json"),
        ([*live, 1, "--word-times", tiny_set / "transcripts.tsv"], 1, "no column 'word'"),
        (["live", "--url", "wss://h:1", "--audio", tiny_set, "--clients", 1], 1, "encrypted"),
        (["live", "--url", nobody, "--audio", tmp_path / "empty", "--clients", 1], 1, "no sound file"),
        (["live", "--url", nobody, "--audio", tmp_path / "untold", "--clients", 1], 1, "no transcript"),
        (["live", "--url", nobody, "--audio", tmp_path / "nowhere", "--clients", 1], 1, "No such file"),
    ]:
        done = bench(command, *arguments)
        assert done.returncode == code and words in done.stderr, (arguments, done)
        assert done.stderr.count("\n") == 1


def test_a_server_that_is_full_is_told(command, tiny_set):
    """A stub that says WAIT, as WhisperLive's server does, to the second client."""
    n_clients = 0

    def on_client(socket):
        nonlocal n_clients
        uid = json.loads(socket.recv())["uid"]
        n_clients += 1
        if n_clients == 1:
            socket.send(json.dumps({"uid": uid, "message": "SERVER_READY", "backend": "faster_whisper"}))
            while socket.recv() != b"END_OF_AUDIO":
                pass
        else:
            socket.send(json.dumps({"uid": uid, "status": "WAIT", "message": 3.2}))
        socket.close()

    with serve(on_client, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = server.socket.getsockname()[1]
        options = ["--url", f"ws://127.0.0.1:{port}", "--audio", tiny_set, "--seconds", 1, "--settle", 0.1]
        done = bench(command, "live", *options, "--clients", 2, "--ramp", 0.5)
        assert done.returncode == 1
        assert "1 refused" in done.stdout and "come back in 3.2 minutes" in done.stdout
        assert re.search(r"utterances: not a word came", done.stdout)
        done = bench(command, "live", *options, "--clients", 1)
        assert done.returncode == 1 and "come back in 3.2 minutes" in done.stderr
        server.shutdown()
        thread.join()
