#!/usr/bin/env python3
"""How far another arithmetic's results lie from float32's on the same sounds.

    bench/arithmetic.py [--model base] COMPUTE SOUND...

Each sound, at most 30 s of it and taken for English, in its short context. Float32 chooses the tokens, greedily
and without timestamps; COMPUTE is given the same ones. Prints the relative error of the encoder's output, that
of the logits (less their mean), the mean Kullback-Leibler divergence of the next token's distribution, and how
often another token would have been chosen. Far less noisy than a word error rate: a change of the arithmetic
shows in half a minute of sound. Needs what bench/live needs, and the release build.
"""

import argparse
import tempfile

import numpy as np
from measure import children, servers, sounds


class Errors:
    """Sums of squares: what it is off, and what it should be."""

    def __init__(self):
        self.off = self.whole = 0.0

    def add(self, expected, found):
        self.off += float(np.square(found - expected).sum())
        self.whole += float(np.square(expected).sum())

    def percent(self):
        return 100 * (self.off / self.whole) ** 0.5


def written(child, n_columns, *command):
    """What the child writes when it is asked so, as rows, and its answer."""
    with tempfile.NamedTemporaryFile() as file:
        answer = child.ask(*command, file.name)
        return np.fromfile(file.name, dtype=np.float32).astype(float).reshape(-1, n_columns), answer


def log_softmax(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("compute")
    parser.add_argument("sounds", nargs="+")
    parser.add_argument("--model", default="base")
    options = parser.parse_args()
    sides = [children.ours(servers.MODELS / options.model, compute) for compute in ("float32", options.compute)]
    n_state, n_vocabulary = (sides[0].ready["info"][name] for name in ("n_audio_state", "n_vocabulary"))
    with tempfile.NamedTemporaryFile() as file:
        sounds.write(file.name, [sounds.read(path)[:30 * sounds.RATE] for path in options.sounds])
        for side in sides:
            side.ask("sounds", file.name)

    encoder, logits, divergence, n_others, n_tokens = Errors(), Errors(), 0.0, 0, 0
    for i in range(len(options.sounds)):
        (expected, answer), (found, _) = (written(side, n_state, "features", i, "short") for side in sides)
        encoder.add(expected[:answer["n_plain"]], found[:answer["n_plain"]])
        expected, answer = written(sides[0], n_vocabulary, "logits", i, "-")
        found, _ = written(sides[1], n_vocabulary, "logits", i, ",".join(map(str, answer["tokens"])) or "-")
        logits.add(expected - expected.mean(axis=1, keepdims=True), found - found.mean(axis=1, keepdims=True))
        wanted, got = log_softmax(expected), log_softmax(found)
        divergence += float((np.exp(wanted) * (wanted - got)).sum())
        n_others += int((expected.argmax(axis=1) != found.argmax(axis=1)).sum())
        n_tokens += len(expected)
    for side in sides:
        side.close()
    print(f"{options.compute}: encoder {encoder.percent():.2f} %, logits {logits.percent():.2f} %, "
          f"divergence {divergence / n_tokens:.5f}, other tokens {n_others} of {n_tokens}")


main()
