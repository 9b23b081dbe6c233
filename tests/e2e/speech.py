"""Speech for tests: recordings as samples, their reference texts, and word error rates."""

import re
import subprocess
from pathlib import Path

import jiwer
import numpy
from whisper_normalizer.english import EnglishTextNormalizer

RATE = 16000  # Hz, mono float: what servers of these protocols take

_normalise = EnglishTextNormalizer()


def load(path, seconds=None, start=0):
    """Samples of any recording, by ffmpeg: float32, mono, RATE."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-ss", str(start), "-i", str(path)]
    if seconds is not None:
        command += ["-t", str(seconds)]
    command += ["-f", "f32le", "-ac", "1", "-ar", str(RATE), "pipe:1"]
    return numpy.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, "<f4")


def save(path, samples):
    """Write samples as a 16-bit WAV file."""
    command = ["ffmpeg", "-v", "error", "-y", "-f", "f32le", "-ar", str(RATE), "-ac", "1"]
    command += ["-i", "pipe:0", "-c:a", "pcm_s16le", str(path)]
    subprocess.run(command, check=True, input=samples.astype("<f4").tobytes())
    return path


def silence(seconds):
    return numpy.zeros(int(seconds * RATE), "<f4")


def words(text):
    """The text's words as OpenAI's English normaliser leaves them."""
    return _normalise(text).split()


def error_rate(reference, hypothesis):
    """Word error rate after OpenAI's English normaliser: 0.05 is one word in twenty."""
    return jiwer.wer(_normalise(reference), _normalise(hypothesis) or "")


def srt_segments(text):
    """[(start, end, text)] of an SRT file; times in seconds."""
    stamp = r"(\d+):(\d+):(\d+),(\d+)"
    found = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.splitlines()
        if len(lines) < 2:
            continue
        match = re.fullmatch(f"{stamp} --> {stamp}", lines[1].strip())
        assert match, f"not an SRT time line: {lines[1]!r}"
        numbers = [int(group) for group in match.groups()]
        start, end = (h * 3600 + m * 60 + s + ms / 1000 for h, m, s, ms in (numbers[:4], numbers[4:]))
        found.append((start, end, " ".join(lines[2:])))
    return found


def srt_text(text):
    return " ".join(segment[2].strip() for segment in srt_segments(text))


def librispeech_long(data, name, start, seconds):
    """(samples, reference) of whole utterances of a long chapter, beginning with the first one
    after `start`, about `seconds` long."""
    folder = Path(data) / "librispeech-long"
    path = next(p for p in folder.glob(name + ".*") if p.suffix in (".flac", ".opus"))
    chosen = []
    for line in (folder / f"{name}.segments.tsv").read_text().splitlines()[1:]:
        begin, end, _, text = line.split("\t")
        if float(begin) >= start and float(end) <= start + seconds:
            chosen.append((float(begin), float(end), text))
    assert chosen, f"no utterance of {name} within {start}..{start + seconds} s"
    first, last = chosen[0][0], chosen[-1][1]
    return load(path, last - first, first), " ".join(text for _, _, text in chosen)
