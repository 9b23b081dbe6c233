#!/usr/bin/env python3
"""A peer that gives text for sound, and nothing in between, as a child of bench/engine: one command a line, one
JSON object a line in answer.

    text_peer.py transcribe.cpp MODEL THREADS      Whisper, a ggml file (or a GGUF one of any family it knows)
    text_peer.py moonshine - THREADS               its own tiny English model, which its package has inside

    sounds PATH    what is meant below (measure/frames.py writes it)
    text I         {"seconds", "texts"}: sound I
    texts I N      the same for N sounds in one call, where there is one for many
"""

import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from measure.frames import read_frames


class TranscribeCpp:
    """Greedy, without timestamps, on the processor, as the others are measured."""

    WISHES = {"language": "en", "timestamps": "none"}

    def __init__(self, path, threads):
        import transcribe_cpp
        self.model = transcribe_cpp.Model(path, backend="cpu")
        self.session = self.model.session(n_threads=threads)

    def text(self, sound):
        return self.session.run(sound, **self.WISHES).text

    def texts(self, sounds):
        return [result.text for result in self.session.run_batch(sounds, **self.WISHES)]


class Moonshine:
    """Its runtime takes as many threads as the process has cores to run on."""

    def __init__(self, _path, threads):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
        from moonshine_voice.transcriber import ModelArch, Transcriber, get_model_path
        self.transcriber = Transcriber(get_model_path("tiny-en"), ModelArch.TINY)

    def text(self, sound):
        # It takes a list: making one of samples is its users' part, and a few milliseconds.
        lines = self.transcriber.transcribe_without_streaming(sound.tolist()).lines
        return " ".join(line.text for line in lines)

    def texts(self, sounds):
        return [self.text(sound) for sound in sounds]


KINDS = {"transcribe.cpp": TranscribeCpp, "moonshine": Moonshine}


def main():
    # What the libraries print is no answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    started = time.monotonic()
    peer, sounds = KINDS[sys.argv[1]](sys.argv[2], int(sys.argv[3])), []
    print(json.dumps({"load": time.monotonic() - started}), file=answers, flush=True)
    for line in sys.stdin:
        command, *rest = line.split()
        try:
            if command == "sounds":
                sounds = read_frames(rest[0])
                answer = {"n": len(sounds)}
            else:
                first, n = int(rest[0]), int(rest[1]) if command == "texts" else 1
                began = time.monotonic()
                texts = peer.texts(sounds[first:first + n]) if command == "texts" else [peer.text(sounds[first])]
                answer = {"seconds": time.monotonic() - began, "texts": texts}
        except Exception as problem:  # told to the parent, which drops this peer
            answer = {"error": f"{type(problem).__name__}: {problem}"}
        print(json.dumps(answer), file=answers, flush=True)


main()
