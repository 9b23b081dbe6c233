#!/usr/bin/env python3
"""Word error rate and speed of `eavesdrop transcribe` beside faster-whisper, on the same audio.

    bench/accuracy.py [--model base] [--sets short,long,fleurs,telephone] [--peer] [--rounds 1]

Needs numpy, jiwer, whisper-normalizer (OpenAI's normalisers) and, with --peer, faster-whisper. English is
scored with OpenAI's English normaliser, FLEURS with Whisper's basic one. Both are greedy, ours unless
--option=--beam-size=N says otherwise. Speed is the time of whole
passes over the same files, ours and the peer's in turn; quote the ratio, not the seconds.
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import time

import jiwer
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

PROJECT = pathlib.Path(__file__).resolve().parent.parent
DATA = pathlib.Path(os.environ.get("EAVESDROP_TEST_DATA", PROJECT.parent / "shared/data"))
MODELS = pathlib.Path(os.environ.get(
    "EAVESDROP_TEST_MODELS",
    pathlib.Path(os.environ.get("XDG_DATA_HOME", pathlib.Path.home() / ".local/share"))
    / "eavesdrop/models"))


def load_short():
    lines = (DATA / "librispeech-short/transcripts.tsv").read_text().splitlines()[1:]
    references = {line.split("\t")[0]: line.split("\t")[4] for line in lines}
    return [(path, references[path.stem])
            for path in sorted((DATA / "librispeech-short").glob("*.flac"))]


def load_beside(folder, pattern):
    return [(path, path.with_suffix(".txt").read_text())
            for path in sorted((DATA / folder).glob(pattern)) if path.with_suffix(".txt").exists()]


SETS = {
    "short": lambda: load_short(),
    "long": lambda: [pair for pair in load_beside("librispeech-long", "*.*")
                     if pair[0].suffix in (".flac", ".opus", ".ogg")],
    "fleurs": lambda: load_beside("fleurs", "*.ogg"),
    "telephone": lambda: load_beside("telephone-8k", "*.wav"),
}


def transcribe_ours(files, options):
    """{path: json} and the seconds of one pass in one process."""
    started = time.monotonic()
    done = subprocess.run(
        [str(PROJECT / "build/release/eavesdrop"), "transcribe", "--format", "json", *options,
         *map(str, files)], stdout=subprocess.PIPE, check=True, text=True)
    seconds = time.monotonic() - started
    results = [json.loads(line) for line in done.stdout.splitlines()]
    return {pathlib.Path(result["file"]): result for result in results}, seconds


PEER = """
import json, sys, time
from faster_whisper import WhisperModel
model, compute, language, long_form = sys.argv[1:5]
whisper = WhisperModel(model, device="cpu", compute_type=compute, cpu_threads=2)
if long_form == "batched":
    from faster_whisper import BatchedInferencePipeline
    whisper = BatchedInferencePipeline(whisper)
started = time.monotonic()
for path in sys.argv[5:]:
    extra = {"batch_size": 8} if long_form == "batched" else {}
    segments, info = whisper.transcribe(path, beam_size=1, language=language or None, **extra)
    print(json.dumps({"file": path, "language": info.language,
                      "segments": [{"text": segment.text} for segment in segments]}), flush=True)
print(json.dumps({"seconds": time.monotonic() - started}))
"""


def transcribe_peer(files, model, compute, language, long_form):
    done = subprocess.run([sys.executable, "-c", PEER, str(model), compute, language, long_form,
                           *map(str, files)], stdout=subprocess.PIPE, check=True, text=True)
    *results, last = [json.loads(line) for line in done.stdout.splitlines()]
    return {pathlib.Path(result["file"]): result for result in results}, last["seconds"]


def score(pairs, results, normalise):
    references, hypotheses = [], []
    for path, reference in pairs:
        text = "".join(segment["text"] for segment in results[path]["segments"])
        references.append(normalise(reference))
        hypotheses.append(normalise(text))
    return 100 * jiwer.wer(references, hypotheses)


def language_of(path):
    return path.stem.split("-")[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="base")
    parser.add_argument("--sets", default="short,long,fleurs,telephone")
    parser.add_argument("--peer", action="store_true", help="run faster-whisper too")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--option", action="append", default=[], help="passed to transcribe")
    arguments = parser.parse_args()
    model = MODELS / arguments.model
    for name in arguments.sets.split(","):
        pairs = SETS[name]()
        files = [path for path, _ in pairs]
        normalise = BasicTextNormalizer() if name == "fleurs" else EnglishTextNormalizer()
        language = "" if name == "fleurs" else "en"
        options = ["--model", str(model), *arguments.option]
        if not any(option.startswith("--beam-size") for option in arguments.option):
            options += ["--beam-size", "1"]
        if language:
            options += ["--language", language]
        for _ in range(arguments.rounds):
            ours, seconds = transcribe_ours(files, options)
            memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            print(f"{name}: eavesdrop {arguments.model}: WER {score(pairs, ours, normalise):.2f} %, "
                  f"{seconds:.1f} s, largest child {memory:.0f} MB")
            if name == "long":
                for pair in pairs:
                    print(f"    {pair[0].stem}: WER {score([pair], ours, normalise):.2f} %")
            if name == "fleurs":
                wrong = [path.stem for path in files if ours[path]["language"] != language_of(path)]
                print(f"    languages wrong: {wrong or 'none'}")
            if not arguments.peer:
                continue
            for compute in ("float32", "int8"):
                for long_form in ("sequential", "batched") if name == "long" else ("sequential",):
                    peer, peer_seconds = transcribe_peer(files, model, compute, language, long_form)
                    print(f"{name}: faster-whisper {compute} {long_form}: "
                          f"WER {score(pairs, peer, normalise):.2f} %, {peer_seconds:.1f} s, "
                          f"ratio {peer_seconds / seconds:.2f}")


if __name__ == "__main__":
    main()
