"""search, export and tail, on a journal that journal_bench filled."""

import json
import os
import pty
import re
import subprocess
import time

import processes
import pytest

NOW = int(time.time() * 1000)
MINUTE = 60_000

TEXTS = [  # stream, minutes ago, text
    ("hall", 180, "The fire alarm rang, and nobody heard it."),
    ("kitchen", 150, "Is there an alarm in the kitchen? No fire, please."),
    ("hall", 120, "我昨天去了京都，天氣很好。"),
    ("hall-2", 90, "Zoë rang the bell in the café."),
    ("kitchen", 60, "a trick: \x1b[31m \u202e \x07 & <b>"),
    ("hall", 30, "Fire drill! This is a test."),
]


class Journal:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        folder.mkdir(mode=0o700, exist_ok=True)

    def fill(self, rows):
        lines = "\n".join(json.dumps({"model": "base", "duration": 4, "timed": True, **row}) for row in rows)
        subprocess.run(
            [self.program.parent / "bench/journal_bench", "fill", self.folder], input=lines.encode(), check=True
        )

    def say(self, stream, text, ago=0, **more):
        self.fill([{"stream": stream, "text": text, "start": NOW - ago, "language": "en", **more}])

    def command(self, *arguments):
        return [self.program, *map(str, arguments), "--state-dir", self.folder]

    def run(self, *arguments, code=0, **options):
        done = subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            timeout=30,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "TZ": "UTC", **options.pop("env", {})},
            **options,
        )
        assert done.returncode == code, done.stderr
        return done

    def lines(self, *arguments, **options):
        """What is said in the lines, without dates."""
        return [re.sub(r"^[-\d]{10} [:\d]{8} ", "", line) for line in self.run(*arguments, **options).stdout.splitlines()]


@pytest.fixture(scope="module")
def filled(program, tmp_path_factory):
    journal = Journal(program, tmp_path_factory.mktemp("journal") / "state")
    journal.fill(
        {"stream": stream, "start": NOW - ago * MINUTE, "text": text, "language": "zh" if "京" in text else "en"}
        for stream, ago, text in TEXTS
    )
    journal.fill([{"kind": "status", "stream": "kitchen", "state": "offline", "reason": "refused", "start": NOW}])
    return journal


@pytest.fixture
def journal(program, tmp_path):
    return Journal(program, tmp_path / "state")


