#!/usr/bin/env python3
"""Words lost where a quiet talker and a loud one are in one window.

    build/venv/bin/python bench/pairs.py [--model base] [--program build/release/eavesdrop] [--option=...]

Four pairs of utterances of librispeech-short, the first or the second 18, 25 or 30 dB quieter, in both orders, 0.2 s
between: 24 recordings, through `eavesdrop transcribe` of each --program (give two to compare). Needs numpy, jiwer,
whisper-normalizer. A word is lost that the reference has and the text has nothing in its place for.
"""

import argparse
import itertools
import pathlib
import subprocess
import sys
import tempfile

import accuracy
import jiwer
import numpy
from whisper_normalizer.english import EnglishTextNormalizer

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/e2e"))
import speech  # noqa: E402

PAIRS = (("1737-146161-0015", "3664-178355-0019"), ("6272-70171-0023", "6848-252323-0002"))
QUIETER = (18, 25, 30)  # dB
PAUSE = 0.2             # seconds


def pairs():
    """Two that are known to have gone wrong, and two by their place among all."""
    names = [path.stem for path, _ in accuracy.SETS["short"]()]
    return PAIRS + tuple((names[i], names[i + len(names) // 2]) for i in (3, 11))


def recordings(folder):
    """[(path, reference)]"""
    references = {path.stem: (path, text) for path, text in accuracy.SETS["short"]()}
    for names, quieter, quiet in itertools.product(pairs(), QUIETER, (0, 1)):
        sounds = [speech.load(references[name][0]) for name in names]
        sounds[quiet] = sounds[quiet] * 10 ** (-quieter / 20)
        path = folder / f"{'-'.join(names)}-{quieter}-{quiet}.wav"
        speech.save(path, numpy.concatenate([sounds[0], speech.silence(PAUSE), sounds[1]]))
        yield path, " ".join(references[name][1] for name in names)


def transcribe(program, path, options):
    done = subprocess.run([program, "transcribe", "--language", "en", *options, str(path)],
                          stdout=subprocess.PIPE, check=True, text=True)
    return done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="base")
    parser.add_argument("--program", action="append")
    parser.add_argument("--option", action="append", default=[])
    arguments = parser.parse_args()
    normalise = EnglishTextNormalizer()
    with tempfile.TemporaryDirectory() as folder:
        scenes = list(recordings(pathlib.Path(folder)))
        for program in arguments.program or [str(HERE.parent / "build/release/eavesdrop")]:
            total = numpy.zeros(4, int)
            for path, reference in scenes:
                text = transcribe(program, path, ["--model", arguments.model, *arguments.option])
                measures = jiwer.process_words(normalise(reference), normalise(text) or "")
                counts = (measures.deletions, measures.substitutions, measures.insertions,
                          len(normalise(reference).split()))
                total += counts
                if measures.deletions > 3:
                    print(f"  {path.stem}: {measures.deletions} of {counts[3]} lost", flush=True)
            lost, wrong, added, n = total
            print(f"{program}: of {n} words {lost} lost, {wrong} others, {added} more", flush=True)


if __name__ == "__main__":
    main()
