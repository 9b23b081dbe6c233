"""What was kept is read by HTTP: its text, a page at a time or as captions; what was found or fired in it; its
sound; and how a stream's time went."""

import contextlib
import datetime
import http.client
import json
import socket
import subprocess
import urllib.parse
import uuid

import processes
import pytest

LAST = "do for your country"  # said at the recording's end
API = "/api/v1"


class Answer:
    """What a request was answered with."""

    def __init__(self, answer):
        self.status, self.headers, self.body = answer.status, answer.headers, answer.read()

    def json(self):
        return json.loads(self.body)


def ask(server, path, method="GET", headers=None, **query):
    """An Answer. Words of the query that Python reserves end in an underscore."""
    target = API + path
    if query:
        target += "?" + urllib.parse.urlencode({name.rstrip("_"): value for name, value in query.items()})
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request(method, target, headers=headers or {})
        return Answer(connection.getresponse())


def rows_of(server, path, **query):
    answer = ask(server, path, **query)
    assert answer.status == 200, answer.body
    assert answer.headers.get_content_type() == "application/json"
    return answer.json()["rows"]


def pages_of(server, path, **query):
    """The rows of all pages, each asked for by what the one before says."""
    rows, after = [], {}
    while True:
        page = ask(server, path, **query, **after).json()
        rows += page["rows"]
        assert len(page["rows"]) <= int(query.get("limit", 100)) and not page["is_other_epoch"]
        if page["is_end"]:
            return rows
        after = {"after": page["next"]}


def problem_of(answer, status, field=None):
    """What it says, having asserted that it is a problem of that field."""
    assert (answer.status, answer.headers.get_content_type()) == (status, "application/problem+json"), answer.body
    problem = answer.json()
    assert problem["status"] == status and problem.get("field") == field, problem
    return problem["detail"]


