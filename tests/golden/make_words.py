#!/usr/bin/env python3
"""Writes words.json: word times of faster-whisper (tiny.en, greedy, without timestamps) for the engine's tests.

    tests/golden/make_words.py MODEL DATA
"""

import json
import pathlib
import sys

from faster_whisper import WhisperModel

FILES = ["librispeech-short/1088-134318-0001.flac", "librispeech-short/1088-134318-0002.flac"]

whisper = WhisperModel(sys.argv[1], device="cpu", compute_type="float32")
golden = []
for file in FILES:
    segments, _ = whisper.transcribe(str(pathlib.Path(sys.argv[2]) / file), language="en", beam_size=1,
                                     without_timestamps=True, word_timestamps=True)
    # Only the first one: what it makes of the silence behind the last word is no speech.
    golden.append({"file": file, "words": [
        {"word": word.word, "start": round(float(word.start), 2), "end": round(float(word.end), 2),
         "probability": round(float(word.probability), 3)} for word in next(iter(segments)).words]})
pathlib.Path(__file__).with_name("words.json").write_text(json.dumps(golden) + "\n")
