#!/usr/bin/env python3
"""Word error rate of windows: which constants of the segmenter serve Whisper best?

  segmenter.py --program windows --vad silero_vad_16k.safetensors --model base-folder \
               --data ../shared/data [--folders long,...] [--timestamps] [--ours OPTIONS] [CONFIG...]

Every recording with a reference is cut by `program` (bench/segmenter_windows.c), each window is
decoded on its own by faster-whisper (float32, greedy, no fallback), and the joined text is
scored against the reference. CONFIG is a comma-separated list of the program's options, for
instance `files=1,pause=2,padding=0.3`; `none` decodes the whole recording as faster-whisper does
without voice activity. Decoded windows are remembered in --cache, so that a sweep only pays for
windows it has not seen. With --ours the decoder is our own (build/release/bench/engine_bench), with these
options (`--ours "compute=int8 beam=5"`: compute, beam, shape, and those that engine_bench.c names), without
timestamps and with nothing remembered. Needs faster-whisper (but not with --ours), jiwer, whisper-normalizer
(OpenAI's normalisers) and ffmpeg.
"""

import argparse
import glob
import os
import pickle
import subprocess
import sys

import numpy as np
from measure import children
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

RATE = 16000
NORMALISERS = {"en": EnglishTextNormalizer(), "": BasicTextNormalizer()}


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def recordings(data, folders):
    """Yields (folder, path, language, reference)."""
    for folder in folders:
        root = os.path.join(data, folder)
        transcripts = os.path.join(root, "transcripts.tsv")
        listed = {}
        if os.path.exists(transcripts):
            rows = [line.split("\t") for line in text_of(transcripts).splitlines()]
            listed = {row[1]: row[-1] for row in rows}
        for path in sorted(glob.glob(os.path.join(root, "*"))):
            stem, extension = os.path.splitext(path)
            if extension in (".txt", ".tsv"):
                continue
            name = os.path.basename(stem)
            language = name.split("-")[1] if folder == "fleurs" else "en"
            reference = listed.get(os.path.basename(path))
            if reference is None and os.path.exists(stem + ".txt"):
                reference = text_of(stem + ".txt")
            if reference is not None:
                yield folder, path, language, reference


def sound_of(path):
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", path]
    command += ["-ac", "1", "-ar", str(RATE), "-f", "f32le", "-"]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.float32)


def windows_of(arguments, config, sound):
    command = [arguments.program, arguments.vad] + [o for o in config.split(",") if o]
    done = subprocess.run(command, input=sound.tobytes(), capture_output=True, check=True)
    rows = [line.split() for line in done.stdout.decode().splitlines()]
    return [(round(float(r[0]) * RATE), round(float(r[1]) * RATE)) for r in rows]


class OurDecoder:
    def __init__(self, arguments):
        options = dict(option.split("=", 1) for option in arguments.ours.split())
        self.child = children.ours(arguments.model, options.pop("compute", "float32"))
        self.beam, self.shape = options.pop("beam", 1), options.pop("shape", "-")
        self.wishes = ["without_timestamps=true", *(f"{name}={value}" for name, value in options.items())]

    def texts(self, _path, sound, windows, language):
        wishes = self.wishes + ([f"language={language}"] if language else [])
        sounds = [sound[begin:end] for begin, end in windows]
        return [children.text(answer) for answer in children.answers(self.child, sounds, wishes, self.shape, self.beam)]

    def save(self):
        pass


class Decoder:
    def __init__(self, arguments):
        from faster_whisper import WhisperModel

        self.model = WhisperModel(arguments.model, compute_type="float32", cpu_threads=2)
        self.timestamps = arguments.timestamps
        self.path = arguments.cache
        self.cache = {}
        if os.path.exists(self.path):
            with open(self.path, "rb") as file:
                self.cache = pickle.load(file)

    def text(self, path, sound, begin, end, language):
        key = (os.path.basename(path), begin, end, self.timestamps)
        if key not in self.cache:
            segments, _ = self.model.transcribe(
                sound[begin:end],
                language=language,
                beam_size=1,
                temperature=0.0,
                condition_on_previous_text=False,
                without_timestamps=not self.timestamps,
                vad_filter=False,
            )
            self.cache[key] = " ".join(segment.text.strip() for segment in segments)
        return self.cache[key]

    def texts(self, path, sound, windows, language):
        return [self.text(path, sound, *window, language) for window in windows]

    def save(self):
        with open(self.path, "wb") as file:
            pickle.dump(self.cache, file)


def word_errors(reference, hypothesis):
    """Substitutions, insertions and deletions between two lists of words (Levenshtein)."""
    row = list(range(len(hypothesis) + 1))
    for i, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(hypothesis, 1):
            best = min(diagonal + (word != other), row[j] + 1, row[j - 1] + 1)
            diagonal, row[j] = row[j], best
    return row[-1]


def score(pairs):
    words = [(r.split(), h.split()) for r, h in pairs]
    return 100 * sum(word_errors(r, h) for r, h in words) / sum(len(r) for r, _ in words)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ("--program", "--vad", "--model", "--data"):
        parser.add_argument(name, required=True)
    parser.add_argument("--folders", default="librispeech-long,librispeech-short,fleurs,telephone-8k,misc")
    parser.add_argument("--timestamps", action="store_true")
    parser.add_argument("--ours", metavar="OPTIONS", help="decode by our own engine")
    parser.add_argument("--cache", default="/tmp/segmenter-windows.pickle")
    parser.add_argument("--every", type=int, default=1, help="only every n-th recording")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("configs", nargs="*", default=[""])
    arguments = parser.parse_args()
    decoder = OurDecoder(arguments) if arguments.ours else Decoder(arguments)
    found = list(recordings(arguments.data, arguments.folders.split(",")))[:: arguments.every]
    found = [(*recording, sound_of(recording[1])) for recording in found]
    for config in arguments.configs or [""]:
        pairs, n_windows, seconds = {}, 0, 0.0
        for folder, path, language, reference, sound in found:
            windows = [(0, len(sound))] if config == "none" else windows_of(arguments, config, sound)
            n_windows += len(windows)
            seconds += sum(end - begin for begin, end in windows) / RATE
            text = " ".join(decoder.texts(path, sound, windows, language))
            normalise = NORMALISERS.get(language, NORMALISERS[""])
            pair = (normalise(reference), normalise(text))
            group = os.path.basename(path) if folder in ("librispeech-long", "misc") else folder
            pairs.setdefault(group, []).append(pair)
            if arguments.verbose:
                print(f"  {score([pair]):6.2f} {len(windows):3d} {os.path.basename(path)}")
        print(config or "default", f"windows {n_windows} seconds {seconds:.0f}", end="")
        for group, group_pairs in pairs.items():
            print(f" | {group} {score(group_pairs):.2f}", end="")
        print(f" | all {score([p for g in pairs.values() for p in g]):.2f}", flush=True)
        decoder.save()


if __name__ == "__main__":
    sys.exit(main())