def live_captions(server, name):
    """The answer that says what is said on one of the streams from now on."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", f"{API}/streams/yard/captions.{name}?live=1")
    answer = connection.getresponse()
    assert answer.status == 200
    assert name != "vtt" or answer.read1(6) == b"WEBVTT"  # at once
    return answer


@pytest.fixture(scope="module")
def server(program, models, jfk, tmp_path_factory):
    """It has heard the recording on two streams, to the end, and a third never answers."""
    with processes.serving(program, models, tmp_path_factory.mktemp("history")) as start:
        one = start(
            f"streams:\n  hall: {jfk[0]}\n  yard: {jfk[0]}\n  gate: 'rtsp://127.0.0.1:9/gate'\n"
            "journal: {audio: on}\nalerts: {nation: {words: [country], cooldown: 0s}}\n"
        )
        one.live = {name: live_captions(one, name) for name in ("vtt", "srt", "txt")}
        live_captions(one, "vtt").close()  # one that goes is missed by nobody
        for name in ("hall", "yard"):
            processes.wait_until(
                lambda name=name: (
                    LAST in " ".join(row["text"] for row in rows_of(one, f"/streams/{name}/segments")).lower()
                    and any(row["state"] == "ended" for row in rows_of(one, "/segments", kind="status", stream=name))
                ),
                60,
                f"the text of {name}",
            )
        yield one


# --- pages of rows ---------------------------------------------------------------------------


def test_segments_of_a_stream(server):
    rows = rows_of(server, "/streams/hall/segments")
    assert rows and all(row["kind"] == "segment" and row["stream"] == "hall" and row["durable"] for row in rows)
    assert "what your country can do for you" in " ".join(row["text"] for row in rows).lower()
    assert rows == sorted(rows, key=lambda row: row["start"])
    newest = rows_of(server, "/streams/hall/segments", order="newest")
    assert newest == rows[::-1]


def test_pages_follow_each_other(server):
    kinds = "segment,status,alert"
    whole = rows_of(server, "/segments", kind=kinds)
    assert {row["kind"] for row in whole} == set(kinds.split(","))
    assert {row.get("stream") for row in whole} == {"hall", "yard", "gate"}
    for limit in (1, 2, 1000):
        assert pages_of(server, "/segments", kind=kinds, limit=limit) == whole
        assert pages_of(server, "/segments", kind=kinds, limit=limit, order="newest") == whole[::-1]

    end = ask(server, "/segments", kind=kinds).json()
    more = ask(server, "/segments", kind=kinds, after=end["next"]).json()
    assert more == {"rows": [], "next": end["next"], "is_end": True, "is_other_epoch": False}
    assert ask(server, "/segments", order="newest").json()["next"] is None
    # A row's own cursor is one as well.
    assert rows_of(server, "/segments", kind=kinds, after=whole[0]["cursor"]) == whole[1:]


def test_a_cursor_of_another_journal(server):
    page = ask(server, "/segments", after="1-5", limit=1).json()
    assert page["is_other_epoch"] and page["rows"] == rows_of(server, "/segments", limit=1)


def test_conditions(server):
    rows = rows_of(server, "/streams/hall/segments")
    middle = rows[-1]["start"]
    assert rows_of(server, "/streams/hall/segments", to=middle) == [row for row in rows if row["start"] < middle]
    assert rows_of(server, "/streams/hall/segments", from_=middle) == [row for row in rows if row["end"] >= middle]
    assert rows_of(server, "/streams/hall/segments", language="en") == rows
    assert rows_of(server, "/streams/hall/segments", language="German,english") == rows
    assert not rows_of(server, "/streams/hall/segments", language="de")
    assert rows_of(server, "/segments", stream="ha*") == rows
    assert not rows_of(server, "/segments", stream="nobody")


def test_a_stream_that_never_spoke_has_no_rows_and_another_is_not_there(server):
    assert rows_of(server, "/streams/gate/segments") == []
    assert {row["stream"] for row in rows_of(server, "/streams/gate/segments", kind="status")} == {"gate"}
    # A path's name is no glob.
    for name in ("gatehouse", "h%2A", "%2A", "hal%3F", "[h]all"):
        problem_of(ask(server, f"/streams/{name}/segments"), 404)
    problem_of(ask(server, "/streams/nobody/segments"), 404)


def test_one_segment(server):
    row = rows_of(server, "/streams/hall/segments")[0]
    assert ask(server, f"/segments/{row['id']}").json() == row
    assert ask(server, f"/segments/{row['id'].upper()}").json() == row
    status = rows_of(server, "/segments", kind="status")[0]
    for id_ in (uuid.uuid4(), uuid.UUID(int=0), status["id"], "7", row["id"] + "0", "%FE", "a%2Fb"):
        problem_of(ask(server, f"/segments/{id_}"), 404)
    problem_of(ask(server, f"/segments/{row['id']}", words="1"), 400)
    problem_of(ask(server, "/segments/%FF"), 400)  # no text has this byte


def test_found_words_are_marked(server):
    rows = rows_of(server, "/search", q="your country")
    assert {row["stream"] for row in rows} == {"hall", "yard"}
    for row in rows:
        assert row["marked"].replace("\1", "").replace("\2", "") == row["text"]
        assert "\1country\2" in row["marked"].lower()
    assert [row["stream"] for row in rows_of(server, "/search", q='"your country"', stream="hall", limit=1)] == ["hall"]
    assert pages_of(server, "/search", q="country", limit=1) == rows_of(server, "/search", q="country")
    assert rows_of(server, "/search", q="elephant") == []
    assert "byte 1" in problem_of(ask(server, "/search", q='"ask not'), 400, "q")
    problem_of(ask(server, "/search"), 400, "q")
    problem_of(ask(server, "/search", q=""), 400, "q")


def test_alerts_that_fired(server):
    fired = rows_of(server, "/alerts/fired")
    assert {row["stream"] for row in fired} == {"hall", "yard"} and {row["alert"] for row in fired} == {"nation"}
    assert pages_of(server, "/alerts/fired", limit=1) == fired
    assert rows_of(server, "/alerts/fired", stream="hall") == [row for row in fired if row["stream"] == "hall"]
    assert ask(server, f"/segments/{fired[0]['segment']}").status == 200


WRONG = [
    ("/segments", {"from": "noon"}, "from"),
    ("/segments", {"from": "20", "to": "10"}, "to"),
    ("/segments", {"from": "0", "to": "0"}, "to"),
    ("/segments", {"limit": "0"}, "limit"),
    ("/segments", {"limit": "1001"}, "limit"),
    ("/segments", {"limit": "1e2"}, "limit"),
    ("/segments", {"order": "oldest first"}, "order"),
    ("/segments", {"after": "7"}, "after"),
    ("/segments", {"after": "ffffffffffffffffffffff-1"}, "after"),
    ("/segments", {"kind": "segment,speech"}, "kind"),
    ("/segments", {"kind": ""}, "kind"),
    ("/segments", {"kind": ",".join(["segment"] * 17)}, "kind"),
    ("/segments", {"language": "klingon"}, "language"),
    ("/segments", {"language": "auto"}, "language"),
    ("/segments", {"stream": ""}, "stream"),
    ("/segments", {"til": "10"}, None),
    ("/streams/hall/segments", {"stream": "yard"}, None),
    ("/search", {"q": "x" * 1025}, "q"),
    ("/alerts/fired", {"kind": "alert"}, None),
]


@pytest.mark.parametrize(("path", "query", "field"), WRONG)
def test_what_is_wrong_is_named(server, path, query, field):
    assert problem_of(ask(server, path, **query), 400, field)


def test_a_head_has_no_body(server):
    answer = ask(server, "/streams/hall/segments", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert ask(server, "/search", method="HEAD", q="country").status == 200


def test_clients_that_leave_are_forgotten(server):
    """Each asks and goes at once; then there is room for as many others as ever."""
    for _ in range(100):
        with socket.create_connection(("127.0.0.1", server.port), 20) as raw:
            raw.sendall(f"GET {API}/segments?kind=segment,status HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    processes.wait_until(lambda: ask(server, "/segments").status == 200, 20, "an answer")


# --- sound -----------------------------------------------------------------------------------


def seconds_of(time):
    return datetime.datetime.fromisoformat(time).timestamp()


@pytest.fixture(scope="module")
def spoken(server):
    """From when to when the recording was heard on one stream, in Unix seconds."""
    rows = rows_of(server, "/streams/hall/segments")
    return int(seconds_of(rows[0]["start"])), int(seconds_of(rows[-1]["end"])) + 1


def run(*command):
    done = subprocess.run(command, capture_output=True, timeout=60, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def url_of(server, path, **query):
    return f"http://127.0.0.1:{server.port}{API}{path}?{urllib.parse.urlencode(query)}"


@pytest.mark.parametrize("format_", ["ogg", "wav"])
def test_the_sound_of_a_stretch(server, spoken, format_):
    start, end = spoken
    query = {"from": start, "to": end, "format": format_}
    answer = ask(server, "/streams/hall/audio", **query)
    assert (answer.status, answer.headers["Content-Type"]) == (200, f"audio/{format_}")
    assert answer.headers["Accept-Ranges"] == "bytes" and int(answer.headers["Content-Length"]) == len(answer.body)
    again = ask(server, "/streams/hall/audio", **query)
    assert (again.body, again.headers["ETag"]) == (answer.body, answer.headers["ETag"])
    head = ask(server, "/streams/hall/audio", method="HEAD", **query)
    assert (head.status, head.body, head.headers["ETag"]) == (200, b"", answer.headers["ETag"])
    assert int(head.headers["Content-Length"]) == len(answer.body)

    # Players look at its end to know how long it is.
    url = url_of(server, "/streams/hall/audio", **query)
    show = ("-show_entries", "format=duration", "-of", "csv=p=0")
    assert abs(float(run("ffprobe", "-v", "error", *show, url)) - (end - start)) < 0.1
    samples = run("ffmpeg", "-v", "error", "-i", url, "-f", "s16le", "-ar", "16000", "-")
    assert abs(len(samples) / 32000 - (end - start)) < 0.1
    assert max(samples) > 64  # somebody is heard
    # A broken download goes on where it was.
    assert run("curl", "-sS", "-r", "100-199", url) == answer.body[100:200]
    assert run("curl", "-sS", "-C", "1000", url) == answer.body[1000:]


def test_parts_of_sound(server, spoken):
    query = {"from": spoken[0], "to": spoken[1]}
    whole = ask(server, "/streams/hall/audio", **query)
    tag, n = whole.headers["ETag"], len(whole.body)

    def part(wanted, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(server, "/streams/hall/audio", headers={"Range": wanted, **headers}, **query)

    for wanted, first, last in [
        ("bytes=0-0", 0, 0),
        ("bytes=10-99", 10, 99),
        ("bytes=500-", 500, n - 1),
        ("bytes=-500", n - 500, n - 1),
        (f"bytes=10-{n + 5}", 10, n - 1),
    ]:
        answer = part(wanted)
        assert (answer.status, answer.headers["Content-Range"]) == (206, f"bytes {first}-{last}/{n}")
        assert (answer.body, answer.headers["ETag"]) == (whole.body[first : last + 1], tag)
    for wanted in (f"bytes={n}-", "bytes=-0"):
        answer = part(wanted)
        problem_of(answer, 416, "Range")
        assert answer.headers["Content-Range"] == f"bytes */{n}"
    for wanted in ("bytes=9-8", "bytes=0-1,4-5", "seconds=0-1", "bytes=x"):
        answer = part(wanted)
        assert (answer.status, answer.body) == (200, whole.body)
    assert part("bytes=0-9", If_Range=tag).status == 206
    for other in ('"another"', f"W/{tag}", "Mon, 30 Nov 2026 12:00:00 GMT"):
        answer = part("bytes=0-9", If_Range=other)
        assert (answer.status, answer.body) == (200, whole.body)
    answer = ask(server, "/streams/hall/audio", headers={"If-None-Match": f'"x", {tag}'}, **query)
    assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", tag)


def test_the_sound_of_a_segment(server):
    for row in rows_of(server, "/streams/yard/segments"):
        answer = ask(server, f"/segments/{row['id']}/audio", format="wav")
        seconds = seconds_of(row["end"]) - seconds_of(row["start"])
        assert answer.status == 200 and abs(len(answer.body) - 44 - 32000 * seconds) < 100
        assert ask(server, f"/segments/{row['id']}/audio").headers["Content-Type"] == "audio/ogg"
    problem_of(ask(server, f"/segments/{uuid.uuid4()}/audio"), 404)
    problem_of(ask(server, "/segments/x/audio"), 404)


def test_sound_that_is_not_there(server, spoken):
    start, end = spoken
    for name in ("nobody", "gate", "h%2A"):
        problem_of(ask(server, f"/streams/{name}/audio", **{"from": start, "to": end}), 404)
    problem_of(ask(server, "/streams/hall/audio", **{"from": start - 7200, "to": start - 3700}), 404)


# --- how time went ---------------------------------------------------------------------------


def test_a_timeline(server, spoken):
    start, end = spoken
    answer = ask(server, "/streams/hall/timeline", **{"from": start, "to": end, "step": 1})
    assert answer.status == 200, answer.body
    line = answer.json()
    bins = line["bins"]
    assert line["step"] == 1 and len(bins) == end - start
    assert [seconds_of(one["start"]) for one in bins] == list(range(start, end))
    rows = rows_of(server, "/streams/hall/segments")
    spoken_for = sum(seconds_of(row["end"]) - seconds_of(row["start"]) for row in rows)
    assert abs(sum(one["speech"] for one in bins) - spoken_for) < 0.01 and all(one["speech"] <= 1 for one in bins)
    fired = rows_of(server, "/alerts/fired", stream="hall")
    assert sum(one["alerts"] for one in bins) == len(fired)
    for row in fired:
        assert bins[int(seconds_of(row["start"]) - start)]["alerts"] >= 1
    # The bins of another step have the same.
    coarse = ask(server, "/streams/hall/timeline", **{"from": start, "to": end, "step": 5}).json()["bins"]
    for i, one in enumerate(coarse):
        assert abs(one["speech"] - sum(fine["speech"] for fine in bins[5 * i : 5 * i + 5])) < 0.01
    assert all(one["outage"] == 0 for one in bins[2:])


def test_an_outage_in_a_timeline(server):
    """The camera that never answers is out from its first state until now, and no longer."""
    since = seconds_of(rows_of(server, "/streams/gate/segments", kind="status")[0]["start"])
    line = ask(server, "/streams/gate/timeline", **{"from": int(since) - 10, "to": int(since) + 3600}).json()
    out = [one["outage"] for one in line["bins"]]
    last = seconds_of(line["to"])
    assert len(out) == 98 and line["step"] == 37 and last == int(since) + 3600
    assert 0 < sum(out) < last - since
    assert all(one["speech"] == 0 for one in line["bins"])
    # A state before the stretch counts as well.
    now = int(since) + 2
    assert ask(server, "/streams/gate/timeline", **{"from": now, "to": now + 1}).json()["bins"][0]["outage"] == 1
    day = ask(server, "/streams/gate/timeline").json()
    assert len(day["bins"]) == 100 and day["step"] == 864


# --- captions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"), [("vtt", "text/vtt"), ("srt", "application/x-subrip"), ("txt", "text/plain")]
)
def test_captions_are_those_of_export(server, command, spoken, name, kind):
    answer = ask(server, f"/streams/hall/captions.{name}")
    assert (answer.status, answer.headers.get_content_type()) == (200, kind)
    stretch = ask(server, f"/streams/hall/captions.{name}", **{"from": spoken[0], "to": spoken[1]})
    if name == "txt":
        rows = rows_of(server, "/streams/hall/segments")
        assert answer.body.decode() == "".join(row["text"] + "\n" for row in rows) == stretch.body.decode()
        return
    export = ("export", "--stream", "hall", "--format", name, "--state-dir", server.state_dir)
    assert answer.body.decode() == command(*export).stdout
    since = datetime.datetime.fromtimestamp(spoken[0], datetime.UTC).isoformat()
    assert stretch.body.decode() == command(*export, "--since", since).stdout != answer.body.decode()


def test_players_read_captions(server):
    texts = [
        run("ffmpeg", "-v", "error", "-i", url_of(server, f"/streams/hall/captions.{name}"), "-f", "srt", "-").decode()
        for name in ("vtt", "srt")
    ]
    assert texts[0] == texts[1] and "00:00:0" in texts[0]
    assert LAST in " ".join(texts[0].split()).lower()


def test_captions_of_silence(server):
    assert ask(server, "/streams/gate/captions.vtt").body == b"WEBVTT\n\n"
    assert ask(server, "/streams/gate/captions.srt").body == b""
    assert ask(server, "/streams/hall/captions.txt", to=1).body == b""
    problem_of(ask(server, "/streams/nobody/captions.vtt"), 404)


def lines_of(captions):
    """What is said, and numbers, without the times."""
    return [line for line in captions.splitlines() if b"-->" not in line]


def test_captions_of_what_is_said_now(server):
    """They come as it is said, to all who read; the server stops beside those that stay."""
    for name, answer in server.live.items():
        # Their times count from their beginning; else they are those of the stretch.
        whole = lines_of(ask(server, f"/streams/yard/captions.{name}").body)
        heard = b"WEBVTT" if name == "vtt" else b""  # which was read
        while lines_of(heard) != whole:
            piece = answer.read1()
            assert piece, heard
            heard += piece
        begins = {"vtt": b"WEBVTT\n\n00:00:", "srt": b"1\n00:00:", "txt": whole[0]}
        assert heard.startswith(begins[name])


# --- what is wrong ---------------------------------------------------------------------------

WRONG_OF_A_STREAM = [
    ("audio", {}, "from"),
    ("audio", {"from": "10"}, "to"),
    ("audio", {"from": "10", "to": "10"}, "to"),
    ("audio", {"from": "10", "to": "3610.001"}, "to"),
    ("audio", {"from": "10", "to": "20", "format": "mp3"}, "format"),
    ("audio", {"from": "10", "to": "20", "step": "1"}, None),
    ("timeline", {"step": "0"}, "step"),
    ("timeline", {"step": "43"}, "step"),
    ("timeline", {"from": "0", "to": "2001", "step": "1"}, "step"),
    ("timeline", {"from": "9999-01-01"}, "from"),
    ("captions.vtt", {"live": "yes"}, "live"),
    ("captions.vtt", {"live": "1", "from": "10"}, "live"),
    ("captions.srt", {"from": "x"}, "from"),
    ("captions.txt", {"limit": "5"}, None),
]


@pytest.mark.parametrize(("path", "query", "field"), WRONG_OF_A_STREAM)
def test_what_is_wrong_of_a_stream_is_named(server, path, query, field):
    problem_of(ask(server, f"/streams/hall/{path}", **query), 400, field)


def test_where_nothing_is_kept(serve):
    server = serve("journal: off\nstreams: {hall: 'rtsp://127.0.0.1:9/hall'}\n")
    one = f"/segments/{uuid.uuid4()}"
    hall = "/streams/hall"
    for path in ("/segments", f"{hall}/segments", one, f"{one}/audio", "/search?q=x", "/alerts/fired"):
        assert "journal: on" in problem_of(ask(server, path), 404)
    for path in (f"{hall}/audio?from=1&to=2", f"{hall}/timeline", f"{hall}/captions.vtt", f"{hall}/captions.vtt?live=1"):
        assert "journal: on" in problem_of(ask(server, path), 404)


def test_where_no_sound_is_kept(serve):
    server = serve("streams: {hall: 'rtsp://127.0.0.1:9/hall'}\n")
    assert "audio: on" in problem_of(ask(server, "/streams/hall/audio", **{"from": 1, "to": 2}), 404)
    assert "audio: on" in problem_of(ask(server, f"/segments/{uuid.uuid4()}/audio"), 404)
    assert ask(server, "/streams/hall/segments").json()["rows"] == []
