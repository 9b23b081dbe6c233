#!/usr/bin/env python3
"""Does the gate in front of the detector (vad/energy_gate.h) miss a word's start? Every recording of
speech is put into a room's steady noise, with 4 to 8 s of it before, as it is, quieter, noisier, by
telephone (A-law, 8 kHz), and with digital silence around. `segmenter_windows` is run on all of it
with and without the gate; printed are the windows without it, how many of them the gate has not
at all, how much later than without it the others begin, and the detector's time per hour of sound.

    build/venv/bin/python bench/gate.py --vad .../silero_vad_16k.safetensors [--data ../shared/data]
"""

import argparse
import resource
import subprocess
import sys
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/e2e"))
import speech
from quiet_streams import room_noise

PROJECT = Path(__file__).resolve().parent.parent
FOLDERS = ("librispeech-short", "librispeech-long", "fleurs", "telephone-8k", "misc")
SOUNDS = {".flac", ".opus", ".ogg", ".wav", ".mp3"}
SPEECH_LEVEL = -26  # dBFS, of what is louder than the recording's own pauses
LATE = 0.05  # seconds: less is no word's start

# name: (gain of everything in dB, noise below speech in dB, A-law at 8 kHz?)
CONDITIONS = {
    "digital silence": (0, None, False),
    "quiet room": (0, 40, False),
    "noisy room": (0, 15, False),
    "far away": (-30, 20, False),
    "telephone": (0, 30, True),
    "far away, telephone": (-20, 20, True),
}


def recordings(data):
    paths = [p for name in FOLDERS for p in sorted((data / name).iterdir()) if p.suffix in SOUNDS]
    return [speech.load(path) for path in paths]


def levelled(samples):
    """At SPEECH_LEVEL where it is loud."""
    frames = samples[: len(samples) // 512 * 512].reshape(-1, 512)
    powers = numpy.mean((frames - frames.mean(axis=1, keepdims=True)) ** 2, axis=1)
    loud = numpy.mean(numpy.sort(powers)[len(powers) // 2 :])
    return samples * numpy.sqrt(10 ** (SPEECH_LEVEL / 10) / loud)


def through(command, samples):
    done = subprocess.run(command, input=samples.tobytes(), capture_output=True, check=True)
    return numpy.frombuffer(done.stdout, "<f4")


def coded(samples, codec):
    """What is left of it behind that codec."""
    raw = ["-f", "f32le", "-ar", str(speech.RATE), "-ac", "1"]
    to = {"alaw": ["-c:a", "pcm_alaw", "-ar", "8000", "-f", "wav"], "s16": ["-c:a", "pcm_s16le", "-f", "wav"]}[codec]
    base = ["ffmpeg", "-v", "error", "-nostdin"]
    first = subprocess.run([*base, *raw, "-i", "pipe:0", *to, "pipe:1"], input=samples.tobytes(), capture_output=True, check=True)
    second = subprocess.run([*base, "-i", "pipe:0", *raw, "pipe:1"], input=first.stdout, capture_output=True, check=True)
    return numpy.frombuffer(second.stdout, "<f4")


def stream(sounds, condition, seed=1):
    gain, below, is_telephone = condition
    dice = numpy.random.default_rng(seed)
    parts = []
    for sound in sounds:
        parts += [numpy.zeros(int(dice.uniform(4, 8) * speech.RATE), "<f4"), levelled(sound)]
    whole = numpy.concatenate([*parts, numpy.zeros(4 * speech.RATE, "<f4")]).astype("<f4")
    if below is not None:
        noise = room_noise(60, SPEECH_LEVEL - below, seed)
        whole = whole + numpy.resize(noise, len(whole))
    whole = (whole * 10 ** (gain / 20)).astype("<f4")
    return coded(whole, "alaw" if is_telephone else "s16")


def windows(program, vad, sound, *options):
    """([(begin, end) in seconds], processor seconds)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run([program, vad, *options], input=sound.tobytes(), capture_output=True, check=True)
    passed = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    return [tuple(map(float, line.split()[:2])) for line in done.stdout.decode().splitlines()], passed


def compare(without, with_gate):
    """(windows without the gate that it has not, how much later each of the others begins)."""
    missing, later = [], []
    for begin, end in without:
        found = [b for b, e in with_gate if b < end and e > begin]
        if found:
            later.append(max(0.0, min(found) - begin))
        else:
            missing.append((begin, end))
    return missing, later


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--vad", required=True)
    parser.add_argument("--program", default=str(PROJECT / "build/release/bench/segmenter_windows"))
    parser.add_argument("--data", type=Path, default=PROJECT.parent / "shared/data")
    options = parser.parse_args()
    sounds = recordings(options.data)
    print(f"{'condition':20} {'windows':>8} {'missing':>8} {'late':>5} {'latest, s':>10} {'CPU s/h':>8} {'gated':>7}")
    for name, condition in CONDITIONS.items():
        sound = stream(sounds, condition)
        without, cpu_without = windows(options.program, options.vad, sound, "gate=0")
        with_gate, cpu_with = windows(options.program, options.vad, sound, "gate=1")
        missing, later = compare(without, with_gate)
        hours = len(sound) / speech.RATE / 3600
        n_late = sum(seconds > LATE for seconds in later)
        print(
            f"{name:20} {len(without):8} {len(missing):8} {n_late:5} {max(later):10.2f}"
            f" {cpu_without / hours:8.2f} {cpu_with / hours:7.2f}",
            flush=True,
        )
        for begin, end in missing:
            print(f"    missing: {begin:.2f} to {end:.2f}")
    for level in (-45, -55, -70):
        sound = coded(numpy.resize(room_noise(120, level, 5), 1200 * speech.RATE), "alaw")
        found, cpu_with = windows(options.program, options.vad, sound, "gate=1")
        _, cpu_without = windows(options.program, options.vad, sound, "gate=0")
        print(f"noise at {level} dBFS   {len(found):8} {'':8} {'':5} {'':10} {3 * cpu_without:8.2f} {3 * cpu_with:7.2f}")


if __name__ == "__main__":
    main()
