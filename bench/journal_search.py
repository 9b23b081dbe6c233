#!/usr/bin/env python3
"""How long does it take to read a journal of a million segments?

    build/venv/bin/python bench/journal_search.py FOLDER --english TEXT... --chinese TEXT... [--write]

Fills a journal in FOLDER, unless there is one already, with --segments stretches of real text: of English from 5 to
25 words in a row, and, one in ten, of Chinese from 10 to 40 characters of a line, in 20 streams over 30 days, each word
with its times. Then asks, --queries of each kind, for the first hundred rows, newest first, with found words marked:

two words       that stand in one segment
a phrase        two words of a segment, one behind the other
two characters  of a Chinese segment, one behind the other
a day           from its end to its begin, a page after the other

and for some of the same in one stream out of twenty, and in one day. The first query of each kind is left out.

--write puts the table into docs/benchmarks.md.
"""

import argparse
import json
import pathlib
import random
import re
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from measure import machine, tables  # noqa: E402

DAY = 86_400_000
SPAN = 30 * DAY
BEGIN = 1_796_000_000_000 - SPAN
STREAMS = 20
PAGES = 25  # of a day, that are read
HAN = re.compile(r"[\u4e00-\u9fff]")


class Texts:
    def __init__(self, english, chinese, seed):
        self.words = " ".join(path.read_text(errors="replace") for path in english).split()
        lines = [line.strip() for path in chinese for line in path.read_text(errors="replace").splitlines()]
        self.lines = [line for line in lines if len(HAN.findall(line)) >= 10]
        self.random = random.Random(seed)

    def english(self):
        n = self.random.randint(5, 25)
        at = self.random.randrange(len(self.words) - n)
        return " ".join(self.words[at : at + n])

    def chinese(self):
        line = self.random.choice(self.lines)
        n = self.random.randint(10, 40)
        at = self.random.randrange(max(1, len(line) - n + 1))
        return line[at : at + n]

    def rows(self, n):
        for i in range(n):
            is_chinese = self.random.randrange(10) == 0
            text = self.chinese() if is_chinese else self.english()
            yield {
                "stream": f"stream-{self.random.randrange(STREAMS)}",
                "start": BEGIN + i * SPAN // n,
                "duration": round(self.random.uniform(2, 12), 2),
                "language": "zh" if is_chinese else "en",
                "model": "base",
                "text": text,
                "timed": True,
            }

    # --- queries ---

    def plain_words(self):
        """Words of a segment that can be searched for as they are."""
        while True:
            words = [re.sub(r"^\W+|\W+$", "", word) for word in self.english().split()]
            words = [word if re.fullmatch(r"[^\W_]+", word) else "" for word in words]
            if any(first and second for first, second in zip(words, words[1:], strict=False)):
                return words

    def two_words(self):
        words = [word for word in self.plain_words() if word]
        return " ".join(self.random.sample(words, 2))

    def phrase(self):
        words = self.plain_words()
        pairs = [pair for pair in zip(words, words[1:], strict=False) if all(pair)]
        return '"' + " ".join(self.random.choice(pairs)) + '"'

    def two_characters(self):
        while True:
            pairs = re.findall(r"(?=([\u4e00-\u9fff]{2}))", self.chinese())
            if pairs:
                return self.random.choice(pairs)

    def moment(self):
        return BEGIN + self.random.randrange(DAY, SPAN)

    def queries(self, n):
        """{kind: queries}"""
        first = {"newest": True, "limit": 100}
        found = {"two words": self.two_words, "a phrase": self.phrase, "two characters": self.two_characters}
        kinds = {kind: [{**first, "words": make()} for _ in range(n)] for kind, make in found.items()}
        kinds["a day"] = [
            {**first, "since": moment - DAY, "until": moment, "pages": PAGES}
            for moment in (self.moment() for _ in range(n // 10))
        ]
        streams = [f"stream-{i}" for i in range(STREAMS)]
        kinds["two words, one stream"] = [
            {**query, "stream": self.random.choice(streams)} for query in kinds["two words"]
        ]
        kinds["a stream's day"] = [{**query, "stream": self.random.choice(streams)} for query in kinds["a day"]]
        kinds["two words, one day"] = [
            {**query, "since": moment - DAY, "until": moment}
            for query, moment in ((query, self.moment()) for query in kinds["two words"])
        ]
        return kinds


def fill(program, folder, texts, n):
    begin = time.monotonic()
    with subprocess.Popen([program, "fill", folder], stdin=subprocess.PIPE, text=True) as child:
        for row in texts.rows(n):
            child.stdin.write(json.dumps(row) + "\n")
    assert child.returncode == 0
    print(f"{n} segments in {time.monotonic() - begin:.0f} s", file=sys.stderr)


def ask(program, folder, queries):
    """(seconds of each page, rows of each query) of all queries but the first."""
    lines = "\n".join(json.dumps(query) for query in queries)
    done = subprocess.run([program, "ask", folder], input=lines, stdout=subprocess.PIPE, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(queries)
    return [seconds for answer in answers[1:] for seconds in answer["seconds"]], [answer["n"] for answer in answers[1:]]


def measure(program, folder, texts, n):
    rows = []
    for kind, queries in texts.queries(n).items():
        seconds, found = ask(program, folder, queries)
        ms = sorted(1000 * value for value in seconds)
        p95 = ms[min(len(ms) - 1, int(len(ms) * 0.95))]
        rows.append((kind, len(ms), f"{statistics.median(found):.0f}", *map(tables.number, (statistics.median(ms), p95, ms[-1]))))
        print(rows[-1], file=sys.stderr)
    return tables.table(("query", "pages", "rows of a query", "p50, ms", "p95, ms", "most, ms"), rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--english", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--chinese", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--segments", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=400)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parent / "build/release")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    program = arguments.build / "bench/journal_bench"
    arguments.folder.mkdir(parents=True, exist_ok=True)
    database = arguments.folder / "journal.db"
    if not database.exists():
        fill(program, arguments.folder, Texts(arguments.english, arguments.chinese, arguments.seed), arguments.segments)
    texts = Texts(arguments.english, arguments.chinese, arguments.seed + 1)
    text = measure(program, arguments.folder, texts, arguments.queries)
    size = database.stat().st_size
    text += f"\n\n{arguments.segments} segments, {size / 1e6:.0f} MB; {machine.describe()}."
    print(text)
    if arguments.write and not tables.write_section(HERE.parent / "docs/benchmarks.md", "table", text, "bench/journal_search.py"):
        sys.exit("docs/benchmarks.md has no place for it")


if __name__ == "__main__":
    main()
