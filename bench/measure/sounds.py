"""Recordings, as children read them, and word error rates."""

import os
import pathlib
import struct
import subprocess

import jiwer
import numpy
from whisper_normalizer.english import EnglishTextNormalizer

RATE = 16000
PROJECT = pathlib.Path(__file__).resolve().parent.parent.parent
DATA = pathlib.Path(os.environ.get("EAVESDROP_TEST_DATA", PROJECT.parent / "shared/data"))
LONG = ["librispeech-long/7312-92432.flac", "librispeech-long/1088-134315.opus"]

_normalise = EnglishTextNormalizer()


def read(path):
    raw = subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-f", "f32le", "-ac", "1",
                          "-ar", str(RATE), "-"], stdout=subprocess.PIPE, check=True).stdout
    return numpy.frombuffer(raw, dtype=numpy.float32)


def write(path, sounds):
    """The sounds in one file: each a count of samples, then the samples."""
    with open(path, "wb") as file:
        for sound in sounds:
            file.write(struct.pack("<I", len(sound)) + sound.tobytes())


def read_frames(path):
    """What write() wrote."""
    raw = pathlib.Path(path).read_bytes()
    sounds, at = [], 0
    while at < len(raw):
        n = struct.unpack_from("<I", raw, at)[0]
        sounds.append(numpy.frombuffer(raw, numpy.float32, n, at + 4))
        at += 4 + 4 * n
    return sounds


def utterances():
    """The short utterances and their texts."""
    lines = (DATA / "librispeech-short/transcripts.tsv").read_text().splitlines()[1:]
    texts = {line.split("\t")[0]: line.split("\t")[4] for line in lines}
    paths = sorted((DATA / "librispeech-short").glob("*.flac"))
    return [read(path) for path in paths], [texts[path.stem] for path in paths]


def word_error_rate(references, texts):
    """In percent, with OpenAI's English normaliser."""
    return 100 * jiwer.wer([_normalise(text) for text in references], [_normalise(text) for text in texts])
