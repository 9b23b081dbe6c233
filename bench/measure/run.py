"""A run of bench/engine: which engines take part, whose turn it is, and what was measured."""

import statistics
import time
from collections import defaultdict

from measure import children
from measure.children import Failure, Refusal


TEXT_PEERS = ["transcribe.cpp", "moonshine"]


class Figures:
    """Values by row and column; each cell is a list, one for each round."""

    def __init__(self):
        self.cells = defaultdict(list)

    def add(self, row, column, value):
        """Times, sizes and rates are not below zero: what is, is a difference of two that the machine's other work
        has turned round, and no figure."""
        if value is None or value < 0:
            return
        self.cells[row, column].append(value)

    def median(self, row, column):
        """None where nothing was measured."""
        values = self.cells.get((row, column))
        return statistics.median(values) if values else None

    def most(self, row, column):
        return max(self.cells.get((row, column), []), default=None)

    def rows(self):
        return list(dict.fromkeys(row for row, _ in self.cells))


class Run:
    def __init__(self, options):
        self.options = options
        self.started = time.monotonic()
        self.engines = {}   # name: child
        self.openers = {}   # name: what opens one more such child
        self.notes = []     # what was skipped, and why
        self.results = {}   # what one section leaves for another
        self.n_rounds = 0   # of the last section

    def is_late(self):
        """Whether --minutes are over."""
        return time.monotonic() - self.started > 60 * self.options.minutes

    def say(self, words):
        print(f"[{time.strftime('%H:%M:%S')}] {words}", flush=True)

    def note(self, words):
        if words not in self.notes:
            self.say(words)
            self.notes.append(words)

    def start(self, name, open_child, sounds):
        """Let an engine take part, if it can."""
        try:
            child = open_child()
            child.ask("sounds", sounds)
            self.engines[name] = child
            self.openers[name] = open_child
        except (Failure, OSError) as problem:
            self.note(f"{name}: left out: {problem}")

    def ours(self):
        return [name for name in self.engines if name.startswith("eavesdrop")]

    def peers(self, kind):
        return [name for name in self.engines if name.startswith(kind)]

    def text_peers(self):
        """Those that give text for sound, and nothing in between."""
        return [name for name in self.engines if name in TEXT_PEERS]

    def computes(self):
        return [name.split()[1] for name in self.ours()]

    def rounds(self, name, limit):
        """Up to --rounds of them, fewer when they take longer than `limit` seconds."""
        started, self.n_rounds = time.monotonic(), 0
        for number in range(self.options.rounds):
            spent = time.monotonic() - started
            if number > 0 and (spent * (number + 1) / number > limit or self.is_late()):
                break
            self.say(f"{name}: round {number + 1} of {self.options.rounds}")
            yield number
            self.n_rounds += 1

    def turn(self, number):
        """The engines' names in the order of this round: another one begins each time."""
        return self.shifted(list(self.engines), number)

    def turn_of_stages(self, number):
        """The same, of those whose encoder and decoder can be asked for alone."""
        return self.shifted([name for name in self.engines if name not in TEXT_PEERS], number)

    @staticmethod
    def shifted(names, number):
        at = number % max(len(names), 1)
        return names[at:] + names[:at]

    def attempt(self, name, call):
        """call(child); None when the engine refuses, or fails and then takes no further part."""
        child = self.engines.get(name)
        if not child:
            return None
        try:
            return call(child)
        except Refusal as problem:
            self.note(f"refused: {problem}")
            return None
        except (Failure, OSError, KeyError) as problem:
            self.note(f"{name}: dropped: {problem}")
            self.engines.pop(name)
            return None

    def close(self):
        for child in self.engines.values():
            child.close()
        self.engines = {}


def own_child(run, compute="auto", sounds=None, **options):
    """A fresh child of ours; the caller closes it."""
    child = children.ours(run.options.model, compute, **options)
    if sounds:
        child.ask("sounds", sounds)
    return child
