"""Alerts are made, tried and removed while the server runs, and a reload puts what it can into force at once."""

import contextlib
import hashlib
import http.client
import json

import processes
import pytest
from test_36_forget import UnixConnection, socket_of
from test_43_listen import status_of_join, told
from websockets.sync.client import connect

ALERTS = "/api/v1/alerts"
STREAMS = "/api/v1/streams"
SECRET = "evd_a-colleague-who-reads"


def call(server, method, target, body=None, token=None):
    """(status, body) of a request: an administrator's, or by TCP one of who has that token."""
    connection = (
        http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        if token is not None
        else UnixConnection(socket_of(server))
    )
    with contextlib.closing(connection):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request(method, target, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None


@pytest.fixture(scope="module")
def server(program, models, jfk, tmp_path_factory):
    with processes.serving(program, models, tmp_path_factory.mktemp("alerts-api")) as start:
        yield start(f"streams:\n  radio: {{url: {jfk[0]}, loop: true}}\nalerts:\n  own: {{words: nobody says this}}\n")


def file_of(server):
    return server.log_path.with_name(f"config-{server.port}.yaml")


def reload(server, text):
    """What came of another file."""
    file_of(server).write_text(text)
    status, body = call(server, "POST", "/api/v1/reload")
    assert status == 200, body
    return body


def fired(server, name):
    return call(server, "GET", f"{ALERTS}/{name}")[1]["fired"]


def test_an_alert_is_made_fires_and_goes(server):
    assert [alert["name"] for alert in call(server, "GET", ALERTS)[1]["alerts"]] == ["own"]
    children = processes.wait_until(server.media, 30, "the stream's process")
    status, made = call(server, "POST", ALERTS, {"name": "land", "words": ["your country"]})
    assert (status, made["owner"], made["is_shadowed"], made["fired"], made["last_fired"]) == (
        201, "api", False, 0, None,
    )
    assert made["settings"] == {"words": ["your country"]}
    processes.wait_until(lambda: fired(server, "land"), 60, "the alert has fired")
    assert call(server, "GET", f"{ALERTS}/land")[1]["last_fired"].startswith("20")
    # It is counted at once; its row is there when it is on the disk.
    rows = processes.wait_until(lambda: call(server, "GET", f"{ALERTS}/fired")[1]["rows"], 30, "its row is kept")
    assert {(row["alert"], row["stream"], row["found"]) for row in rows} == {("land", "radio", "your country")}
    assert server.media() == children, "nothing was begun anew"

    status, changed = call(server, "PUT", f"{ALERTS}/land", {"patterns": "countr[y]", "cooldown": "1h"})
    assert status == 200 and changed["settings"] == {"patterns": "countr[y]", "cooldown": "1h"}
    kept = json.loads((server.state_dir / "state.json").read_text())
    assert kept["alerts"] == {"land": changed["settings"]}
    assert call(server, "DELETE", f"{ALERTS}/land") == (204, None)
    assert call(server, "GET", f"{ALERTS}/land")[0] == 404
    assert call(server, "PUT", f"{ALERTS}/new", {"words": "x"})[0] == 201
    assert call(server, "DELETE", f"{ALERTS}/new")[0] == 204


def test_what_is_wrong_is_told_by_its_field(server):
    good = {"name": "x", "words": "x"}
    for change, expected, field in (
        ({"name": None}, 400, "name"), ({"name": "a b"}, 400, "name"), ({"name": "own"}, 409, "name"),
        ({"words": None}, 400, "words"), ({"words": {}}, 400, "words"), ({"patterns": "("}, 400, "patterns"),
        ({"cooldown": "soon"}, 400, "cooldown"), ({"when": "never"}, 400, "when"), ({"wrods": "x"}, 400, "wrods"),
        ({"sessions": True}, 400, "sessions"), ({"name": "fired"}, 400, "name"),
    ):
        status, problem = call(server, "POST", ALERTS, {k: v for k, v in {**good, **change}.items() if v is not None})
        assert (status, problem.get("field")) == (expected, field), (change, problem)
    assert call(server, "PUT", f"{ALERTS}/own", {"words": "x"})[0] == 409
    assert call(server, "DELETE", f"{ALERTS}/own")[0] == 409
    assert call(server, "DELETE", f"{ALERTS}/nobody")[0] == 404
    for method, target in (("POST", ALERTS), ("PUT", f"{ALERTS}/x"), ("DELETE", f"{ALERTS}/x")):
        assert call(server, method, target, good, token="")[0] == 401
    assert call(server, "GET", ALERTS, token="")[0] == 200


def test_a_rule_is_tried_before_it_is_kept(server):
    test = f"{ALERTS}/test"
    status, found = call(server, "POST", test, {"alert": {"words": "Fire"}, "text": "The FIRE! A fire."}, token="")
    assert status == 200 and [row["found"] for row in found["fired"]] == ["FIRE", "fire"], found
    said = {"alert": {"words": "country"}, "stream": "rad*"}
    found = processes.wait_until(
        lambda: (told := call(server, "POST", test, said))[1]["fired"] and told[1], 60, "what was said is found"
    )
    first = found["fired"][0]
    assert (first["stream"], first["found"], found["is_more"]) == ("radio", "country", False)
    assert call(server, "GET", f"/api/v1/segments/{first['segment']}")[1]["text"].strip() == first["text"].strip()
    for nowhere in ({"to": 5, "from": 1}, {"stream": "cellar"}):
        assert call(server, "POST", test, {"alert": {"words": "country"}, **nowhere})[1]["fired"] == []
    for body, field in (
        ({}, "alert"), ({"alert": {"patterns": "("}}, "alert.patterns"), ({**said, "from": "then"}, "from"),
        ({**said, "text": "x"}, "stream"), ({**said, "til": 1}, "til"),
    ):
        status, problem = call(server, "POST", test, body)
        assert (status, problem["field"]) == (400, field), problem
    assert [alert["name"] for alert in call(server, "GET", ALERTS)[1]["alerts"]] == ["own"]


def test_a_name_is_a_cameras_or_a_clients(server):
    before = file_of(server).read_text()
    join = lambda name: f"ws://127.0.0.1:{server.port}/api/v1/listen?stream={name}"
    assert call(server, "POST", STREAMS, {"name": "yard", "url": "rtsp://127.0.0.1:1/x"})[0] == 201
    assert call(server, "POST", f"{STREAMS}/yard/pause")[0] == 200
    assert status_of_join(server, join("yard")) == 409, "a paused camera's name is the camera's"

    with connect(join("hall")) as socket:
        assert json.loads(socket.recv(timeout=30))["kind"] == "begin"
        socket.send(bytes(32000))
        socket.ping().wait(30)
        listed = call(server, "GET", STREAMS)[1]["streams"]
        assert [(stream["name"], stream["owner"]) for stream in listed] == [
            ("radio", "file"), ("yard", "api"), ("hall", "client"),
        ]
        hall = call(server, "GET", f"{STREAMS}/hall")[1]
        assert hall == listed[2] and hall.keys() == listed[0].keys()
        assert (hall["state"], hall["counters"], hall["last"], hall["level"]) == (
            "online", {"seconds": 1.0, "segments": 0, "restarts": 0}, None, -100,
        )
        for method, action in (("PATCH", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/restart")):
            assert call(server, method, f"{STREAMS}/hall{action}", {} if method == "PATCH" else None)[0] == 409
        # The file has a camera of that name from now on.
        camera = "  hall: 'rtsp://127.0.0.1:1/x'\n"
        assert reload(server, before.replace("alerts:", f"{camera}alerts:"))["added"] == ["hall"]
        assert "configuration" in told(socket)[-1]["reason"] and socket.protocol.close_code == 1008
    assert status_of_join(server, join("hall")) == 409
    assert call(server, "GET", f"{STREAMS}/hall")[1]["owner"] == "file"
    assert reload(server, before)["removed"] == ["hall"]
    assert call(server, "DELETE", f"{STREAMS}/yard")[0] == 204
    processes.wait_until(lambda: len(server.media()) == 1, 30, "nothing but the radio is read")


def test_a_reload_puts_into_force_what_it_can(server):
    before = file_of(server).read_text()
    children = server.media()
    assert call(server, "PUT", f"{ALERTS}/land", {"words": "never said"})[0] == 201
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    tokens = f"auth: {{tokens: [{{name: colleague, hash: 'sha256:{digest}', scopes: read, streams: hall}}]}}\n"
    try:
        changes = reload(
            server,
            before.replace("  own:", "  land: {words: your country}\n  own:")
            + f"{tokens}sources: {{allow: 127.0.0.1}}\nthreads: 1\n",
        )
        assert changes == {"added": [], "changed": [], "removed": [], "needs_restart": ["threads"], "warnings": []}
        land = call(server, "GET", f"{ALERTS}/land")[1]
        assert (land["owner"], land["is_shadowed"], land["settings"]["words"]) == ("file", True, ["your country"])
        processes.wait_until(lambda: fired(server, "land"), 60, "the file's alert has fired")
        assert server.media() == children
        config = call(server, "GET", "/api/v1/config")[1]
        assert config["config"]["threads"] == 0 and "threads" not in config["from"], "it is not in force"
        assert config["config"]["sources"] == {"allow": "127.0.0.1"} and "land" in config["config"]["alerts"]
        # The token is there: it may read of its stream, and not what is of all; nobody comes without one.
        assert call(server, "GET", STREAMS, token=SECRET) == (200, {"streams": []})
        assert call(server, "GET", ALERTS, token=SECRET)[0] == 403
        assert call(server, "POST", f"{ALERTS}/test", {"alert": {"words": "country"}}, token=SECRET)[1]["fired"] == []
        assert call(server, "GET", STREAMS, token="")[0] == 401
        # What does not work is told, and the rest is in force all the same.
        changes = reload(server, before + "auth: {token_file: /dev/null}\nlog: debug\n")
        assert ["tokens" in words for words in changes["warnings"]] == [True], changes
        assert call(server, "GET", "/api/v1/config")[1]["config"]["log"]["level"] == "debug"
        assert call(server, "GET", f"{ALERTS}/land")[1]["owner"] == "api"
    finally:
        reload(server, before)
        call(server, "DELETE", f"{ALERTS}/land")
