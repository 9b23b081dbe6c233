#!/usr/bin/env python3
"""A Deepgram stream of several channels beside as many sessions of one: is each channel's text its own, and what
does it cost?

    build/venv/bin/python bench/channels.py [--channels 8] [--seconds 60] [--speed 1] [--model base]

Each channel is another stretch of read speech. Both are played at the same pace to a server of their own, one after
the other. Cost is the processor time of the server; texts are compared by their word error rates against what was read,
and against each other.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/e2e"))
import numpy  # noqa: E402
import processes  # noqa: E402
import speech  # noqa: E402
from measure import machine, tables  # noqa: E402
from websockets.asyncio.client import connect  # noqa: E402

PROGRAM = processes.PROJECT / os.environ.get("EAVESDROP_BUILD", "build/release") / "eavesdrop"
HOME = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share"))
MODELS = Path(os.environ.get("EAVESDROP_TEST_MODELS", HOME / "eavesdrop/models"))
DATA = Path(os.environ.get("EAVESDROP_TEST_DATA", processes.PROJECT.parent / "shared/data"))
NO_LIMITS = "per_address: {sessions: 0, connections: 0, backlog: 0}\n"
PIECE = 0.1  # s


def speakers(n, seconds):
    """[(samples, reference)], each of other utterances, about so long."""
    folder = DATA / "librispeech-short"
    lines = [line.split("\t") for line in (folder / "transcripts.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    found = []
    for _ in range(n):
        samples, words, length = [], [], 0
        while length < seconds * speech.RATE:
            _, name, _, _, text = lines.pop(0)
            samples += [speech.load(folder / name), speech.silence(1)]
            words.append(text)
            length += len(samples[-2]) + speech.RATE
        found.append((numpy.concatenate(samples), " ".join(words)))
    return found


def pcm(samples):
    return (numpy.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def side_by_side(sounds):
    frames = numpy.zeros((max(map(len, sounds)), len(sounds)), "<f4")
    for i, samples in enumerate(sounds):
        frames[: len(samples), i] = samples
    return pcm(frames)


async def play(port, sound, n_channels, speed):
    """The texts of all channels."""
    texts = [[] for _ in range(n_channels)]
    query = f"encoding=linear16&channels={n_channels}&multichannel={'true' if n_channels > 1 else 'false'}"
    async with connect(f"ws://127.0.0.1:{port}/v1/listen?{query}", max_size=None) as socket:

        async def listen():
            async for message in socket:
                told = json.loads(message)
                if told["type"] == "Results" and told["is_final"]:
                    texts[told["channel_index"][0]].append(told["channel"]["alternatives"][0]["transcript"])

        listening = asyncio.create_task(listen())
        piece = int(PIECE * speech.RATE) * 2 * n_channels
        begun = time.monotonic()
        for i, at in enumerate(range(0, len(sound), piece)):
            await socket.send(sound[at : at + piece])
            await asyncio.sleep(max(0, begun + (i + 1) * PIECE / speed - time.monotonic()))
        await socket.send('{"type": "CloseStream"}')
        await listening
    return [" ".join(text) for text in texts]


def processor_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(options, folder, task):
    """(texts, processor seconds of the server)"""
    with processes.serving(PROGRAM, MODELS, folder) as start:
        server = start(NO_LIMITS, arguments=("--model", options.model))
        before = processor_seconds(server.pid)
        texts = asyncio.run(task(server.port))
        return texts, processor_seconds(server.pid) - before


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--speed", type=float, default=1, help="of the playing, in times of how it was spoken")
    parser.add_argument("--model", default="base")
    options = parser.parse_args()
    heard = speakers(options.channels, options.seconds)
    sounds = [samples for samples, _ in heard]

    async def together(port):
        return await play(port, side_by_side(sounds), options.channels, options.speed)

    async def apart(port):
        played = await asyncio.gather(*(play(port, pcm(samples), 1, options.speed) for samples in sounds))
        return [texts[0] for texts in played]

    with tempfile.TemporaryDirectory(prefix="eavesdrop-channels-", dir="/tmp") as name:
        (Path(name) / "one").mkdir()
        (Path(name) / "many").mkdir()
        one, one_cost = measure(options, Path(name) / "one", together)
        many, many_cost = measure(options, Path(name) / "many", apart)
    rows = [
        [i + 1, f"{speech.error_rate(reference, one[i]):.3f}", f"{speech.error_rate(reference, many[i]):.3f}",
         f"{speech.error_rate(many[i], one[i]):.3f}"]
        for i, (_, reference) in enumerate(heard)
    ]
    print(tables.table(["channel", "WER, one stream", "WER, a session each", "the one against the other"], rows))
    seconds = sum(map(len, sounds)) / speech.RATE
    print(f"\nOf {seconds:.0f} s of sound: {one_cost:.1f} s of processor time as one stream of {options.channels} "
          f"channels, {many_cost:.1f} s as sessions of their own ({one_cost / many_cost:.2f} times).")
    print(f"{machine.describe()}; load average {machine.load():.1f}.")


if __name__ == "__main__":
    main()
