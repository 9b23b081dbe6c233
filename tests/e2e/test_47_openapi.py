"""The API is as it is described: each operation by each kind of token, and what contradicts the description; and
what pages of other servers may."""

import contextlib
import hashlib
import http.client
import json

import openapi_run
import processes
import pytest

SECRETS = {who: "" if who == "nobody" else f"evd_{who}_{'x' * 24}" for who in openapi_run.WHO}
SCOPES = {
    "reader": "[read]",
    "guest": "[read], streams: [hall]",
    "talker": "[listen]",
    "manager": "[manage]",
    "all": "[read, listen, manage]",
}
PAGE = "https://dash.example"


def configuration(recording):
    tokens = [
        f"    - {{name: {who}, hash: 'sha256:{hashlib.sha256(SECRETS[who].encode()).hexdigest()}', scopes: {scopes}}}\n"
        for who, scopes in SCOPES.items()
    ]
    return (
        f"streams: {{hall: '{recording}', gate: 'rtsp://127.0.0.1:9/gate'}}\n"
        "journal: {audio: on}\nalerts: {nation: {words: [country], cooldown: 0s}}\n"
        f"origins: [{PAGE}]\nauth:\n  tokens:\n" + "".join(tokens)
    )


def ask(server, method, target, body=None, who=None, **headers):
    """(status, headers, body) of a request, whose headers' names have _ for -."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if who:
        headers["Authorization"] = f"Bearer {SECRETS[who]}"
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()


def heard(server):
    """The stream's name and the id of a segment, once the recording has ended and is text."""

    def rows(query):
        return json.loads(ask(server, "GET", f"/api/v1/segments?stream=hall{query}", who="all")[2])["rows"]

    ended = "&kind=status"
    processes.wait_until(lambda: any(row["state"] == "ended" for row in rows(ended)), 60, "the recording's end")
    # The end may be told before the last words are text.
    return "hall", processes.wait_until(lambda: rows(""), 60, "its text")[0]["id"]


@pytest.fixture(scope="module")
def server(program, models, jfk, tmp_path_factory):
    with processes.serving(program, models, tmp_path_factory.mktemp("openapi")) as start:
        one = start(configuration(jfk[0]))
        one.known = heard(one)
        yield one


def test_what_is_described_holds(server):
    done = openapi_run.run(server, "all", SECRETS, server.known)
    assert done.returncode == 0, done.stdout[-12000:] + done.stderr[-2000:]


@pytest.mark.parametrize(
    ("method", "target", "body", "field"),
    [
        # What the run leaves out, since it would go on, or be heard in the network.
        ("GET", "/api/v1/events?kind=tial", None, "kind"),
        ("GET", "/api/v1/events?stream=", None, "stream"),
        ("GET", "/api/v1/events?after=7", None, "after"),
        ("GET", "/api/v1/events?until=0", None, None),
        ("GET", "/api/v1/streams/hall/captions.vtt?live=yes", None, "live"),
        ("POST", "/api/v1/discover?seconds=0", None, "seconds"),
        ("POST", "/api/v1/discover?seconds=11", None, "seconds"),
        ("POST", "/api/v1/discover?second=1", None, None),
        # And what its URLs are not, which all have one host.
        ("POST", "/api/v1/probe", '{"url": "rtsp://"}', "url"),
        ("POST", "/api/v1/probe", '{"url": "rtsp://[::1"}', "url"),
        ("POST", "/api/v1/probe", '{"url": "rtsp://host:70000/"}', "url"),
        ("POST", "/api/v1/probe", '{"url": "file:/etc/passwd"}', "url"),
        ("POST", "/api/v1/streams", '{"name": "x", "url": "srt://:9000?mode=listener"}', "url"),
        # No JSON, or none that is taken.
        ("POST", "/api/v1/streams", "", None),
        ("POST", "/api/v1/streams", "[" * 100000, None),
        ("POST", "/api/v1/streams", '{"name": "\\ud800", "url": "rtsp://host/"}', None),
        ("POST", "/api/v1/streams", '{"name": "a\\u0000b", "url": "rtsp://host/"}', None),
        ("POST", "/api/v1/streams", '{"name": "a", "name": "b", "url": "rtsp://host/"}', None),
        ("POST", "/api/v1/streams", '{"name": "x", "url": "rtsp://host/", "decoding": {"a": {"b": {}}}}', "decoding.a"),
    ],
)
def test_a_mistake_is_named(server, method, target, body, field):
    status, headers, text = ask(server, method, target, body, "all")
    problem = json.loads(text)
    assert (status, headers.get_content_type()) == (400, "application/problem+json"), text
    assert problem.get("field") == field and problem["detail"], problem


# --- pages of other servers ------------------------------------------------------------------


def test_a_listed_page_may_ask(server):
    preflight = {"Origin": PAGE, "Access-Control-Request-Method": "PATCH"}
    status, headers, _ = ask(server, "OPTIONS", "/api/v1/streams/hall", **preflight)
    assert status == 204 and headers["Access-Control-Allow-Origin"] == PAGE and headers["Vary"] == "Origin"
    assert headers["Access-Control-Allow-Methods"].split(", ") == ["GET", "HEAD", "PATCH", "DELETE"]
    assert "authorization" in headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert "Access-Control-Allow-Credentials" not in headers

    for method, target, body, who, expected in (
        ("GET", "/api/v1/streams", None, "reader", 200),
        ("GET", "/openapi.json", None, None, 200),
        ("GET", "/api/v1/streams", None, None, 401),
        ("GET", "/api/v1/streams", None, "talker", 403),
        ("GET", "/api/v1/nothing", None, None, 404),
        ("PUT", "/api/v1/streams", None, "all", 405),
        ("POST", "/api/v1/streams", "x" * (256 * 1024 + 1), "manager", 413),
    ):
        status, headers, text = ask(server, method, target, body, who, Origin=PAGE)
        assert (status, headers["Access-Control-Allow-Origin"]) == (expected, PAGE), (target, text[:200])
        assert headers["Vary"] == "Origin"
        assert status == 200 or headers.get_content_type() == "application/problem+json"


def test_other_pages_may_not(server):
    foreign = {"Origin": "https://evil.example"}
    status, headers, _ = ask(server, "OPTIONS", "/api/v1/streams", Access_Control_Request_Method="GET", **foreign)
    assert status == 403 and "Access-Control-Allow-Origin" not in headers
    # Who has a token is answered; but it is no script's to read.
    status, headers, _ = ask(server, "GET", "/api/v1/streams", None, "reader", **foreign)
    assert status == 200 and "Access-Control-Allow-Origin" not in headers
    # Our own page needs nobody's leave.
    status, headers, _ = ask(server, "GET", "/openapi.json", Origin=f"http://127.0.0.1:{server.port}")
    assert status == 200 and "Access-Control-Allow-Origin" not in headers
