#!/usr/bin/env python3
"""What windows gain from what came before them: text alone, sound with its text, or both.

    bench/before.py [--model base] [--data ../shared/data] [--compute int8] [--beam 1] MODE...

A MODE is `alone`, `text`, `sound=N`, or `text,sound=N`: a window is told the text before it as a prompt, or hears
the windows before it again, whole ones of together at most N seconds, whose text is forced; or both. The
recordings of all speech folders are made streams (utterances of one chapter, and sentences of one language, 0.8 s
apart), cut by the real segmenter into live windows and decoded in their order, greedily or with --beam N.
Never is a window told of what lies more than --gap seconds before it, nor of a text that was
tried again. Prints the word errors of each folder and of all, and the seconds of the processor that
decoding took, which other work on the machine changes little. Needs what bench/segmenter.py needs.
"""

import argparse
import itertools
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from measure import children, sounds
from segmenter import NORMALISERS, RATE, recordings, score, sound_of

PROJECT = pathlib.Path(__file__).resolve().parent.parent
BUILD = PROJECT / "build/release/bench"
FOLDERS = ["librispeech-short", "librispeech-long", "telephone-8k", "misc", "fleurs"]
TEXT_TOKENS = 96
SPECIALS = 50257  # of multilingual models; below are tokens of text
LEAD_TOKENS = 112


def streams(data, folders, model):
    """(folder, language, sound, reference) of each."""
    def key(recording):
        folder, path, language, _ = recording
        name = pathlib.Path(path).stem
        return {"librispeech-short": (folder, name.rsplit("-", 1)[0]), "fleurs": (folder, language)}.get(
            folder, (folder, name))

    silence = np.zeros(int(0.8 * RATE), np.float32)
    found = sorted((r for r in recordings(data, folders) if not model.endswith(".en") or r[2] == "en"), key=key)
    for (folder, _), group in itertools.groupby(found, key):
        group = list(group)
        sound = np.concatenate([part for r in group for part in (sound_of(r[1]), silence)])
        yield folder, group[0][2], sound, " ".join(r[3] for r in group)


def windows_of(sound, vad):
    done = subprocess.run([BUILD / "segmenter_windows", vad], input=sound.tobytes(), check=True,
                          stdout=subprocess.PIPE)
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    return [(round(float(line[0]) * RATE), round(float(line[1]) * RATE)) for line in lines]


class Before:
    """What came before the next window of a stream."""

    def __init__(self, mode, gap):
        parts = dict(part.partition("=")[::2] for part in mode.split(","))
        self.has_text, self.seconds, self.gap = "text" in parts, float(parts.get("sound") or 0), gap
        self.heard = []  # (begin, end, tokens), while each follows the last closely

    def of(self, begin, end):
        """Tokens of the text, where the sound begins, and its tokens."""
        if self.heard and begin - self.heard[-1][1] > self.gap * RATE:
            self.heard = []
        text, lead, lead_begin = [], [], begin
        heard = list(self.heard)
        while heard and self.seconds:
            first = heard[-1]
            if begin - first[0] > self.seconds * RATE or end - first[0] > 29.9 * RATE:
                break
            if len(first[2]) + len(lead) > LEAD_TOKENS:
                break
            lead, lead_begin = first[2] + lead, first[0]
            heard.pop()
        if self.has_text:
            text = [token for entry in heard for token in entry[2]][-TEXT_TOKENS:]
        return text, lead_begin, lead

    def hear(self, begin, end, answer):
        segments = answer["segments"]
        if not segments or any(segment["temperature"] > 0 or segment["avg_logprob"] < -1 or
                               segment["compression_ratio"] > 2.4 for segment in segments):
            self.heard = []
            return
        self.heard.append((begin, end, [t for s in segments for t in s["tokens"] if t < SPECIALS]))
        self.heard = self.heard[-12:]


def processor_seconds(child):
    fields = pathlib.Path(f"/proc/{child.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) / 100


def decode(child, work, beam, wishes):
    """Answers for (sound, text, n_lead, lead), all at once."""
    with tempfile.NamedTemporaryFile() as file:
        sounds.write(file.name, [item[0] for item in work])
        child.ask("options", *wishes)
        child.ask("sounds", file.name)
    for i, (_, text, n_lead, lead) in enumerate(work):
        if text or lead:
            child.ask("tell", i, ",".join(map(str, text)) or "-", n_lead, ",".join(map(str, lead)) or "-")
    return child.ask("decode", 0, len(work), beam, 0, "-", timeout=3600)["answers"]


def heard_as_windows(child, options, mode, found):
    """The text of each stream."""
    texts = [""] * len(found)
    seconds = 0
    before = [Before(mode, options.gap) for _ in found]
    for step in itertools.count():
        at = [i for i, stream in enumerate(found) if step < len(stream["windows"])]
        if not at:
            return texts, seconds
        for language in {found[i]["language"] for i in at}:
            chosen, work = [i for i in at if found[i]["language"] == language], []
            for i in chosen:
                begin, end = found[i]["windows"][step]
                text, lead_begin, lead = before[i].of(begin, end)
                work.append((found[i]["sound"][lead_begin:end], text, begin - lead_begin, lead))
                seconds += (end - lead_begin) / RATE
            wishes = ["without_timestamps=true"] + ([f"language={language}"] if language else [])
            for i, answer in zip(chosen, decode(child, work, options.beam, wishes)):
                texts[i] += " " + children.text(answer)
                before[i].hear(*found[i]["windows"][step], answer)
                if options.verbose:
                    print(f"  {mode} {i}.{step} {found[i]['windows'][step]} {children.text(answer)}")


def main():
    home = pathlib.Path.home() / ".local/share/eavesdrop/models"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("modes", nargs="+", metavar="MODE")
    parser.add_argument("--model", default="base")
    parser.add_argument("--models", default=home, type=pathlib.Path)
    parser.add_argument("--data", default=PROJECT.parent / "shared/data")
    parser.add_argument("--folders", default=",".join(FOLDERS))
    parser.add_argument("--compute", default="int8", help="float32 or int8")
    parser.add_argument("--beam", type=int, default=1)
    parser.add_argument("--gap", type=float, default=3)
    parser.add_argument("--threads", type=int, default=children.THREADS)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    child = children.ours(options.models / options.model, options.compute, options.threads)
    vad = next((options.models / "silero-vad").glob("*.safetensors"))
    found = [dict(zip(("folder", "language", "sound", "reference"), stream))
             for stream in streams(str(options.data), options.folders.split(","), options.model)]
    for stream in found:
        stream["windows"] = windows_of(stream["sound"], vad)
    folders = sorted({stream["folder"] for stream in found})
    print(f"{len(found)} streams, {sum(len(stream['windows']) for stream in found)} windows, beam {options.beam}")
    print("mode", "processor s", "sound s", *folders, "all", sep="\t", flush=True)
    for mode in options.modes:
        began = processor_seconds(child)
        texts, seconds = heard_as_windows(child, options, mode, found)
        took = processor_seconds(child) - began
        pairs = {}
        for stream, text in zip(found, texts):
            normalise = NORMALISERS["" if stream["folder"] == "fleurs" else "en"]
            pairs.setdefault(stream["folder"], []).append((normalise(stream["reference"]), normalise(text)))
        rates = [score(pairs[folder]) for folder in folders]
        rates.append(score([pair for folder in folders for pair in pairs[folder]]))
        print(mode, f"{took:.0f}", f"{seconds:.0f}", *(f"{rate:.2f}" for rate in rates), sep="\t", flush=True)
    child.close()
    return 0


sys.exit(main())
