"""Recordings, as children read them, and word error rates."""

import os
import pathlib
import subprocess

import jiwer
import numpy
from measure.frames import RATE, read_frames, write  # noqa: F401: the same, for those who have this module
from whisper_normalizer.english import EnglishTextNormalizer

PROJECT = pathlib.Path(__file__).resolve().parent.parent.parent
DATA = pathlib.Path(os.environ.get("EAVESDROP_TEST_DATA", PROJECT.parent / "shared/data"))
LONG = ["librispeech-long/7312-92432.flac", "librispeech-long/1088-134315.opus"]

_normalise = EnglishTextNormalizer()


def read(path):
    raw = subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-f", "f32le", "-ac", "1",
                          "-ar", str(RATE), "-"], stdout=subprocess.PIPE, check=True).stdout
    return numpy.frombuffer(raw, dtype=numpy.float32)


def utterances():
    """The short utterances and their texts."""
    lines = (DATA / "librispeech-short/transcripts.tsv").read_text().splitlines()[1:]
    texts = {line.split("\t")[0]: line.split("\t")[4] for line in lines}
    paths = sorted((DATA / "librispeech-short").glob("*.flac"))
    return [read(path) for path in paths], [texts[path.stem] for path in paths]


def word_error_rate(references, texts):
    """In percent, with OpenAI's English normaliser."""
    return 100 * jiwer.wer([_normalise(text) for text in references], [_normalise(text) for text in texts])
