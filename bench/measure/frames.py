"""Sounds in one file, as the children read them: needs numpy alone, which every child's venv has."""

import pathlib
import struct

import numpy

RATE = 16000


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
