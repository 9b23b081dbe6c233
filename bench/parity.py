#!/usr/bin/env python3
"""The engine beside faster-whisper and CTranslate2 (float32) on the same real audio.

    bench/parity.py [--model base] [--files 69] [--rounds 1] [--threads 2] [--beam 1]
                    [--golden]

Compares log-mel (limit 1e-4), the encoder's output (cosine at least 0.9999), tokens (identical on
at least 95 % of the utterances), word error rate (OpenAI's English normaliser) and speed (both in turn,
utterance by utterance). --golden writes tests/golden/whisper.json instead, which the unit tests hold the
engine to. Needs faster-whisper, numpy, jiwer, an English normaliser (whisper-normalizer or
openai-whisper) and ffmpeg; engine_dump must be built.
"""

import argparse
import json
import os
import pathlib
import struct
import subprocess
import sys
import time

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.feature_extractor import FeatureExtractor

PROJECT = pathlib.Path(__file__).resolve().parent.parent
DATA = pathlib.Path(os.environ.get("EAVESDROP_TEST_DATA", PROJECT.parent / "shared/data"))
MODELS = pathlib.Path(os.environ.get(
    "EAVESDROP_TEST_MODELS",
    pathlib.Path(os.environ.get("XDG_DATA_HOME", pathlib.Path.home() / ".local/share"))
    / "eavesdrop/models"))
DUMP = PROJECT / "build/release/bench/engine_dump"

GOLDEN_FILES = ["1088-134318-0001", "1088-134318-0002", "1737-146161-0002"]
MEL_STEP, ENCODER_STEP = 997, 2503  # primes, so that the samples wander over all bins and columns


def read_sound(path):
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-f", "f32le", "-ac", "1", "-ar",
                          "16000", "-"], stdout=subprocess.PIPE, check=True).stdout
    return np.frombuffer(raw, dtype=np.float32)


def frame(sound):
    return struct.pack("<I", len(sound)) + sound.tobytes()


