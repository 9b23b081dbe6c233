#!/usr/bin/env python3
"""What each published size of Whisper costs here, with made-up weights of its shapes.

    bench/sizes.py [--sizes tiny,base,...] [--rounds 3] [--compute auto] [--talkers 64] [--write]

The weights are random numbers: what comes out is nonsense, but every product, every row of memory and every step
is as large as with the real ones. They are written to build/sizes, one file at a time, and removed again. Sizes
run one after another, each in a process of one thread, and what is measured is that thread's own processor time, the
least of the rounds: other work on the machine takes turns with it, and adds little. The columns: the encoder for a
full window of 30 s, and for 5 s of speech in its short context; a step of the decoder for one sequence, and for eight
of them together, each; resident memory after loading, and the most after 16 sequences were decoded side by side.

`work` is what 5 s of a live talker cost beside `base` in the same run: PASSES encodings of 5 s, since each partial
answer encodes the window as far as it goes, and TOKENS tokens in steps of eight. `talkers` is how many talk at once,
--talkers with `base` (bench/live, on the same machine) divided by that. Needs the release build (make), numpy, jiwer
and whisper-normalizer (build/venv has them), and the recordings (EAVESDROP_TEST_DATA).
"""

import argparse
import pathlib
import sys

sys.dont_write_bytecode = True
PROJECT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT / "bench"), str(PROJECT / "tools")]
import numpy  # noqa: E402
import whisper_files  # noqa: E402
from measure import children, machine, sounds, tables  # noqa: E402

SIZES = ["tiny", "base", "small", "medium", "large-v3-turbo"]
PASSES = 3      # encodings of 5 s that one, two, ... five seconds and the final one come to, in short contexts
TOKENS = 40     # of 5 s of speech, those of its partial answers included where no draft has them
CROWD = 16
STEPS = 20
HEAD = ["size", "parameters, million", "encoder, 30 s, ms", "5 s, ms", "step of one, ms", "of eight, each, ms",
        "loaded, MB", "at work, MB", "work", "talkers"]


class MadeUp:
    """Random values for every tensor, made when they are asked for. Norms leave their input as it is; else they
    are small, so that nothing overflows through however many layers."""

    def __init__(self, shapes):
        self.shapes = {name: shape for name, shape, _, _ in whisper_files.plan(shapes)}
        self.random = numpy.random.default_rng(1)

    def __getitem__(self, name):
        shape = self.shapes[name]
        if name.endswith("ln.weight") or name.endswith("ln_post.weight"):
            return numpy.ones(shape, numpy.float32)
        return self.random.standard_normal(shape, numpy.float32) * numpy.float32(0.02)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=lambda text: text.split(","), default=SIZES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--compute", default="auto")
    parser.add_argument("--talkers", type=int, default=64, help="that base holds on this machine (default: 64)")
    parser.add_argument("--work", type=pathlib.Path, default=PROJECT / "build/sizes", help="for the weights")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    options = parser.parse_args()
    unknown = set(options.sizes) - set(whisper_files.SIZES)
    if unknown:
        parser.error(f"no size {', '.join(sorted(unknown))}; there are {', '.join(whisper_files.SIZES)}")
    return options


def parameters(shapes):
    """How many numbers the weights are."""
    return sum(int(numpy.prod(shape)) for _, shape, _, _ in whisper_files.plan(shapes))


def on_processor(child):
    """Seconds that the child has run so far. A child of one thread has no other that would wait by spinning."""
    threads = pathlib.Path(f"/proc/{child.process.pid}/task").glob("*/schedstat")
    return sum(int(path.read_text().split()[0]) for path in threads) * 1e-9


def spent(child, *words):
    """Seconds of processor time for one command."""
    before = on_processor(child)
    child.ask(*words)
    return on_processor(child) - before


def step(child, n):
    """Seconds of processor time for a step of n sequences: the difference of two lengths, without the prompt and the
    choosing of suppressed tokens."""
    return (spent(child, "step", n, 2 * STEPS, "short") - spent(child, "step", n, STEPS, "short")) / STEPS


def measure(options, size, path):
    """The figures of one size, each the least of the rounds: name to seconds, or megabytes."""
    shapes = whisper_files.SIZES[size]
    weights = options.work / f"made-up-{size}.bin"
    whisper_files.write_ggml(weights, shapes, [bytes([byte]) for byte in range(256)], MadeUp(shapes), "f16")
    try:
        child = children.ours(weights, options.compute, threads=1)
        loaded = child.memory()
        child.ask("sounds", path)
        child.ask("step", CROWD, 1, "short")  # what is listened to is encoded once, and no step's cost
        rounds = []
        for _ in range(options.rounds):
            rounds.append({"full": spent(child, "encode", 0, 3000, "full"),
                           "short": spent(child, "encode", 1, 500, "short"),
                           "one": step(child, 1), "eight": step(child, 8) / 8})
        child.ask("step", CROWD, STEPS, "short")
        figures = {name: min(one[name] for one in rounds) for name in rounds[0]}
        figures.update(loaded=loaded, most=child.memory("VmHWM"), compute=child.ready["compute"])
        child.close()
    finally:
        weights.unlink()
    return figures


def work(figures):
    """Seconds of one core for 5 s of a live talker."""
    return PASSES * figures["short"] + TOKENS * figures["eight"]


def row(options, size, figures, base):
    share = work(figures) / work(base) if base else None
    return [f"`{size}`", tables.number(parameters(whisper_files.SIZES[size]) / 1e6),
            *(tables.number(1e3 * figures[name]) for name in ("full", "short", "one", "eight")),
            *(tables.number(figures[name]) for name in ("loaded", "most")),
            tables.number(share), int(options.talkers / share) if share else "–"]


def main():
    options = arguments()
    options.work.mkdir(parents=True, exist_ok=True)
    path = options.work / "sounds"
    window = sounds.read(sounds.DATA / sounds.LONG[0])[:30 * sounds.RATE]
    sounds.write(path, [window, *(window[at * sounds.RATE:][:5 * sounds.RATE] for at in range(0, 25, 3))])
    measured = {}
    for size in options.sizes:
        print(f"sizes: {size}", file=sys.stderr, flush=True)
        measured[size] = measure(options, size, path)
    base = measured.get("base")
    text = tables.table(HEAD, [row(options, size, figures, base) for size, figures in measured.items()])
    computes = ", ".join(sorted({figures["compute"] for figures in measured.values()}))
    text += (f"\n\n{computes}, made-up weights, milliseconds of one core; the least of {options.rounds} rounds. {machine.describe()}; "
             f"load average {machine.load():.1f}.")
    print(text)
    if options.write and not tables.write_section(PROJECT / "docs/benchmarks.md", "sizes", text, tool="bench/sizes.py"):
        sys.exit("sizes: docs/benchmarks.md has no place for the table")


if __name__ == "__main__":
    main()
