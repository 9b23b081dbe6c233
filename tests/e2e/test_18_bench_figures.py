"""`bench/engine` on a busy machine: a difference that cannot be is not printed as a figure. And the queue's
simulation, whose figures are counts of a clock of its own."""

import pathlib
import re
import subprocess
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

    def turn_of_stages(self, number):
        return self.turn(number)

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


class Simulation:
    """What bench/queue_simulation printed: what there was of each, and seconds at each level."""

    def __init__(self, program, *arguments):
        command = [program.parent / "bench/queue_simulation", *map(str, arguments)]
        self.text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        self.words, self.last_words, self.utterances = (
            int(re.search(rf"^{name} .* (\d+)$", self.text, re.MULTILINE)[1]) for name in ("word", "last word", "final")
        )
        self.closed, self.final, self.promoted = self.numbers("windows")
        self.speculative, self.speculative_answered = self.numbers("passes at a pause")
        self.partial, self.partial_answered = self.numbers("other passes")
        *levels, self.n_level_changes = self.numbers("levels")
        self.levels = dict(zip(("normal", "slowed", "finals_only", "full"), levels, strict=True))

    def numbers(self, name):
        return [int(n) for n in re.findall(r"\d+", re.search(rf"^{name}:(.*)$", self.text, re.MULTILINE)[1])]


def test_a_simulated_queue_with_time_to_spare(program):
    simulation = Simulation(program, 6, 30)
    assert simulation.closed == simulation.final > 12, "every window becomes final text"
    assert simulation.final >= simulation.promoted > 0, "by a pass at a pause, where that is in time"
    assert simulation.utterances > 6 and simulation.words > 12 * simulation.utterances
    assert simulation.speculative > simulation.closed, "some pauses are within windows"
    assert simulation.speculative >= simulation.speculative_answered > 0
    assert simulation.partial >= simulation.partial_answered > simulation.words / 4
    assert simulation.levels["normal"] >= 30 and simulation.n_level_changes == 0
    assert Simulation(program, 6, 30).text == simulation.text, "its figures depend on nothing else"


def test_a_simulated_queue_that_is_too_slow(program):
    simulation = Simulation(program, 6, 30, 12)
    assert simulation.closed == simulation.final, "late, but none is dropped"
    same = Simulation(program, 6, 30)
    assert (simulation.closed, simulation.words) == (same.closed, same.words), "what is said is the same"
    assert simulation.utterances == simulation.last_words == same.utterances, "and heard to its end"
    assert simulation.promoted < simulation.final
    assert simulation.partial < simulation.words / 4, "partial text is given up first"
    assert simulation.levels["normal"] < 30 and simulation.n_level_changes > 0


@pytest.mark.parametrize("arguments", ["", "0 10", "2.5 10", "1001 10", "2 -1", "2 x", "2 10 0", "2 10 1 1"])
def test_a_simulation_that_cannot_be(program, arguments):
    command = [program.parent / "bench/queue_simulation", *arguments.split()]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("usage: ") and not done.stdout
