"""Long read speech for benches: as many different files as are wanted."""

import numpy
import processes
import speech

DATA = processes.PROJECT.parent / "shared/data"


def recordings(folder, n):
    """n files, each of another stretch of long recordings."""
    found = sorted((DATA / "librispeech-long").rglob("*.flac")) or sorted((DATA / "librispeech-short").rglob("*.flac"))
    files = []
    for i in range(n):
        samples = speech.load(found[i % len(found)])
        files.append(speech.save(folder / f"{i}.wav", numpy.roll(samples, -(i // len(found)) * 37 * speech.RATE)))
    return files
