#!/usr/bin/env python3
"""An office full of cameras in which somebody speaks now and then: what does it cost, and does every word come?

    build/venv/bin/python bench/cameras.py --cameras 100 [--seconds 180] [--share 0.05] [--audio FOLDER]

N RTSP cameras (G.711, GStreamer's server on loopback) each say other utterances of the folder, `--share` of the
time, over the noise of a room; a subscriber reads all of them. Prints processor time and memory by part,
utterances delivered, word error rate (OpenAI's English normaliser), and the delay of final text: from the end of
an utterance's last word (bench/word_times) until the message that makes it final.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import jiwer
import numpy

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/e2e"))
import processes
import speech
from eavesdrop_client import EavesdropClient
from quiet_streams import Part, room_noise

HERE = Path(__file__).resolve().parent
LEAD = 10  # seconds of noise first, while cameras come online
TAIL = 15  # and last, so that everything can become final
CHUNK = 50  # streams of one subscriber


def utterances(folder):
    """[(samples, text, end of the last word in seconds)]"""
    ends = {}
    times = HERE / f"word_times/{folder.name}.tsv"
    for line in times.read_text().splitlines()[1:] if times.exists() else []:
        name, _, _, end = line.split("\t")
        ends[name] = float(end)
    found = []
    for line in (folder / "transcripts.tsv").read_text().splitlines()[1:]:
        fields = line.split("\t")
        samples = speech.load(folder / fields[1])
        found.append((samples, fields[-1], ends.get(fields[1], len(samples) / speech.RATE)))
    return found


def script(said, options, dice):
    """(samples, [(begin, end of the last word, text)]) of one camera: utterances at random times that do not meet."""
    n = int((LEAD + options.seconds + TAIL) * speech.RATE)
    samples = numpy.zeros(n, "<f4")
    placed, talked = [], 0.0
    while talked < options.share * options.seconds:
        sound, text, end = said[dice.integers(len(said))]
        length = len(sound) / speech.RATE
        begin = LEAD + dice.random() * max(0.0, options.seconds - length)
        if any(begin < other + 3 and other_begin < begin + length + 3 for other_begin, other, _ in placed):
            continue
        at = int(begin * speech.RATE)
        samples[at : at + len(sound)] = sound
        placed.append((begin, begin + end, text))
        talked += length
    return samples, sorted(placed)


def cameras_start(options, folder):
    """(the RTSP server, the streams' lines, the scripts)."""
    dice = numpy.random.default_rng(options.seed)
    said = utterances(options.audio)
    scripts, mounts = [], []
    for n in range(options.cameras):
        samples, placed = script(said, options, dice)
        noise = room_noise(60, options.level, n % 10)
        samples += numpy.resize(noise, len(samples))
        path = speech.save(folder / f"camera-{n}.wav", samples)
        mounts.append(f"m{n}:{options.codec}:{path}")
        scripts.append(placed)
    server = processes.Cameras(mounts)
    urls = [server.url(f"m{n}") for n in range(options.cameras)]
    return server, "streams:\n" + "".join(f"  camera-{n}: {url}\n" for n, url in enumerate(urls)), scripts


def origins(server, n_cameras):
    """When each camera's first sample arrived, by the sound that has come since."""
    now, text = time.time(), server.http("/metrics")[1]
    name = "eavesdrop_stream_audio_seconds_total{"
    seconds = {line.split('"')[1]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name)}
    return [now - seconds[f"camera-{n}"] for n in range(n_cameras)]


def finals(readers, stream):
    """[(start, end, text, when it came)] of the stream's completed segments."""
    found = {}
    for message in (message for reader in readers for message in reader.messages):
        if message["type"] == "transcription" and message["stream"] == stream:
            for segment in message["segments"]:
                if segment["completed"]:
                    times = segment["start"], segment["end"]
                    found.setdefault(segment["id"], (*times, segment["text"], message["timestamp"]))
    return sorted(found.values())


