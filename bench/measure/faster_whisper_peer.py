#!/usr/bin/env python3
"""faster-whisper as a child of bench/engine: one command a line, one JSON object a line in answer.

    faster_whisper_peer.py MODEL COMPUTE THREADS

    sounds PATH    what is meant below (measure/frames.py writes it)
    encode I       {"seconds"}: CTranslate2's encoder for sound I's first window, padded to 30 s
    step N TOKENS  {"seconds"}: one decoder step for N sequences, the mean of TOKENS
    text I         {"seconds", "texts"}: sound I, sequentially
    texts I N      the same for N sounds in one call of the batched pipeline, eight at a time
    long PATH WAY BEAM     a file, WAY is batched or sequential
"""

import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import ctranslate2
import numpy
from faster_whisper import BatchedInferencePipeline, WhisperModel

BATCH = 8
DISTINCT = 8  # sounds that are encoded for timing the decoder
OPTIONS = {"language": "en", "without_timestamps": True}


class Peer:
    def __init__(self, path, compute, threads):
        self.model = WhisperModel(path, device="cpu", compute_type=compute, cpu_threads=threads)
        self.pipeline = BatchedInferencePipeline(self.model)
        self.sounds, self.encoded = [], []

    def do_sounds(self, path):
        from measure.frames import read_frames
        self.sounds, self.encoded = read_frames(path), []
        return {"n": len(self.sounds)}

    def features(self, i):
        mel = self.model.feature_extractor(self.sounds[i])[:, :3000]
        padded = numpy.pad(mel, ((0, 0), (0, 3000 - mel.shape[1])))
        return ctranslate2.StorageView.from_array(numpy.ascontiguousarray(padded[None], dtype=numpy.float32))

    def do_encode(self, i):
        features = self.features(int(i))
        started = time.monotonic()
        numpy.array(self.model.model.encode(features, to_cpu=True))
        return {"seconds": time.monotonic() - started}

    def encode_many(self, n):
        """What n sequences listen to: the first few sounds, again and again."""
        while len(self.encoded) < min(n, DISTINCT, len(self.sounds)):
            self.encoded.append(numpy.array(self.model.model.encode(self.features(len(self.encoded)), to_cpu=True)))
        chosen = [self.encoded[i % len(self.encoded)] for i in range(n)]
        return ctranslate2.StorageView.from_array(numpy.concatenate(chosen))

    def generate(self, n, n_tokens):
        """Seconds for n sequences of so many tokens, whose end is forbidden."""
        id_of = self.model.hf_tokenizer.token_to_id
        prompt = [id_of("<|startoftranscript|>"), id_of("<|en|>"), id_of("<|transcribe|>"), id_of("<|notimestamps|>")]
        encoded = self.encode_many(n)
        started = time.monotonic()
        # CTranslate2 takes the half of max_length for the text.
        results = self.model.model.generate(
            encoded, [prompt] * n, beam_size=1, max_length=max(2 * n_tokens, len(prompt) + n_tokens),
            suppress_tokens=[-1, id_of("<|endoftext|>")])
        assert all(len(result.sequences_ids[0]) == n_tokens for result in results)
        return time.monotonic() - started

    def do_step(self, n, n_tokens):
        n, n_tokens = int(n), int(n_tokens)
        # The difference of two lengths: without the prompt and the window's keys and values.
        short = self.generate(n, 4)
        return {"seconds": (self.generate(n, 4 + n_tokens) - short) / n_tokens}

    def do_text(self, i):
        started = time.monotonic()
        segments, _ = self.model.transcribe(self.sounds[int(i)], beam_size=1, condition_on_previous_text=False,
                                            **OPTIONS)
        texts = ["".join(segment.text for segment in segments)]
        return {"seconds": time.monotonic() - started, "texts": texts}

    def do_texts(self, first, n):
        sounds = self.sounds[int(first):int(first) + int(n)]
        ends = numpy.cumsum([len(sound) for sound in sounds]) / 16000
        clips = [{"start": float(end - len(sound) / 16000), "end": float(end)} for sound, end in zip(sounds, ends)]
        # The pipeline rounds the clips' lengths, and refuses a sound that is shorter than their sum.
        together = numpy.concatenate([*sounds, numpy.zeros(1600, numpy.float32)])
        started = time.monotonic()
        segments, _ = self.pipeline.transcribe(together, beam_size=1, batch_size=BATCH, clip_timestamps=clips,
                                               **OPTIONS)
        segments = list(segments)
        seconds = time.monotonic() - started
        texts = [""] * len(sounds)
        for segment in segments:
            clip = int(numpy.searchsorted(ends, (segment.start + segment.end) / 2))
            texts[min(clip, len(texts) - 1)] += segment.text
        return {"seconds": seconds, "texts": texts}

    def do_long(self, path, way, beam):
        started = time.monotonic()
        if way == "batched":
            segments, _ = self.pipeline.transcribe(path, beam_size=int(beam), batch_size=BATCH, **OPTIONS)
        else:
            segments, _ = self.model.transcribe(path, beam_size=int(beam), language="en")
        texts = ["".join(segment.text for segment in segments)]
        return {"seconds": time.monotonic() - started, "texts": texts}


def main():
    started = time.monotonic()
    peer = Peer(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    print(json.dumps({"load": time.monotonic() - started}), flush=True)
    for line in sys.stdin:
        command, *rest = line.split()
        try:
            answer = getattr(peer, "do_" + command)(*rest)
        except Exception as problem:  # told to the parent, which drops this peer
            answer = {"error": f"{type(problem).__name__}: {problem}"}
        print(json.dumps(answer), flush=True)


main()
