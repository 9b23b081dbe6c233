#!/usr/bin/env python3
"""Word error rate and cost of short contexts: how thin may the padding of a window be?

    bench/context.py [--model base] [--data ../shared/data] [--timestamps]
                     [--compute float32] SHAPE...

A SHAPE is MARGIN,STRIDE,GROWTH of whisper/context.h; 1500,1,0 is the full context. Every recording
of the speech folders is decoded by build/release/bench/engine_bench, greedy, at temperature 0 and without
falling back: short recordings whole, the long ones in the windows that a live stream would be cut into.
Prints, for each shape, the mean number of rows, the seconds of decoding and the word error rate of each
folder and of all words together (OpenAI's English normaliser; its basic one for FLEURS). Needs what bench/segmenter.py needs.
"""

import argparse
import pathlib
import subprocess
import sys
import time

from measure import children
from segmenter import NORMALISERS, RATE, recordings, score, sound_of

PROJECT = pathlib.Path(__file__).resolve().parent.parent
BUILD = PROJECT / "build/release/bench"
FOLDERS = ["librispeech-short", "librispeech-long", "telephone-8k", "fleurs"]
ROWS = 1500


def windows(sound, vad):
    """What a live stream would be cut into, as sounds."""
    if len(sound) <= 30 * RATE:
        return [sound]
    done = subprocess.run([BUILD / "segmenter_windows", vad], input=sound.tobytes(), check=True,
                          stdout=subprocess.PIPE)
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    return [sound[int(float(line[0]) * RATE):int(float(line[1]) * RATE)] for line in lines]


def rows_kept(n_samples, shape):
    """As context.c counts them."""
    margin, stride, growth = shape
    plain = min(min((n_samples // 160 + 1) // 2 + 1, ROWS) + margin, ROWS)
    row, kept, alike = plain, plain, 0
    while row < ROWS:
        row, kept, alike = row + stride, kept + 1, alike + 1
        if alike == growth:
            stride, alike = stride * 2, 0
    return kept


def decode(options, shape, language, sounds):
    wishes = ["is_single_pass=true", "no_fallback=true"]
    wishes += [f"language={language}"] if language else []
    wishes += [] if options.timestamps else ["without_timestamps=true"]
    started = time.monotonic()
    answers = children.answers(options.child, sounds, wishes, ",".join(map(str, shape)))
    return [children.text(answer) for answer in answers], time.monotonic() - started


def measure(options, shape, by_language):
    """The word error rate of each folder, seconds, mean rows."""
    pairs, seconds, rows = {}, 0, []
    for language, entries in by_language.items():
        sounds = [sound for _, parts, _ in entries for sound in parts]
        texts, took = decode(options, shape, language, sounds)
        seconds += took
        rows += [rows_kept(len(sound), shape) for sound in sounds]
        texts = iter(texts)
        for folder, parts, reference in entries:
            normalise = NORMALISERS["" if folder == "fleurs" else "en"]
            text = " ".join(next(texts) for _ in parts)
            pairs.setdefault(folder, []).append((normalise(reference), normalise(text)))
    rates = {folder: score(found) for folder, found in pairs.items()}
    rates["all"] = score([pair for found in pairs.values() for pair in found])
    return rates, seconds, sum(rows) / len(rows)


def main():
    home = pathlib.Path.home() / ".local/share/eavesdrop/models"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("shapes", nargs="+", metavar="SHAPE")
    parser.add_argument("--model", default="base")
    parser.add_argument("--models", default=home, type=pathlib.Path)
    parser.add_argument("--data", default=PROJECT.parent / "shared/data")
    parser.add_argument("--folders", default=",".join(FOLDERS))
    parser.add_argument("--timestamps", action="store_true")
    parser.add_argument("--compute", default="float32", help="float32 or int8")
    options = parser.parse_args()
    options.child = children.ours(options.models / options.model, options.compute)
    vad = next((options.models / "silero-vad").glob("*.safetensors"))

    by_language = {}
    for folder, path, language, reference in recordings(str(options.data), options.folders.split(",")):
        if options.model.endswith(".en") and language != "en":
            continue
        by_language.setdefault(language, []).append((folder, windows(sound_of(path), vad), reference))
    folders = sorted({entry[0] for entries in by_language.values() for entry in entries}) + ["all"]
    print("shape", "rows", "seconds", *folders, sep="\t")
    for text in options.shapes:
        shape = tuple(int(part) for part in text.split(","))
        rates, seconds, rows = measure(options, shape, by_language)
        rates = [f"{rates[folder]:.2f}" for folder in folders]
        print(text, f"{rows:.0f}", f"{seconds:.1f}", *rates, sep="\t", flush=True)
    return 0


sys.exit(main())
