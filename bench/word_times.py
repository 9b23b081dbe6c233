#!/usr/bin/env python3
"""When each word of a folder's recordings is said: by faster-whisper's word timestamps.

    bench/word_times.py FOLDER > bench/word_times/NAME.tsv

`eavesdrop-bench live --word-times` reads the file: one line for each word, with the recording's name,
the word and the seconds from the recording's beginning at which it starts and ends. Needs
faster-whisper; model `base` (a CTranslate2 folder), beam 5, float32.
"""

import argparse
import os
import pathlib
import sys

from faster_whisper import WhisperModel

MODELS = pathlib.Path(os.environ.get(
    "EAVESDROP_TEST_MODELS",
    pathlib.Path(os.environ.get("XDG_DATA_HOME", pathlib.Path.home() / ".local/share"))
    / "eavesdrop/models"))
SOUNDS = {".flac", ".wav", ".ogg", ".opus", ".mp3", ".m4a"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--model", default=str(MODELS / "base"), help="CTranslate2 folder")
    parser.add_argument("--language", default="en")
    arguments = parser.parse_args()
    model = WhisperModel(arguments.model, device="cpu", compute_type="float32")
    files = sorted(path for path in arguments.folder.iterdir() if path.suffix in SOUNDS)
    if not files:
        sys.exit(f"word_times: no recording in {arguments.folder}")
    print("file\tword\tstart\tend")
    for path in files:
        segments, _ = model.transcribe(str(path), language=arguments.language, beam_size=5,
                                       word_timestamps=True)
        for segment in segments:
            for word in segment.words:
                print(f"{path.name}\t{word.word.strip()}\t{word.start:.2f}\t{word.end:.2f}", flush=True)


if __name__ == "__main__":
    main()
