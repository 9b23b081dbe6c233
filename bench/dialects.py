#!/usr/bin/env python3
"""One recording through every dialect, and all dialects at once.

    build/venv/bin/python bench/dialects.py [--seconds 180] [--minutes 5] [--only same,together] [--without NAME,...] [--write]

same      a recording is played to a client of each live dialect, all at the same time, and handed over as a file to each
          of the others, one after the other: word error rates, how far the times of words are apart, and whether all
          that was owed came before the goodbye.
together  talkers who say one utterance after the other, two of each dialect (of files: one request after the other)
          beside two cameras, and as long as many WhisperLive clients beside the cameras alone: how long after the end
          of an utterance its last word was final, and the word error rates.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/e2e"))
import dialect_clients as clients  # noqa: E402
import jiwer  # noqa: E402
import numpy  # noqa: E402
import processes  # noqa: E402
import speech  # noqa: E402
from measure import machine, tables  # noqa: E402
from recordings import DATA, recordings  # noqa: E402

PROGRAM = processes.PROJECT / os.environ.get("EAVESDROP_BUILD", "build/release") / "eavesdrop"
HOME = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share"))
MODELS = Path(os.environ.get("EAVESDROP_TEST_MODELS", HOME / "eavesdrop/models"))
NO_LIMITS = "per_address: {sessions: 0, connections: 0, backlog: 0}\nuploads: {size: 1GB}\n"
OWN_LISTENER = ("Vosk", "Wyoming", "AudioSocket")
PAUSE = 2.0  # s between utterances
SPREAD = 0.5  # points of word error rate
clients.PATIENCE = 600  # a machine that is busy owes much at the end
APART = (0.1, 0.3)  # s that times of words may be apart: the median, 95 of 100


def serve(start, options, extra=""):
    """The place of a server with a listener for each dialect that has one of its own."""
    ports = {name.lower(): processes.free_port() for name in OWN_LISTENER if name not in options.without}
    listeners = ", ".join(f"{name}: '127.0.0.1:{port}'" for name, port in ports.items())
    server = start(NO_LIMITS + (f"listeners: {{{listeners}}}\n" if ports else "") + extra)
    return clients.Place(server.port, **ports)


def name_for(dialect, number=0):
    return str(uuid.uuid4()) if dialect == "AudioSocket" else f"{dialect.lower().replace(' ', '-')}-{number}"


async def play(dialect, place, samples, number=0):
    take = clients.Take()
    try:
        await clients.LIVE[dialect](place, samples, take, name_for(dialect, number))
    except Exception as error:  # noqa: BLE001: whatever it was, the others go on
        take.trouble = f"{type(error).__name__}: {error}"
    return take


def hand_over(dialect, place, file):
    take = clients.Take()
    try:
        clients.FILES[dialect](place, file, take)
    except Exception as error:  # noqa: BLE001: likewise
        take.trouble = f"{type(error).__name__}: {error}"
    if take.begin:
        take.answered.append(time.monotonic() - take.begin)
    return take


def aligned(first, second):
    """Pairs of places of words that two lists share, in their order."""
    chunks = jiwer.process_words([" ".join(first) or "-"], [" ".join(second) or "-"]).alignments[0]
    for chunk in chunks:
        if chunk.type == "equal":
            yield from zip(range(chunk.ref_start_idx, chunk.ref_end_idx), range(chunk.hyp_start_idx, chunk.hyp_end_idx), strict=True)


def plain(word):
    return "".join(speech.words(word)) or "-"


def apart(one, other):
    """(median, 95 of 100) of how far the starts of words that both have are apart, in seconds; None: they have none."""
    pairs = aligned([plain(word) for word, _, _ in one], [plain(word) for word, _, _ in other])
    distances = sorted(abs(one[i][1] - other[j][1]) for i, j in pairs)
    return (statistics.median(distances), distances[len(distances) * 95 // 100]) if distances else None


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] if values else None


# --- one recording ---------------------------------------------------------------------------


def rows_of(takes, reference, end):
    """Rows of the table, and whether all is as it should be: telephones are judged apart."""
    rows, rates, is_well = [], [], True
    timed = next((take for take in takes.values() if take.words), None)
    for dialect, take in takes.items():
        rate = 100 * speech.error_rate(reference, take.text)
        distance = apart(timed.words, take.words) if timed and take.words and take is not timed else None
        tail = speech.words(reference)[-4:]
        heard = speech.words(take.text)[-8:]
        has_tail = sum(word in heard for word in tail) >= 3
        if dialect not in clients.TELEPHONES:
            rates.append(rate)
        is_well = is_well and not take.trouble and has_tail
        is_well = is_well and not (distance and (distance[0] > APART[0] or distance[1] > APART[1]))
        late = take.finals[-1][0] - take.begin - end if take.finals else None
        rows.append((dialect, f"{rate:.2f}", len(speech.words(take.text)), "yes" if has_tail else "**no**",
                     f"{distance[0]:.3f}" if distance else "first" if take is timed else "–",
                     f"{distance[1]:.3f}" if distance else "–", f"{late:.1f}" if late is not None else "–", take.trouble or ""))
    if rates and max(rates) - min(rates) > SPREAD:
        is_well = False
    return rows, is_well


def same(options, folder):
    samples, reference = speech.librispeech_long(DATA, "7312-92432", 0, options.seconds)
    samples = numpy.concatenate([samples, speech.silence(1)])
    seconds = len(samples) / speech.RATE
    file = speech.save(folder / "talk.wav", samples).read_bytes()
    head = ("", "WER %", "words", "its last words", "words' times apart: median, s", "p95", "last final, s after the end", "trouble")
    with processes.serving(PROGRAM, MODELS, folder) as start:
        place = serve(start, options)

        async def live():
            names = [name for name in clients.LIVE if name not in options.without]
            return dict(zip(names, await asyncio.gather(*(play(name, place, samples) for name in names)), strict=True))

        takes = asyncio.run(live())
        files = {name: hand_over(name, place, file) for name in clients.FILES if name not in options.without}
    live_rows, is_live_well = rows_of(takes, reference, seconds)
    file_rows, is_file_well = rows_of(files, reference, 0)
    first = files.get("OpenAI stream")
    words = f"{seconds:.0f} s of read speech (7312-92432). Telephones have it at 8 kHz."
    if first and first.finals:
        words += (f" `stream=true`: the first delta after {first.finals[0][0] - first.begin:.1f} s, the whole after "
                  f"{first.answered[0]:.1f} s; without it {files['OpenAI'].answered[0]:.1f} s.")
    text = tables.table(("live", *head[1:]), live_rows) + "\n\n" + tables.table(("files", *head[1:]), file_rows) + "\n\n" + words
    return text, is_live_well and is_file_well


# --- all at once -----------------------------------------------------------------------------


class Talk:
    """Utterances one after the other, with a pause behind each."""

    def __init__(self, lines, seconds):
        self.texts, self.ends, self.parts = [], [], []
        n = 0
        for path, text in lines:
            samples = speech.load(path)
            if (n + len(samples)) / speech.RATE + PAUSE > seconds:
                break
            self.parts.append(samples)
            n += len(samples)
            self.ends.append(n / speech.RATE)
            self.texts.append(text)
            n += int(PAUSE * speech.RATE)
        pause = speech.silence(PAUSE)
        self.samples = numpy.concatenate([piece for part in self.parts for piece in (part, pause)])

    @property
    def text(self):
        return " ".join(self.texts)

    def delays(self, take):
        """Seconds from the end of each utterance until its last word was final: of those whose last word was heard."""
        heard = [(word, at) for at, text in take.finals for word in speech.words(text)]
        wanted = [(word, i) for i, text in enumerate(self.texts) for word in speech.words(text)]
        last = {place: i for place, (_, i) in enumerate(wanted)
                if place + 1 == len(wanted) or wanted[place + 1][1] != i}
        pairs = aligned([word for word, _ in wanted], [word for word, _ in heard])
        return [heard[j][1] - take.begin - self.ends[last[i]] for i, j in pairs if i in last]


def talks(n, seconds):
    folder = DATA / "librispeech-short"
    lines = [line.split("\t") for line in (folder / "transcripts.tsv").read_text().splitlines()[1:]]
    lines = [(folder / fields[1], fields[-1]) for fields in lines]
    return [Talk(lines[i * 7 % len(lines) :] + lines[: i * 7 % len(lines)], seconds) for i in range(n)]


async def utterances(dialect, place, talk, number):
    """Of dialects that have one utterance for a connection: each when it has been said."""
    take = clients.Take()
    take.begin = begin = time.monotonic()
    for part, end in zip(talk.parts, talk.ends, strict=True):
        await asyncio.sleep(max(0, begin + end - len(part) / speech.RATE - time.monotonic()))
        one = await play(dialect, place, part, number)
        take.finals += one.finals
        take.trouble = take.trouble or one.trouble
    return take


async def requests(dialect, place, talk, number):
    """One file after the other, each when it would have been said."""
    del number
    take = clients.Take()
    take.begin = begin = time.monotonic()
    for part, end in zip(talk.parts, talk.ends, strict=True):
        file = clients.coded(part, "-c:a", "pcm_s16le", "-f", "wav")
        await asyncio.sleep(max(0, begin + end - time.monotonic()))
        one = await asyncio.to_thread(hand_over, dialect, place, file)
        take.finals.append((time.monotonic(), one.text))
        take.answered += one.answered
        take.trouble = take.trouble or one.trouble
    return take


def speaker(dialect):
    return requests if dialect in clients.FILES else utterances if dialect == "Wyoming" else \
        lambda dialect, place, talk, number: play(dialect, place, talk.samples, number)


async def crowd(dialects, place, spoken):
    return await asyncio.gather(*(
        speaker(dialect)(dialect, place, talk, number) for number, (dialect, talk) in enumerate(zip(dialects, spoken, strict=True))
    ))


def rows_together(dialects, spoken, takes):
    rows, all_delays = [], []
    for dialect in dict.fromkeys(dialects):
        mine = [(talk, take) for name, talk, take in zip(dialects, spoken, takes, strict=True) if name == dialect]
        delays = [delay for talk, take in mine for delay in talk.delays(take)]
        rate = 100 * speech.error_rate(" ".join(talk.text for talk, _ in mine), " ".join(take.text for _, take in mine))
        trouble = "; ".join(take.trouble for _, take in mine if take.trouble)
        if dialect not in clients.FILES:
            all_delays += delays
        rows.append((dialect, len(mine), sum(len(talk.texts) for talk, _ in mine), len(delays), f"{rate:.2f}",
                     tables.number(percentile(delays, 0.5)), tables.number(percentile(delays, 0.95)), trouble))
    return rows, all_delays


def together(options, folder):
    dialects = [name for name in (*clients.LIVE, "OpenAI", "OpenAI stream") if name not in options.without for _ in range(2)]
    cameras = "streams:\n" + "".join(f"  camera{i}: {{url: {file}, loop: true}}\n" for i, file in enumerate(recordings(folder, 2)))
    spoken = talks(len(dialects), 60 * options.minutes)
    rows, figures = [], []
    for names, what in (([options.beside] * len(dialects), f"{len(dialects)} of WhisperLive alone"), (dialects, "all dialects")):
        with processes.serving(PROGRAM, MODELS, folder) as start:
            place = serve(start, options, cameras)
            time.sleep(5)
            takes = asyncio.run(crowd(names, place, spoken))
        some, delays = rows_together(names, spoken, takes)
        rows += [(what, *row) for row in some]
        figures.append(percentile(delays, 0.95))
        if what == "all dialects":
            rows.append((what, "all that are live", "", "", len(delays), "", tables.number(percentile(delays, 0.5)),
                         tables.number(figures[-1]), ""))
    head = ("", "dialect", "clients", "utterances", "last words heard", "WER %", "last word final, p50 s", "p95 s", "trouble")
    is_well = all(figures) and figures[1] < 1.25 * figures[0] + 0.1 and not any(row[-1] for row in rows)
    return tables.table(head, rows) + f"\n\nBeside two cameras, {options.minutes:g} minutes each, {PAUSE:g} s between utterances.", is_well


SECTIONS = {"same": same, "together": together}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=180, help="of the recording")
    parser.add_argument("--minutes", type=float, default=5, help="of all at once")
    parser.add_argument("--beside", default="WhisperLive", help="the dialect of those that all are compared with")
    parser.add_argument("--without", default="", help="dialects that are left out, with commas between")
    parser.add_argument("--only", default=",".join(SECTIONS))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    options.without = options.without.split(",")
    is_well = True
    for section in options.only.split(","):
        with tempfile.TemporaryDirectory(prefix="eavesdrop-dialects-", dir="/tmp") as name:
            text, is_section_well = SECTIONS[section](options, Path(name))
        is_well = is_well and is_section_well
        text += f"\n\n{machine.describe()}; load average {machine.load():.1f}."
        print(f"{section}{'' if is_section_well else ': NOT WELL'}\n\n{text}\n", flush=True)
        if options.write and not tables.write_section(HERE.parent / "docs/benchmarks.md", section, text, "bench/dialects.py"):
            sys.exit(f"docs/benchmarks.md has no place for {section}")
    sys.exit(0 if is_well else 1)


if __name__ == "__main__":
    main()
