#!/usr/bin/env python3
"""The engine beside faster-whisper and CTranslate2 (float32) on the same real audio.

    bench/parity.py [--model base] [--files 69] [--rounds 1] [--threads 2] [--beam 1]
                    [--golden]

Compares log-mel (limit 1e-4), the encoder's output (cosine at least 0.9999), tokens (identical on
at least 95 % of the utterances), word error rate (OpenAI's English normaliser) and speed (both in turn,
utterance by utterance). --golden writes tests/golden/whisper.json instead, which the unit tests hold the
engine to. Needs faster-whisper, numpy, jiwer, an English normaliser (whisper-normalizer or
openai-whisper) and ffmpeg; the release build must be there.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile
import time

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.feature_extractor import FeatureExtractor
from measure import children, sounds

PROJECT = pathlib.Path(__file__).resolve().parent.parent
DATA = pathlib.Path(os.environ.get("EAVESDROP_TEST_DATA", PROJECT.parent / "shared/data"))
MODELS = pathlib.Path(os.environ.get(
    "EAVESDROP_TEST_MODELS",
    pathlib.Path(os.environ.get("XDG_DATA_HOME", pathlib.Path.home() / ".local/share"))
    / "eavesdrop/models"))

GOLDEN_FILES = ["1088-134318-0001", "1088-134318-0002", "1737-146161-0002"]
MEL_STEP, ENCODER_STEP = 997, 2503  # primes, so that the samples wander over all bins and columns


def written(child, *command):
    """What the child writes when it is asked so, as floats."""
    with tempfile.NamedTemporaryFile() as file:
        child.ask(*command, file.name)
        return np.fromfile(file.name, dtype=np.float32)


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
            sound = sounds.read(DATA / "librispeech-short" / f"{stem}.flac")
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


def compare_features(child, model, found):
    mel_difference, cosines = 0.0, []
    for i, sound in enumerate(found[:8]):
        mel, encoded = peer_features(model, sound)
        mel_difference = max(mel_difference, float(np.abs(
            written(child, "log-mel", i).reshape(-1, 80).T - mel).max()))
        ours = written(child, "features", i, "full")
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
    found = [sounds.read(path) for path in paths]
    peer = WhisperModel(str(MODELS / arguments.model), device="cpu", compute_type="float32",
                        cpu_threads=arguments.threads)
    ours = children.ours(MODELS / arguments.model, "float32", arguments.threads)
    with tempfile.NamedTemporaryFile() as file:
        sounds.write(file.name, found)
        ours.ask("options", "language=en")
        ours.ask("sounds", file.name)
    is_good = compare_features(ours, peer, found)

    seconds = [0.0, 0.0]
    texts, identical, different = [[], []], 0, []
    for turn in range(arguments.rounds):
        for i, (path, sound) in enumerate(zip(paths, found)):
            started = time.monotonic()
            answer = ours.ask("decode", i, 1, arguments.beam, 0, "full")["answers"][0]
            between = time.monotonic()
            tokens, text = peer_transcribe(peer, sound, arguments.beam)
            seconds[0] += between - started
            seconds[1] += time.monotonic() - between
            if turn > 0:
                continue
            texts[0].append(children.text(answer))
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
