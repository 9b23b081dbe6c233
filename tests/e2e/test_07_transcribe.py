"""`eavesdrop transcribe`: its formats, and what it says to files that are none."""

import json
import os
import re
import subprocess
import threading

import numpy
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


def test_windows_vote_for_the_language(transcribe, data, tmp_path):
    """An English sentence, then two German ones: the first decides, or most of the three."""
    pause = speech.silence(4)
    names = ("fleurs-en-000", "fleurs-de-000", "fleurs-de-001")
    parts = [part for name in names for part in (speech.load(data / f"fleurs/{name}.ogg"), pause)]
    audio = speech.save(tmp_path / "mixed.wav", numpy.concatenate(parts))

    def language(*options):
        done = transcribe("--format", "json", *options, audio)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["language"]

    assert language() == "en"
    # Sure of nothing, all three are asked.
    assert language("--language-detection-segments", "3", "--language-detection-threshold", "1") == "de"
    assert language("--language-detection-segments", "3", "--language-detection-threshold", "0") == "en"


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


def utterances(data, name, wanted):
    """[(start, end, text)] of a long chapter's utterances by number."""
    lines = (data / f"librispeech-long/{name}.segments.tsv").read_text().splitlines()[1:]
    rows = [lines[number].split("\t") for number in wanted]
    return [(float(start), float(end), text) for start, end, _, text in rows]


@pytest.mark.parametrize("way", [(), ("--no-vad",)])
def test_clips(transcribe, data, way):
    """Two parts of a file: their text, at the file's times, and nothing else."""
    clips = utterances(data, "7312-92432", (3, 14))
    listed = ",".join(f"{start},{end}" for start, end, _ in clips)
    audio = data / "librispeech-long/7312-92432.flac"
    done = transcribe("--format", "json", "--clip-timestamps", listed, *way, audio)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["duration"] == pytest.approx(speech.load(audio).size / speech.RATE, abs=0.1)
    for start, end, reference in clips:
        inside = [s for s in told["segments"] if start <= s["start"] and s["end"] <= end + 0.001]
        assert speech.error_rate(reference, "".join(s["text"] for s in inside)) <= 0.2
        told["segments"] = [s for s in told["segments"] if s not in inside]
    assert not told["segments"]


def test_clips_that_are_none(transcribe, jfk):
    audio, _ = jfk
    for listed, complaint in (
        ("5,3", "clip 1 ends at 3 s"),
        ("0,5,4,6", "clip 2 begins at 4 s"),
        ("-1,5", "negative"),
        ("0,five", "not a number"),
    ):
        done = transcribe(f"--clip-timestamps={listed}", audio)
        assert done.returncode == 2 and complaint in done.stderr and not done.stdout, listed
    done = transcribe("--clip-timestamps", "60", audio)
    assert done.returncode == 1 and "the sound ends at 11 s" in done.stderr and jfk[0].name in done.stderr


def test_silence_around_what_is_made_up_is_skipped(transcribe, data):
    """Let speak, the model finds a word in near silence; the option drops it where it can hear on."""

    def begins(*options):
        done = transcribe(
            *("--no-vad", "--word-timestamps", "--no-speech-threshold", "off", "--language", "en"),
            *("--format", "json", *options, data / "nonspeech/near-silence.wav"),
        )
        assert done.returncode == 0, done.stderr
        return [segment["start"] for segment in json.loads(done.stdout)["segments"]]

    assert min(begins()) < 5
    assert all(begin > 5 for begin in begins("--hallucination-silence-threshold", "2"))


def test_options_that_do_not_go_together(transcribe, jfk):
    for options, complaint in (
        (("--vad-filter", "--no-vad"), "contradict"),
        (("--vad-filter=no",), "true or false"),
        (("--vad-filter=false", "--vad-parameters", "threshold=0.6"), "--no-vad"),
        (("--vad-parameters", "treshold=0.6"), 'did you mean "threshold"'),
        (("--hallucination-silence-threshold", "2"), "goes with --no-vad"),
        (("--no-vad", "--hallucination-silence-threshold", "2", "--word-timestamps=false"), "--word-timestamps"),
    ):
        done = transcribe(*options, jfk[0])
        assert done.returncode == 2 and complaint in done.stderr and not done.stdout, options


def test_pauses_are_found_as_asked(transcribe, jfk):
    """The usual pauses of 3 s leave one piece; of 0.3 s, several, and the same text all the same."""
    audio, reference = jfk

    def segments(*options):
        done = transcribe("--format", "json", *options, audio)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["segments"]

    assert len(segments()) == 1
    pieces = segments("--vad-filter", "--vad-parameters", "min_silence_duration_ms=300,speech_pad_ms=150")
    assert len(pieces) > 1
    assert speech.error_rate(reference, "".join(piece["text"] for piece in pieces)) <= 0.1


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
        filter = threading.Timer(240, child.kill)
        filter.start()
        _, status, usage = os.wait4(child.pid, 0)
        filter.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        assert child.returncode == 0 and "country" in out.read()
    assert usage.ru_maxrss * 1024 <= 500_000_000, f"{usage.ru_maxrss} KiB"
