#!/usr/bin/env python3
"""Six talkers at once: two RTSP cameras (AAC, G.711) and four stock WhisperLive clients, for five
minutes of real speech. Prints, for each, the word error rate of what came out live, of the same
file transcribed offline, and whether the tail is there. Not part of make test.

    build/venv/bin/python tests/e2e/five_minutes.py [--seconds 300]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy
import processes
import speech
from eavesdrop_client import EavesdropClient

TOLERANCE = 1.5  # points of word error rate between live and offline
TAIL_WORDS = 4
CODECS = {"aac": ["-c:a", "aac", "-b:a", "48k"], "pcma": ["-c:a", "pcm_alaw", "-ar", "8000"]}


def short_utterances(data, seconds, skip):
    """Whole utterances of librispeech-short from number `skip` on, with a second between them."""
    parts, texts, length = [], [], 0
    lines = (data / "librispeech-short/transcripts.tsv").read_text().splitlines()[1 + skip :]
    for line in lines:
        fields = line.split("\t")
        samples = speech.load(data / "librispeech-short" / fields[1])
        if length + len(samples) > seconds * speech.RATE:
            break
        parts += [samples, speech.silence(1)]
        texts.append(fields[-1])
        length += len(samples) + speech.RATE
    return numpy.concatenate(parts[:-1]), " ".join(texts)


def talks(data, seconds):
    """Six recordings of about that length, with their texts."""
    long = speech.librispeech_long
    return [
        ("camera aac", *long(data, "1088-134315", 0, seconds)),
        ("camera pcma", *long(data, "7312-92432", 0, seconds)),
        ("client 1", *long(data, "1088-134315", min(seconds, 300), seconds)),
        ("client 2", *long(data, "1088-134315", max(0, 774 - seconds), seconds)),
        ("client 3", *short_utterances(data, seconds, 0)),
        ("client 4", *short_utterances(data, seconds, 35)),
    ]


def transcribed(program, models, paths):
    """{path: text} of the files, offline."""
    command = [program, "transcribe", "--model", "base", "--model-dir", models, "--language", "en"]
    command += ["--format", "json", *paths]
    done = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True)
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    return {one["file"]: "".join(segment["text"] for segment in one["segments"]) for one in objects}


def through_codec(path, codec):
    """The file as the camera's codec leaves it: what a camera's text can fairly be compared to."""
    coded = path.with_suffix(f".{codec}.mkv")
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(path), *CODECS[codec], str(coded)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return coded


def listen(program, models, folder, spoken, seconds):
    """Play everything at once. Returns the texts, in the order of `spoken`, and the server's log."""
    played = {}
    for name, codec in (("office", "aac"), ("kitchen", "pcma")):
        path = folder / f"{name}.wav"
        source = spoken[0 if name == "office" else 1][1]
        played[name] = speech.save(path, numpy.concatenate([speech.load(source), speech.silence(300)]))
    cameras = processes.Cameras([f"office:aac:{played['office']}", f"kitchen:pcma:{played['kitchen']}"])
    config = f"listen: 127.0.0.1:{{}}\nmodel: base\nlanguage: en\nstreams:\n  office: {cameras.url('office')}\n"
    config += f"  kitchen:\n    url: {cameras.url('kitchen')}\n"
    port = processes.free_port()
    server = processes.Server(program, config.format(port), folder, models, port)
    clients = []
    try:
        server.wait_ready()
        subscriber = EavesdropClient(port, role="rtsp_subscriber", streams="office,kitchen")
        clients = [
            processes.WhisperLiveClient(port, path, folder / name.replace(" ", "-"))
            for name, path, _ in spoken[2:]
        ]
        texts = [speech.srt_text(client.finish(seconds + 120)) for client in clients]
        time.sleep(5)
        texts = [subscriber.text(stream="office"), subscriber.text(stream="kitchen")] + texts
        subscriber.close()
    finally:
        for client in clients:
            client.stop()
        cameras.stop()
        code = server.stop()
    assert code == 0, f"the server ended with {code}"
    return texts, server.log()


def tail_is_there(text, live):
    """The last words of the text come, in order, at the end of the live one."""
    wanted, heard = speech.words(text)[-TAIL_WORDS:], speech.words(live)[-TAIL_WORDS - 2 :]
    return sum(word in heard for word in wanted) >= TAIL_WORDS - 1 and wanted[-1] in heard


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--keep", help="folder for recordings, texts and the log")
    options = parser.parse_args()
    processes.become_subreaper()
    home = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share"))
    models = Path(os.environ.get("EAVESDROP_TEST_MODELS", home / "eavesdrop/models"))
    data = Path(os.environ.get("EAVESDROP_TEST_DATA", processes.PROJECT.parent / "shared/data"))
    program = processes.PROJECT / os.environ.get("EAVESDROP_BUILD", "build/release") / "eavesdrop"
    folder = Path(options.keep or tempfile.mkdtemp(prefix="five-minutes-"))
    folder.mkdir(parents=True, exist_ok=True)

    spoken = []
    for name, samples, reference in talks(data, options.seconds):
        spoken.append((name, speech.save(folder / f"{name.replace(' ', '-')}.wav", samples), reference))
    comparable = [through_codec(spoken[0][1], "aac"), through_codec(spoken[1][1], "pcma")]
    comparable += [path for _, path, _ in spoken[2:]]
    offline = transcribed(program, models, comparable)
    texts, log = listen(program, models, folder, spoken, options.seconds)
    (folder / "server.log").write_text(log)

    n_bad = 0
    print(f"{'talker':12} {'words':>6} {'live %':>7} {'file %':>7} {'points':>7}  tail")
    for (name, _, reference), path, live in zip(spoken, comparable, texts):
        (folder / f"{name.replace(' ', '-')}.txt").write_text(live)
        rates = [100 * speech.error_rate(reference, text) for text in (live, offline[str(path)])]
        # As read, or as misheard offline.
        has_tail = any(tail_is_there(text, live) for text in (reference, offline[str(path)]))
        n_bad += rates[0] - rates[1] > TOLERANCE or not has_tail
        n_words = len(speech.words(reference))
        print(f"{name:12} {n_words:6} {rates[0]:7.2f} {rates[1]:7.2f} {rates[0] - rates[1]:+7.2f}  {'yes' if has_tail else 'LOST'}")
    print(f"the log, the recordings and the texts are in {folder}")
    return 1 if n_bad else 0


sys.exit(main())
