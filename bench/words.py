#!/usr/bin/env python3
"""How far word times of `eavesdrop transcribe --word-timestamps` lie from faster-whisper's, on the same words.

    bench/words.py [--model base] [--sets short,long] [--option=--beam-size=5 ...]

Needs faster-whisper. It decodes greedily with its defaults (in order, with the model's timestamps); words that
both hear are compared: where each begins and ends. Limits (exit code 1 beyond): median at most 40 ms, 95 % within
200 ms.
"""

import argparse
import difflib
import re
import statistics
import sys

import accuracy

MEDIAN_MS, P95_MS = 40, 200


def word_key(text):
    return re.sub(r"[^\w']", "", text.lower())


def peer_words(model, files):
    import faster_whisper

    whisper = faster_whisper.WhisperModel(str(accuracy.MODELS / model), device="cpu",
                                          compute_type="float32", cpu_threads=2)
    for path in files:
        segments, _ = whisper.transcribe(str(path), beam_size=1, language="en",
                                         word_timestamps=True)
        yield path, [(word.word, word.start, word.end) for segment in segments
                     for word in segment.words]


def differences(ours, theirs):
    """Milliseconds between beginnings and between ends of the words that both have."""
    matcher = difflib.SequenceMatcher(None, [word_key(word[0]) for word in ours],
                                      [word_key(word[0]) for word in theirs], autojunk=False)
    for block in matcher.get_matching_blocks():
        for i in range(block.size):
            mine, other = ours[block.a + i], theirs[block.b + i]
            yield 1000 * (mine[1] - other[1]), 1000 * (mine[2] - other[2])


def percentile(values, share):
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="base")
    parser.add_argument("--sets", default="short,long")
    parser.add_argument("--files", type=int, help="only so many of each set")
    parser.add_argument("--option", action="append", default=[])
    arguments = parser.parse_args()
    worst = 0
    print("| set | words | begin, median | begin, 95 % | end, median | end, 95 % | signed median |")
    print("|---|---|---|---|---|---|---|")
    for name in arguments.sets.split(","):
        files = [path for path, _ in accuracy.SETS[name]()][:arguments.files]
        results, _ = accuracy.transcribe_ours(
            files, ["--model", arguments.model, "--language", "en", "--word-timestamps",
                    *arguments.option])
        pairs = []
        for path, theirs in peer_words(arguments.model, files):
            ours = [(word["word"], word["start"], word["end"])
                    for segment in results[path]["segments"] for word in segment.get("words", [])]
            pairs += differences(ours, theirs)
        begins, ends = ([abs(pair[i]) for pair in pairs] for i in (0, 1))
        print(f"| {name} | {len(pairs)} | {statistics.median(begins):.0f} ms "
              f"| {percentile(begins, 0.95):.0f} ms | {statistics.median(ends):.0f} ms "
              f"| {percentile(ends, 0.95):.0f} ms "
              f"| {statistics.median(pair[0] for pair in pairs):+.0f} ms |", flush=True)
        for values in (begins, ends):
            worst = max(worst, statistics.median(values) / MEDIAN_MS,
                        percentile(values, 0.95) / P95_MS)
    return 0 if worst <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
