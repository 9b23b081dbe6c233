"""`eavesdrop transcribe`: its formats, and what it says to files that are none."""

import json
import os
import re
import subprocess
import threading

import pytest
import speech


@pytest.fixture
def transcribe(command):
    def run(*arguments, **options):
        return command("transcribe", "--model", "base", "--model-dir", command.models, *arguments, **options)

    return run


def test_text(transcribe, jfk):
    audio, reference = jfk
    done = transcribe(audio)
    assert done.returncode == 0, done.stderr
    assert speech.error_rate(reference, done.stdout) <= 0.05
    assert "%" not in done.stderr, "progress is for terminals only"


def test_json_is_one_object_for_each_file(transcribe, jfk, data):
    audio, reference = jfk
    german = data / "fleurs/fleurs-de-000.ogg"
    done = transcribe("--format", "json", audio, german)
    assert done.returncode == 0, done.stderr
    first, second = [json.loads(line) for line in done.stdout.splitlines()]
    assert first["file"] == str(audio) and second["file"] == str(german)
    assert first["language"] == "en" and second["language"] == "de"
    assert first["duration"] == pytest.approx(11, abs=0.1)
    keys = {"start", "end", "text", "avg_logprob", "no_speech_prob", "compression_ratio"}
    for segment in first["segments"] + second["segments"]:
        assert keys <= set(segment)
        assert 0 <= segment["start"] < segment["end"]
    text = "".join(segment["text"] for segment in first["segments"])
    assert speech.error_rate(reference, text) <= 0.05


def test_subtitles(transcribe, jfk):
    audio, reference = jfk
    srt = transcribe("--format", "srt", audio).stdout
    assert speech.error_rate(reference, speech.srt_text(srt)) <= 0.05
    vtt = transcribe("--format", "vtt", audio).stdout
    assert vtt.startswith("WEBVTT\n\n")
    assert re.search(r"^\d\d:\d\d(:\d\d)?\.\d{3} --> ", vtt, re.MULTILINE)
    cues = " ".join(line for line in vtt.splitlines()[2:] if line and "-->" not in line and not line.isdigit())
    assert speech.error_rate(reference, cues) <= 0.05


def test_files_that_are_no_sound(transcribe, jfk, tmp_path):
    text, empty, folder = tmp_path / "notes.txt", tmp_path / "empty.wav", tmp_path / "folder"
    text.write_text("Just words.\n" * 100, encoding="utf-8")
    empty.write_bytes(b"")
    folder.mkdir()
    for path in (text, empty, folder, tmp_path / "none.wav"):
        done = transcribe(path)
        assert done.returncode == 1, f"{path.name}: {done.returncode} {done.stderr}"
        assert path.name in done.stderr and done.stdout.strip() == ""
    audio, _ = jfk
    done = transcribe(text, audio)
    assert done.returncode == 1 and "country" in done.stdout, "one bad file must not stop the others"


# Root may read everything, unless it gives up just that.
MAY_NOT = "--bounding-set=-dac_override,-dac_read_search --inh-caps=-dac_override,-dac_read_search"


def test_a_file_that_may_not_be_read(transcribe, tmp_path):
    path = tmp_path / "secret.wav"
    path.write_bytes(b"RIFF")
    path.chmod(0)
    done = transcribe(path, by=["setpriv", *MAY_NOT.split()] if os.geteuid() == 0 else [])
    assert done.returncode == 1 and "permission" in done.stderr.lower() and path.name in done.stderr


def test_a_very_short_and_a_silent_file(transcribe, jfk, data, tmp_path):
    short = speech.save(tmp_path / "short.wav", speech.load(jfk[0], 0.05, 1))
    for path in (short, data / "nonspeech/near-silence.wav"):
        done = transcribe(path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == ""


def test_three_hours_in_bounded_memory(program, command, jfk, tmp_path):
    """Three hours of near silence with a sentence at the end: the memory does not grow."""
    long = tmp_path / "long.flac"
    graph = "[0]atrim=duration=10800[quiet];[quiet][1]concat=n=2:v=0:a=1"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono"]
        + ["-i", str(jfk[0]), "-filter_complex", graph, "-ar", "16000", "-ac", "1", str(long)],
        check=True,
    )
    arguments = ["transcribe", "--model", "base", "--model-dir", str(command.models), "--language", "en"]
    with open(tmp_path / "out", "w+", encoding="utf-8") as out:
        child = subprocess.Popen([str(program), *arguments, str(long)], stdout=out, stdin=subprocess.DEVNULL)
        guard = threading.Timer(240, child.kill)
        guard.start()
        _, status, usage = os.wait4(child.pid, 0)
        guard.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        assert child.returncode == 0 and "country" in out.read()
    assert usage.ru_maxrss * 1024 <= 500_000_000, f"{usage.ru_maxrss} KiB"