def on_terminal(command, **environment):
    """What a terminal is sent."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=theirs, env={**os.environ, "TERM": "xterm", "TZ": "UTC", **environment}
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # EIO: nobody writes any more
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert child.wait(30) == 0
    return shown.decode().replace("\r\n", "\n")


# --- search ----------------------------------------------------------------------------------


def test_newest_come_first_and_words_are_all_wanted(filled):
    assert filled.lines("search", "fire") == [
        "hall: Fire drill! This is a test.",
        "kitchen: Is there an alarm in the kitchen? No fire, please.",
        "hall: The fire alarm rang, and nobody heard it.",
    ]
    assert len(filled.lines("search", "fire alarm")) == 2
    assert filled.lines("search", '"fire alarm"') == ["hall: The fire alarm rang, and nobody heard it."]
    assert filled.lines("search", "fire -test -kitchen") == ["hall: The fire alarm rang, and nobody heard it."]
    assert filled.lines("search", "ZOE cafe") == ["hall-2: Zoë rang the bell in the café."]
    assert filled.lines("search", "nowhere") == []


@pytest.mark.parametrize("word", ("京", "京都", "天氣很", "去了京都"))
def test_words_of_scripts_without_blanks(filled, word):
    assert filled.lines("search", word) == ["hall: 我昨天去了京都，天氣很好。"]


def before_now(minutes):
    """So many minutes before NOW, which may itself be long ago, as the verbs have it."""
    return f"{minutes + int(time.time() - NOW / 1000) // 60}m"


def test_conditions(filled):
    assert len(filled.lines("search", "fire", "--stream", "hall")) == 2
    assert len(filled.lines("search", "rang", "--stream", "hall*")) == 2
    assert len(filled.lines("search", "rang", "--stream", "hall-2", "--stream", "kitchen")) == 1
    assert len(filled.lines("search", "fire", "--since", "2h")) == 1
    assert len(filled.lines("search", "fire", "--until", "2h")) == 2
    assert len(filled.lines("search", "fire", "--since", before_now(165), "--until", "2h")) == 1
    day = time.strftime("%Y-%m-%d", time.gmtime(NOW / 1000 - 86400))
    assert len(filled.lines("search", "fire", "--since", day)) == 3
    assert filled.lines("search", "fire", "--until", day) == []
    assert filled.lines("export", "--language", "zh") == ["hall: 我昨天去了京都，天氣很好。"]
    done = filled.run("search", "fire", "--limit", "1")
    assert len(done.stdout.splitlines()) == 1
    assert "there are more than these 1" in done.stderr


def test_found_words_in_json(filled):
    rows = [json.loads(line) for line in filled.run("search", "fire alarm", "--format", "json").stdout.splitlines()]
    assert [row["stream"] for row in rows] == ["kitchen", "hall"]
    row = rows[1]
    assert row["marked"] == "The \x01fire\x02 \x01alarm\x02 rang, and nobody heard it."
    assert row["text"] == TEXTS[0][2]
    assert row["kind"] == "segment" and row["durable"] is True and row["duration"] == 4
    assert "".join(word["text"] for word in row["words"]) == row["text"]
    assert row["words"][0]["start"] == row["position"]
    assert list(row) == (
        "kind cursor id stream generation start end position duration language text marked words confidence model durable"
    ).split()


def test_terminal(filled):
    shown = on_terminal(filled.command("search", "fire alarm"))
    assert "\x1b[1;33mfire\x1b[0m \x1b[1;33malarm\x1b[0m rang" in shown
    plain = on_terminal(filled.command("search", "fire alarm"), NO_COLOR="1")
    assert "\x1b" not in plain and "fire alarm rang" in plain
    shown = on_terminal(filled.command("search", "trick"), NO_COLOR="1")
    assert "a trick:  [31m � " in shown and "\x1b" not in shown and "\x07" not in shown
    shown = on_terminal(filled.command("search", "trick", "--format", "json"))
    assert "\u202e" not in shown and json.loads(shown)["stream"] == "kitchen"


@pytest.mark.parametrize(
    ("arguments", "words"),
    (
        (('fire "alarm',), "a quote that is not closed (byte 6)"),
        ((" -fire",), "only words to leave out"),
        (("&",), "nothing to search for"),
        ((), "no words to search for"),
        (("fire", "--since", "yesterday"), "--since is a time such as 2h"),
        (("fire", "--since", "1h", "--until", "2h"), "--until is not after --since"),
        (("fire", "--limit", "-1"), "--limit is a whole number"),
        (("fire", "--format", "srt"), "subtitles are one stream's"),
        (("fire", "--steam", "hall"), "did you mean --stream?"),
    ),
)
def test_mistakes(filled, arguments, words):
    done = filled.run("search", *arguments, code=2)
    assert words in done.stderr
    assert done.stdout == ""


def test_no_journal(program, tmp_path):
    for verb in (("search", "fire"), ("export",), ("tail",), ("tail", "-f")):
        done = Journal(program, tmp_path / "nothing").run(*verb, code=1)
        assert f"there is no journal in {tmp_path / 'nothing'}" in done.stderr


def test_state_folder(filled, tmp_path):
    state = tmp_path / "xdg"
    state.mkdir()
    (state / "eavesdrop").symlink_to(filled.folder)
    for environment in ({"XDG_STATE_HOME": str(state)}, {"EAVESDROP_STATE_DIR": str(filled.folder)}):
        done = subprocess.run(
            [filled.program, "search", "bell"], capture_output=True, text=True, timeout=30, env={**os.environ, **environment}
        )
        assert "Zoë rang the bell" in done.stdout, done.stderr


# --- export ----------------------------------------------------------------------------------


def test_export_is_oldest_first_and_whole(filled):
    lines = filled.lines("export")
    assert [line.split(":")[0] for line in lines] == [stream for stream, _, _ in TEXTS]
    rows = [json.loads(line) for line in filled.run("export", "--format", "json").stdout.splitlines()]
    assert [row["text"] for row in rows[:-1]] == [text for _, _, text in TEXTS]
    assert rows[-1]["kind"] == "status" and rows[-1]["reason"] == "refused" and "text" not in rows[-1]
    assert len(filled.lines("export", "--limit", "2")) == 2
    assert len(filled.lines("export", "fire")) == 3


def test_more_than_a_page(journal):
    journal.fill({"stream": "hall", "text": f"number {i}", "start": NOW + i * 5000} for i in range(2500))
    assert journal.lines("export") == [f"hall: number {i}" for i in range(2500)]
    assert len(journal.lines("search", "number", "--limit", "0")) == 2500
    assert journal.lines("search", "number", "--limit", "1001")[-1] == "hall: number 1499"
    assert len(journal.lines("search", "number")) == 100


def test_subtitles(filled):
    srt = filled.run("export", "--stream", "hall", "--format", "srt").stdout
    cues = [cue.split("\n") for cue in srt.strip().split("\n\n")]
    assert [cue[0] for cue in cues] == ["1", "2", "3"]
    assert [cue[1][:8] for cue in cues] == ["00:00:00", "01:00:00", "02:30:00"]
    assert cues[0][1].startswith("00:00:00,000 --> 00:00:03,")
    assert [" ".join(cue[2:]) for cue in cues] == [text for stream, _, text in TEXTS if stream == "hall"]
    vtt = filled.run("export", "--stream", "kitchen", "--format", "vtt").stdout
    assert vtt.startswith("WEBVTT\n\n00:00:00.000 --> ")
    assert "&amp; &lt;b&gt;" in vtt and "\x1b" not in vtt
    # Times count from --since, of the newest rows.
    since = (NOW - 240 * MINUTE) // 1000
    date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(since))
    found = filled.run("search", "fire", "--stream", "hall", "--format", "srt", "--limit", "1", "--since", date).stdout
    assert found.startswith("1\n03:30:0") and "Fire drill!" in found and "alarm" not in found
    found = filled.run("search", "fire", "--stream", "hall", "--format", "srt").stdout
    assert found.index("alarm") < found.index("drill")
    assert filled.run("export", "--stream", "none", "--format", "vtt").stdout == "WEBVTT\n\n"


def test_output_that_is_full(filled):
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >/dev/full', "sh", *filled.command("export")], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1 and "standard output could not be written" in done.stderr


def test_damaged_rows_are_left_out_and_told(journal):
    for i in range(3):
        journal.say("hall", f"number {i}")
    database = journal.folder / "journal.db"
    content = database.read_bytes()
    assert content.count(b"number 1") == 1
    database.write_bytes(content.replace(b"number 1", b"number 7"))
    done = journal.run("export", code=1)
    assert [line.split(": ")[1] for line in done.stdout.splitlines()] == ["number 0", "number 2"]
    assert "1 rows are damaged and were left out" in done.stderr


# --- tail ------------------------------------------------------------------------------------


@pytest.fixture
def tail(journal):
    """Start `tail -f`: tail(argument, ...) returns a function that gives the next line."""
    running = []

    def start(*arguments):
        child = subprocess.Popen(
            journal.command("tail", "-f", *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        running.append(child)
        return child

    yield start
    for child in running:
        child.kill()
        child.wait()
        child.stdout.close()
        child.stderr.close()


def next_text(child):
    return child.stdout.readline().rstrip("\n").split(": ", 1)[1]


def test_tail_shows_the_last(filled):
    assert filled.lines("tail", "-n", "2") == ["hall: Fire drill! This is a test.", "kitchen: offline: refused"]
    assert filled.lines("tail", "-n", "1", "hall") == ["hall: Fire drill! This is a test."]
    assert filled.lines("tail", "-n", "0") == []
    assert len(filled.lines("tail", "hall*")) == 4
    rows = [json.loads(line) for line in filled.run("tail", "--format", "json", "-n", "1").stdout.splitlines()]
    assert rows[0]["state"] == "offline"
    assert "up to 1000" in filled.run("tail", "-n", "1001", code=2).stderr


def test_tail_follows(journal, tail):
    journal.say("hall", "one")
    journal.say("attic", "two")
    all_streams, hall = tail(), tail("-n", "0", "hall")
    assert [next_text(all_streams), next_text(all_streams)] == ["one", "two"]
    time.sleep(0.5)  # the other one may have begun as well
    journal.say("attic", "three")
    journal.say("hall", "four")
    assert [next_text(all_streams), next_text(all_streams)] == ["three", "four"]
    assert next_text(hall) == "four"


def test_tail_of_an_empty_journal(journal, tail):
    journal.fill([])
    child = tail()
    time.sleep(0.5)
    journal.say("hall", "one")
    assert next_text(child) == "one"


def test_tail_goes_on_in_a_new_file(journal, tail, program, tmp_path):
    """The server begins a new journal when the old one is damaged."""
    journal.say("hall", "one")
    child = tail()
    assert next_text(child) == "one"
    other = Journal(program, tmp_path / "other")
    other.say("hall", "two")
    for name in ("journal.db-wal", "journal.db-shm"):
        (journal.folder / name).unlink(missing_ok=True)
    os.replace(other.folder / "journal.db", journal.folder / "journal.db")
    assert next_text(child) == "two"
    journal.say("hall", "three")
    assert next_text(child) == "three"
    child.kill()
    assert "the journal was begun anew" in child.stderr.read()


def test_tail_ends_when_its_reader_leaves(journal):
    journal.say("hall", "one")
    reading, writing = os.pipe()
    child = subprocess.Popen(journal.command("tail", "-f"), stdout=writing)
    os.close(writing)
    assert b"one" in os.read(reading, 1000)
    os.close(reading)
    processes.wait_until(lambda: child.poll() is not None, 10, "the end of tail")
    assert child.returncode == 0


# --- alerts test -----------------------------------------------------------------------------


def test_what_an_alert_would_have_found(filled):
    def test(*arguments, code=0):
        done = filled.run("alerts", "test", *arguments, code=code)
        return [re.sub(r"^[-\d]{10} [:\d]{8} ", "", line) for line in done.stdout.splitlines()], done.stderr

    lines, told = test("--words", "fire")
    assert lines == [
        "hall: [alert test] The fire alarm rang, and nobody heard it.",
        "kitchen: [alert test] Is there an alarm in the kitchen? No fire, please.",
        "hall: [alert test] Fire drill! This is a test.",
    ]
    assert told == "3 firings in 6 segments\n"
    assert len(test("--words", "fire", "京都", "cafe")[0]) == 5
    assert test(r"\bfire (?!alarm)")[0] == ["hall: [alert test] Fire drill! This is a test."]
    assert len(test("--words", "fire", "--since", "1h")[0]) == 1
    assert len(test("--words", "fire", "--stream", "kitchen")[0]) == 1
    assert len(test("--words", "fire", "--limit", "2")[0]) == 2
    assert len(test("--words", "fire", "--cooldown", "24h")[0]) == 2
    assert test("nothing like it") == ([], "0 firings in 6 segments\n")
    row = json.loads(test("--words", "京都", "--format", "json")[0][0])
    assert (row["kind"], row["found"], row["phase"], row["alert"]) == ("alert", "京都", "fired", "test")


@pytest.mark.parametrize(
    "arguments, told",
    (
        (("test", "fire("), "patterns, item 1: 'fire(': missing closing parenthesis, at character 6"),
        (("test", "--words", "..."), "words, item 1: '...' has no letter"),
        (("test",), "alerts test PATTERN..."),
        (("list", "x"), "alerts test PATTERN..."),
        (("test", "x", "--cooldown", "soon"), "--cooldown is a time such as 30s, not soon"),
        (("test", "x", "--format", "srt", "--stream", "hall"), "--format is text or json, not srt"),
    ),
)
def test_mistakes_of_an_alert(filled, arguments, told):
    assert told in filled.run("alerts", *arguments, code=2).stderr