class Ours:
    """engine_dump as a child that answers sound by sound."""

    def __init__(self, model, threads, beam):
        self.child = subprocess.Popen(
            [DUMP, MODELS / model, "tokens", "--threads", str(threads), "--language", "en",
             "--context", "1500,1,0", "--beam", str(beam)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def transcribe(self, sound):
        self.child.stdin.write(frame(sound))
        self.child.stdin.flush()
        return json.loads(self.child.stdout.readline())

    def close(self):
        self.child.stdin.close()
        self.child.wait()


def dump(model, what, sound):
    raw = subprocess.run([DUMP, MODELS / model, what], input=frame(sound), stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, check=True).stdout
    return np.frombuffer(raw, dtype=np.float32)


def peer_features(model, sound):
    """Log-mel [bins, frames] and the encoder's output [1500, n_state]."""
    mel = FeatureExtractor(feature_size=80)(sound)
    window = mel[:, :len(sound) // 160]
    window = np.pad(window, ((0, 0), (0, 3000 - window.shape[1])))[None].astype(np.float32)
    encoded = model.model.encode(
        ctranslate2.StorageView.from_array(np.ascontiguousarray(window)))
    return mel, np.array(encoded)[0]


def peer_transcribe(model, sound, beam=1):
    segments = list(model.transcribe(sound, beam_size=beam, language="en")[0])
    return [t for s in segments for t in s.tokens], "".join(s.text for s in segments)


def write_golden(threads):
    golden = {"mel_step": MEL_STEP, "encoder_step": ENCODER_STEP, "models": {}}
    for name in ("tiny.en", "base"):
        model = WhisperModel(str(MODELS / name), device="cpu", compute_type="float32",
                             cpu_threads=threads)
        entries = golden["models"][name] = []
        for stem in GOLDEN_FILES:
            sound = read_sound(DATA / "librispeech-short" / f"{stem}.flac")
            mel, encoded = peer_features(model, sound)
            entries.append({
                "file": f"librispeech-short/{stem}.flac",
                "mel": [round(float(v), 7) for v in mel.T.ravel()[::MEL_STEP]],
                "encoder": [round(float(v), 6) for v in encoded.ravel()[::ENCODER_STEP]],
                "tokens": peer_transcribe(model, sound)[0],
                "tokens_beam_5": peer_transcribe(model, sound, 5)[0]})
    path = PROJECT / "tests/golden/whisper.json"
    path.write_text(json.dumps(golden, separators=(",", ":")).replace("{\"file\"", "\n{\"file\"")
                    + "\n")
    print(f"wrote {path}")


def english_normalizer():
    try:
        from whisper_normalizer.english import EnglishTextNormalizer
    except ImportError:
        from whisper.normalizers import EnglishTextNormalizer
    return EnglishTextNormalizer()


def compare_features(name, model, sounds):
    mel_difference, cosines = 0.0, []
    for sound in sounds[:8]:
        mel, encoded = peer_features(model, sound)
        mel_difference = max(mel_difference, float(np.abs(
            dump(name, "log-mel", sound).reshape(-1, 80).T - mel).max()))
        ours = dump(name, "encoder", sound)
        theirs = encoded.ravel()
        cosines.append(float(ours @ theirs / np.sqrt((ours @ ours) * (theirs @ theirs))))
    print(f"log-mel: largest difference {mel_difference:.2e}; encoder: smallest cosine "
          f"{min(cosines):.7f}")
    return mel_difference <= 1e-4 and min(cosines) >= 0.9999


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="base")
    parser.add_argument("--files", type=int, default=69)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--beam", type=int, default=1, help="beams of both")
    parser.add_argument("--golden", action="store_true")
    arguments = parser.parse_args()
    if arguments.golden:
        write_golden(arguments.threads)
        return 0

    import jiwer
    lines = (DATA / "librispeech-short/transcripts.tsv").read_text().splitlines()[1:]
    references = {line.split("\t")[0]: line.split("\t")[4] for line in lines}
    paths = sorted((DATA / "librispeech-short").glob("*.flac"))[:arguments.files]
    sounds = [read_sound(path) for path in paths]
    peer = WhisperModel(str(MODELS / arguments.model), device="cpu", compute_type="float32",
                        cpu_threads=arguments.threads)
    is_good = compare_features(arguments.model, peer, sounds)

    ours = Ours(arguments.model, arguments.threads, arguments.beam)
    seconds = [0.0, 0.0]
    texts, identical, different = [[], []], 0, []
    for turn in range(arguments.rounds):
        for path, sound in zip(paths, sounds):
            started = time.monotonic()
            answer = ours.transcribe(sound)
            between = time.monotonic()
            tokens, text = peer_transcribe(peer, sound, arguments.beam)
            seconds[0] += between - started
            seconds[1] += time.monotonic() - between
            if turn > 0:
                continue
            texts[0].append("".join(s["text"] for s in answer["segments"]))
            texts[1].append(text)
            if [t for s in answer["segments"] for t in s["tokens"]] == tokens:
                identical += 1
            else:
                different.append(path.stem)
    ours.close()

    normalize = english_normalizer()
    expected = [normalize(references[path.stem]) for path in paths]
    rates = [100 * jiwer.wer(expected, [normalize(t) for t in side]) for side in texts]
    share = identical / len(paths)
    print(f"tokens: identical on {identical} of {len(paths)} utterances ({100 * share:.1f} %)"
          f"{': not on ' + ' '.join(different) if different else ''}")
    print(f"word error rate: {rates[0]:.2f} % (faster-whisper {rates[1]:.2f} %)")
    print(f"speed: {seconds[1] / seconds[0]:.2f} times faster-whisper "
          f"({seconds[0]:.1f} s against {seconds[1]:.1f} s)")
    return 0 if is_good and share >= 0.95 else 1


if __name__ == "__main__":
    sys.exit(main())
