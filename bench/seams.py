#!/usr/bin/env python3
"""What cuts without a pause cost: chapters as they are, and with their pauses taken out.

  seams.py --program build/release/eavesdrop --data ../shared/data

Each long chapter is poured into a live session, once as it was read and once without its pauses
(what is quieter than a twentieth of the loud parts for 120 ms, but for 60 ms on both sides). Then
nobody pauses, and every window but the last ends at a cut. A word lost or said twice at a cut is
an error that the chapter with its pauses has not. Needs what the end-to-end tests need.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/e2e"))
import jiwer
import processes
import speech
from websockets.sync.client import connect

FRAME = speech.RATE // 100  # 10 ms
REST = 6  # frames of a pause that stay on both sides


def without_pauses(samples):
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    level = numpy.sqrt((frames**2).mean(axis=1))
    is_quiet = level < max(numpy.percentile(level, 10) * 2.5, numpy.percentile(level, 90) / 20)
    keep = numpy.ones(len(frames), bool)
    edges = numpy.flatnonzero(numpy.diff(numpy.concatenate([[0], is_quiet, [0]])))
    for begin, end in zip(edges[::2], edges[1::2]):
        if end - begin > 2 * REST:
            keep[begin + REST : end - REST] = False
    return frames[keep].reshape(-1)


def pour(port, samples):
    """The completed segments of a session that is given all of it at once."""
    finals = {}
    with connect(f"ws://127.0.0.1:{port}", max_size=None, ping_interval=None) as socket:
        hello = {"uid": "seams", "language": "en", "task": "transcribe", "model": "base"}
        socket.send(json.dumps({**hello, "send_last_n_segments": 500}))
        for place in range(0, len(samples), speech.RATE):
            socket.send(samples[place : place + speech.RATE].astype("<f4").tobytes())
        socket.send(b"END_OF_AUDIO")
        for message in socket:
            for segment in json.loads(message).get("segments", []):
                if segment["completed"]:
                    finals[float(segment["start"])] = segment["text"]
    return [finals[start] for start in sorted(finals)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--models", default=str(Path.home() / ".local/share/eavesdrop/models"))
    options = parser.parse_args()
    print("| chapter | pauses | seconds | windows | words | WER | left out | put in |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, processes.serving(options.program, options.models, folder) as serve:
        server = serve()
        for text in sorted(Path(options.data, "librispeech-long").glob("*.txt")):
            sound = next(path for path in text.parent.glob(text.stem + ".*") if path.suffix in (".flac", ".opus"))
            samples, reference = speech.load(sound), speech.words(text.read_text())
            for name, played in (("as read", samples), ("none", without_pauses(samples))):
                finals = pour(server.port, played)
                result = jiwer.process_words(" ".join(reference), " ".join(speech.words(" ".join(finals))))
                print(
                    f"| {text.stem} | {name} | {len(played) / speech.RATE:.0f} | {len(finals)} | {len(reference)} "
                    f"| {100 * result.wer:.2f} % | {result.deletions} | {result.insertions} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
