"""What was kept is read by HTTP: its text, a page at a time, and what was found or fired in it."""

import contextlib
import http.client
import json
import socket
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


@pytest.fixture(scope="module")
def server(program, models, jfk, tmp_path_factory):
    """It has heard the recording on two streams, to the end, and a third never answers."""
    with processes.serving(program, models, tmp_path_factory.mktemp("history")) as start:
        one = start(
            f"streams:\n  hall: {jfk[0]}\n  yard: {jfk[0]}\n  gate: 'rtsp://127.0.0.1:9/gate'\n"
            "journal: {audio: on}\nalerts: {nation: {words: [country], cooldown: 0s}}\n"
        )
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
    for id_ in (uuid.uuid4(), uuid.UUID(int=0), status["id"], "7", row["id"] + "0", "%FF"):
        problem_of(ask(server, f"/segments/{id_}"), 404)
    problem_of(ask(server, f"/segments/{row['id']}", words="1"), 400)


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


def test_where_nothing_is_kept(serve):
    server = serve("journal: off\nstreams: {hall: 'rtsp://127.0.0.1:9/hall'}\n")
    for path in ("/segments", "/streams/hall/segments", f"/segments/{uuid.uuid4()}", "/search?q=x", "/alerts/fired"):
        assert "journal: on" in problem_of(ask(server, path), 404)
