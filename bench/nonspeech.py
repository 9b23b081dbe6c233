#!/usr/bin/env python3
"""What servers make of sound in which nobody speaks: every word that comes out was made up.

    build/venv/bin/python bench/nonspeech.py [--minutes 10] [--peer-python VENV/bin/python] [--write]

Every recording of the folder is played once, and digital silence, the noise of a room (by telephone: A-law at 8 kHz)
and music (the folder's, in a loop) for --minutes each, all at once and in real time, as clients that say English is
spoken. With --peer-python, a Python that has whisper-live 0.10.0, the same frames go to its server at the same time
(one shared model, voice detection on, as its stock client asks). Counts the words of completed segments, with the
last partial text as the stock client does, and words that were shown and taken back. --write puts the table into
docs/benchmarks.md.
"""

import argparse
import contextlib
import pathlib
import subprocess
import sys
import threading

import numpy

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "tests/e2e"))
from measure import machine, servers, sounds, tables  # noqa: E402
from measure.client import Client  # noqa: E402
from quiet_streams import room_noise  # noqa: E402

SETTLE = 15  # seconds of silence after the sound: what the peer's stock client waits


def by_telephone(samples):
    """As a G.711 camera sends it."""
    raw = ["-f", "f32le", "-ar", str(sounds.RATE), "-ac", "1", "-i", "pipe:0"]
    encode = ["ffmpeg", "-v", "error", *raw, "-ar", "8000", "-c:a", "pcm_alaw", "-f", "alaw", "pipe:1"]
    decode = ["ffmpeg", "-v", "error", "-f", "alaw", "-ar", "8000", "-ac", "1", "-i", "pipe:0", "-ar", str(sounds.RATE),
              "-f", "f32le", "pipe:1"]
    coded = subprocess.run(encode, input=samples.tobytes(), stdout=subprocess.PIPE, check=True).stdout
    return numpy.frombuffer(subprocess.run(decode, input=coded, stdout=subprocess.PIPE, check=True).stdout, "<f4")


def scenes(options):
    """{name: samples}"""
    found = {}
    for path in sorted(options.audio.iterdir()):
        if path.suffix in (".ogg", ".wav", ".flac", ".opus"):
            found[path.stem] = sounds.read(path)
    n = int(options.minutes * 60 * sounds.RATE)
    music = numpy.concatenate([found[name] for name in found if any(word in name for word in options.music.split(","))])
    minutes = f"{options.minutes:g} minutes of"
    found[f"{minutes} digital silence"] = numpy.zeros(n, "<f4")
    found[f"{minutes} a room's noise, -55 dBFS, A-law"] = numpy.resize(by_telephone(room_noise(60, -55, 1)), n)
    found[f"{minutes} music"] = numpy.resize(music, n)
    return found


class Listener(threading.Thread):
    """Plays one scene to one server."""

    def __init__(self, port, name, samples):
        super().__init__()
        self.client = Client(port, name)
        self.samples = numpy.concatenate([samples, numpy.zeros(SETTLE * sounds.RATE, "<f4")])
        self.trouble = None

    def run(self):
        try:
            if not self.client.is_taken():
                self.trouble = f"refused: {self.client.wait_close()}"
                return
            self.client.play(self.samples)
            self.client.end(60)
        except Exception as problem:  # a server that hangs up in the middle is a result
            self.trouble = f"{type(problem).__name__}: {problem}"

    def texts(self):
        """(what stays, what was shown and taken back)"""
        completed, tails = self.client.segments()
        last = next(reversed(tails), None)
        kept = [segment["text"].strip() for segment in completed]
        ends = max((float(segment["end"]) for segment in completed), default=0)
        if last is not None and tails[last].strip() and float(last) >= ends:
            kept.append(tails.pop(last).strip())
        begins = {segment["start"] for segment in completed}
        return kept, [text.strip() for begin, text in tails.items() if begin not in begins and text.strip()]


def cells(listener):
    """(its two cells of the table, a line with the texts)"""
    if listener.trouble:
        return ["–", "–"], listener.trouble
    kept, shown = listener.texts()
    said = " / ".join(kept + [f"[{text}]" for text in shown])
    return [str(sum(len(text.split()) for text in texts)) for texts in (kept, shown)], said


def heard_ours(values):
    """What the server did with the sound, from its metrics."""
    def total(name):
        return sum(value for key, value in values.items() if key.startswith(name))

    filters = {key.split('"')[1]: int(value) for key, value in values.items()
              if key.startswith("eavesdrop_filter_refusals_total")}
    received, decoded = (total(f"eavesdrop_audio_{name}_seconds_total") for name in ("received", "decoded"))
    refused = ", ".join(f"{name} {n}" for name, n in filters.items() if n) or "nothing"
    return (f"Of {received:.0f} s of sound eavesdrop decoded {decoded:.1f} s, partial passes included, since voice "
            f"detection took them for speech; the filters then refused: {refused}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--audio", type=pathlib.Path, default=sounds.DATA / "nonspeech")
    parser.add_argument("--music", default="music,waltz,Tchaikovsky", help="words in the names of what is music")
    parser.add_argument("--model", default="base")
    parser.add_argument("--peer-python", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, default=sounds.PROJECT / "build/nonspeech", help="for logs")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    names = ["eavesdrop"] + (["WhisperLive single"] if options.peer_python else [])
    played = scenes(options)
    listeners = {}
    with contextlib.ExitStack() as stack:
        for name in names:
            port = servers.free_port()
            stack.enter_context(servers.serving(name, port, options.work, options.model, options.peer_python))
            for scene, samples in played.items():
                listeners[scene, name] = Listener(port, scene, samples)
            if name == "eavesdrop":
                own_port = port
        for listener in listeners.values():
            listener.start()
        for listener in listeners.values():
            listener.join()
        ours = heard_ours(servers.metrics(own_port))
    rows, n_words = [], 0
    for scene, samples in played.items():
        row = [scene, f"{len(samples) / sounds.RATE:.0f}"]
        for name in names:
            figures, said = cells(listeners[scene, name])
            row += figures
            if said:
                print(f"{name}, {scene}: {said}")
            if name == "eavesdrop":
                n_words += sum(int(figure) for figure in figures if figure.isdigit())
        rows.append(row)
    head = ["sound", "seconds"]
    for name in names:
        head += [f"{name.split()[0]}: words", "shown and taken back"]
    text = f"{tables.table(head, rows)}\n\n{ours} `{options.model}`; {machine.describe()}."
    print(text)
    if options.write and not tables.write_section(sounds.PROJECT / "docs/benchmarks.md", "words", text,
                                                  tool="bench/nonspeech.py"):
        sys.exit("nonspeech: docs/benchmarks.md has no place for the table")
    return n_words > 0


if __name__ == "__main__":
    sys.exit(main())
