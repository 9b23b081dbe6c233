"""Everything that was said is heard: beside long prompts, and where one talker is much quieter than the other."""

import json
import re

import pytest
import speech

QUIET = "left at the end"
LOUD = "to depart having declined an invitation to pass the night there"


@pytest.fixture
def transcribe(command):
    def run(*arguments, **options):
        return command("transcribe", "--model", "base", "--model-dir", command.models, *arguments, **options)

    return run


@pytest.fixture
def french(data):
    """A recording of five sentences, and a long text about something else."""
    folder = data / "faults"
    if not folder.is_dir():
        pytest.skip("the test data has no faults")
    return folder / "french-five.opus", (folder / "french-prompt.txt").read_text().strip()


def check_french(text):
    """From the first sentence to the last one's end."""
    assert "Nous sommes d'accord" in text
    assert "sortie de piste" in text
    assert re.search(r"(17|sept) personnes\W*$", text), text[-120:]
    assert "\ufffd" not in text


def check_both(text):
    words = " ".join(speech.words(text))
    assert QUIET in words and words.endswith(LOUD), text
    assert words.index(QUIET) < words.index(LOUD)
    assert words.count("depart") == 1, text


def test_text_beside_a_long_prompt(transcribe, french):
    audio, prompt = french
    done = transcribe("--language", "fr", "--initial-prompt", prompt, "--hotwords", prompt, audio)
    assert done.returncode == 0, done.stderr
    check_french(done.stdout)
    assert done.stderr.count("longer than the model has room for") == 1


def test_a_live_session_with_a_long_prompt(serve, client, french):
    audio, prompt = french
    server = serve()
    speaker = client(server)
    speaker.setup(language="fr", initial_prompt=prompt, hotwords=prompt)
    speaker.record()
    speaker.send_sound(speech.load(audio), speed=8)
    speaker.end()
    assert speaker.wait_close(timeout=120) == 1000
    check_french(speaker.text())
    assert server.log().count("prompt-shortened") == 1


def test_the_longest_prompt_fails_nothing(serve, client, jfk):
    audio, reference = jfk
    speaker = client(serve())
    speaker.setup(initial_prompt="x" * 16384)
    speaker.record()
    speaker.send_sound(speech.load(audio), speed=8)
    speaker.end()
    assert speaker.wait_close(timeout=120) == 1000
    assert speaker.text(), "no text"


def test_a_quiet_talker_before_a_loud_one(transcribe, data):
    audio = data / "faults/quiet-then-loud.opus"
    if not audio.exists():
        pytest.skip("the test data has no faults")
    done = transcribe("--format", "json", audio)
    assert done.returncode == 0, done.stderr
    segments = json.loads(done.stdout)["segments"]
    check_both(" ".join(segment["text"] for segment in segments))
    for before, after in zip(segments, segments[1:]):
        assert before["end"] <= after["start"]


def test_a_quiet_talker_live(serve, client, data):
    audio = data / "faults/quiet-then-loud.opus"
    if not audio.exists():
        pytest.skip("the test data has no faults")
    speaker = client(serve())
    speaker.setup()
    speaker.record()
    speaker.send_sound(speech.load(audio), speed=8)
    speaker.end()
    assert speaker.wait_close(timeout=120) == 1000
    check_both(speaker.text())
