"""`bench/engine` on a busy machine: a difference that cannot be is not printed as a figure."""

import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
from measure import speech, stages, tables  # noqa: E402
from measure.run import Figures  # noqa: E402

NEGATIVE = re.compile(r"[-−]\d")


class Peer:
    """A child whose second measurement was the faster one, and whose memory shrinks while it works."""

    def __init__(self):
        self.ready = {"load": 1.0, "compute": "int8"}
        self.megabytes = iter([100, 90, 80, 70, 60, 50])

    def seconds(self, *_words):
        return -0.002

    def memory(self, _name="VmRSS"):
        return next(self.megabytes)

    def ask(self, *_words, **_options):
        return {}

    def forget_peak(self):
        pass

    def close(self):
        pass


class Run:
    """As measure.run.Run, with one peer."""

    def __init__(self, name):
        self.results, self.notes, self.n_rounds = {"crowd": "-"}, [], 0
        self.engines = {name: Peer()}
        self.options = type("Options", (), {"model": "base", "peers": ".", "quick": True})

    def rounds(self, _name, _limit):
        yield 0

    def turn(self, _number):
        return list(self.engines)

    def ours(self):
        return [name for name in self.engines if name.startswith("eavesdrop")]

    def peers(self, kind):
        return [name for name in self.engines if name.startswith(kind)]

    def attempt(self, name, call):
        return call(self.engines[name])

    def say(self, _words):
        pass


@pytest.mark.parametrize("name", ["faster-whisper int8", "whisper.cpp"])
def test_a_decoder_step_takes_time(name):
    assert not NEGATIVE.search(stages.decoder(Run(name)))


@pytest.mark.parametrize("name", ["eavesdrop int8", "faster-whisper int8"])
def test_memory_is_not_given_back_by_working(monkeypatch, name):
    for kind in ("ours", "faster_whisper"):
        monkeypatch.setattr(speech.children, kind, lambda *_arguments, **_options: Peer())
    text = speech.memory(Run(name))
    row = next(line for line in text.splitlines() if line.startswith(f"| {name}"))
    assert not NEGATIVE.search(row.removeprefix(f"| {name}"))
    assert row.count("–") == 3, "what cannot be is a dash, and no 0 either"


def test_what_cannot_be_does_not_spoil_the_median():
    figures = Figures()
    for value in (3, -1, None, 5):
        figures.add("row", "column", value)
    assert figures.median("row", "column") == 4
    figures.add("other", "column", -1)
    assert figures.median("other", "column") is None


def test_differences():
    assert tables.difference(3, 1) == 2 and tables.difference(1, 1) == 0
    assert tables.difference(1, 3) is None and tables.difference(1, None) is None