def score(readers, scripts, began):
    references, hypotheses, delays, n_missing, n_extra = [], [], [], 0, 0
    for n, placed in enumerate(scripts):
        segments = finals(readers, f"camera-{n}")
        taken = set()
        for begin, end, text in placed:
            own = [segment for segment in segments if segment[0] < end + 1 and begin - 1 < segment[1]]
            taken.update(own)
            references.append(" ".join(speech.words(text)))
            hypotheses.append(" ".join(speech.words(" ".join(segment[2] for segment in own))))
            n_missing += not own
            if own:
                delays.append(max(segment[3] for segment in own) - began[n] - end)
        n_extra += len(set(segments) - taken)
    errors = 100 * jiwer.wer(references, hypotheses)
    p50, p95 = numpy.percentile(delays, [50, 95]) if delays else (float("nan"),) * 2
    print(f"{len(references)} utterances, {n_missing} of which no word came; {n_extra} segments where nobody spoke")
    most = max(delays, default=0)
    print(f"WER {errors:.2f} %; final after {p50:.2f} s (p50), {p95:.2f} s (p95), {most:.2f} s (most)")
    return n_missing


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    data = Path(os.environ.get("EAVESDROP_TEST_DATA", processes.PROJECT.parent / "shared/data"))
    parser.add_argument("--cameras", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--share", type=float, default=0.05, help="of the time that somebody speaks")
    parser.add_argument("--audio", type=Path, default=data / "librispeech-short")
    parser.add_argument("--level", type=float, default=-55, help="of the noise, dBFS")
    parser.add_argument("--codec", default="pcma")
    parser.add_argument("--model", default="base")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    processes.become_subreaper()
    home = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share"))
    models = Path(os.environ.get("EAVESDROP_TEST_MODELS", home / "eavesdrop/models"))
    program = processes.PROJECT / os.environ.get("EAVESDROP_BUILD", "build/release") / "eavesdrop"
    readers = []
    with tempfile.TemporaryDirectory(prefix="cameras-") as folder:
        folder = Path(folder)
        cameras, streams, scripts = cameras_start(options, folder)
        port = processes.free_port()
        config = f"listen: 127.0.0.1:{port}\nmodel: {options.model}\nlanguage: en\n{streams}"
        server = processes.Server(program, config, folder, models, port).wait_ready()
        try:
            names = [f"camera-{n}" for n in range(options.cameras)]
            for first in range(0, options.cameras, CHUNK):
                streams = ",".join(names[first : first + CHUNK])
                readers.append(EavesdropClient(port, role="rtsp_subscriber", streams=streams))
            online = f'eavesdrop_streams{{state="online"}} {options.cameras}\n'
            processes.wait_until(lambda: online in (server.http("/metrics")[1] or ""), 180, "all cameras online")
            parts = [
                Part("eavesdrop", [server.pid]),
                Part("media", server.media() + processes.children(server.pid, processes.MEDIA_PROCESS)),
                Part("RTSP server", [cameras.process.pid]),
            ]
            start = time.monotonic()
            time.sleep(options.seconds)
            passed = time.monotonic() - start
            share = f"speech {100 * options.share:g} % of the time"
            print(f"{options.cameras} cameras, {options.codec}, {share}, {passed:.0f} s")
            for part in parts:
                cpu, pss = 100 * (part.read_cpu() - part.cpu) / passed, part.memory("Pss")
                print(f"{part.name:12} {cpu:7.1f} % of a core, {cpu / options.cameras:6.3f} % a camera; {pss:7.1f} MiB")
            began = origins(server, options.cameras)
            time.sleep(max(0, LEAD + TAIL - 5 - (time.monotonic() - start - options.seconds)))
            settled = 'eavesdrop_backlog_finals{kind="final"} 0\n'
            processes.wait_until(lambda: settled in (server.http("/metrics")[1] or ""), 300, "all text final")
            n_missing = score(readers, scripts, began)
        finally:
            for reader in readers:
                reader.close()
            code = server.stop()
            cameras.stop()
    return code or n_missing > 0


if __name__ == "__main__":
    sys.exit(main())
