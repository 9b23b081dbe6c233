"""A camera is looked at without being added, and cameras are searched for, by the unix socket."""

import concurrent.futures
import contextlib
import http.client
import http.server
import json
import re
import socket
import threading
import uuid

import processes
import pytest

SECRET = "s3cr3t"


class UnixConnection(http.client.HTTPConnection):
    """A plain HTTP connection to a unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect(str(self.path))


def post(server, target, body):
    """(status, headers, JSON) of a request by the unix socket."""
    with contextlib.closing(UnixConnection(server.state_dir / "eavesdrop.sock")) as connection:
        connection.request("POST", target, body if isinstance(body, bytes) else json.dumps(body).encode())
        answer = connection.getresponse()
        text = answer.read().decode()
        assert SECRET not in text
        return answer.status, answer.headers, json.loads(text)


def probe(server, url, **wishes):
    status, _, answer = post(server, "/api/v1/probe", {"url": url, **wishes})
    assert status == 200, answer
    return answer


@pytest.fixture(scope="module")
def house(program, models, jfk, tmp_path_factory):
    """(server, cameras): one that lets its streams reach this machine, where the cameras are."""
    audio, _ = jfk
    open_ones = processes.Cameras([f"hall:pcma:{audio}:loop", f"den:aac+video:{audio}:loop", "blind:video"])
    locked = processes.Cameras(
        [f"safe:pcmu:{audio}:loop"], arguments=["--auth", "digest", "--user", "viewer", "--password", SECRET]
    )
    try:
        with processes.serving(program, models, tmp_path_factory.mktemp("probe")) as serve:
            yield serve("sources: {allow: 127.0.0.1}\n"), open_ones, locked
    finally:
        open_ones.stop()
        locked.stop()


def test_what_a_camera_is_is_told(house):
    server, cameras, _ = house
    answer = probe(server, cameras.url("hall"), transport="tcp")
    assert answer["verdict"] == "ok" and answer["reason"] is None
    assert answer["reachable"] is True and answer["admitted"] is True and answer["live"] is True
    assert [(t["codec"], t["rate"], t["channels"], t["chosen"]) for t in answer["tracks"]] == [("pcm_alaw", 8000, 1, True)]
    assert answer["seconds"] >= 1 and -70 < answer["level_dbfs"] <= answer["peak_dbfs"] <= 0
    answer = probe(server, cameras.url("den"), transport="udp")
    assert answer["verdict"] == "ok" and [t["codec"] for t in answer["tracks"]] == ["aac"]
    # It was let go again.
    processes.wait_until(lambda: not server.media(), 10, "no child left")


def test_why_there_is_no_sound_is_told(house):
    server, cameras, locked = house
    answer = probe(server, cameras.url("blind"))
    assert (answer["verdict"], answer["reason"]) == ("no_audio", "no audio track")
    assert answer["reachable"] is True and answer["level_dbfs"] is None
    answer = probe(server, cameras.url("attic"))
    assert (answer["verdict"], answer["reachable"]) == ("not_found", True)
    answer = probe(server, f"rtsp://127.0.0.1:{processes.free_port()}/x")
    assert (answer["verdict"], answer["reachable"], answer["admitted"]) == ("refused", False, None)


def test_passwords_are_tried_and_not_told(house):
    server, _, locked = house
    answer = probe(server, locked.url("safe"))
    assert (answer["verdict"], answer["reachable"], answer["admitted"]) == ("credentials", True, False)
    answer = probe(server, locked.url("safe", user="viewer:wrong"))
    assert answer["verdict"] == "credentials"
    answer = probe(server, locked.url("safe", user=f"viewer:{SECRET}"))
    assert (answer["verdict"], answer["admitted"]) == ("ok", True)
    assert answer["url"].startswith("rtsp://***@") and SECRET not in server.log()


@pytest.mark.parametrize(
    "body, field",
    [
        ({}, "url"),
        ({"url": 7}, "url"),
        ({"url": "/etc/passwd"}, "url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"url": "srt://h:9000?mode=listener"}, "url"),
        ({"url": "gopher://h/"}, "url"),
        ({"url": "rtsp://h/x\r\nPLAY"}, "url"),
        ({"url": "rtsp://h/x", "transport": "carrier pigeon"}, "transport"),
        ({"url": "rtsp://h/x", "track": 2}, "track"),
        ({"url": "rtsp://h/x", "track": "x" * 100}, "track"),
        ({"url": "rtsp://h/x", "uri": ""}, "uri"),
        (b"[1]", None),
        (b"{", None),
        (b"", None),
    ],
)
def test_what_makes_no_sense_is_refused(house, body, field):
    server, _, _ = house
    status, headers, answer = post(server, "/api/v1/probe", body)
    assert status == 400 and headers.get_content_type() == "application/problem+json"
    assert answer.get("field") == field and answer["detail"]


def test_no_more_than_a_few_at_a_time(house):
    server, _, _ = house
    with socket.create_server(("127.0.0.1", 0), backlog=20) as mute, concurrent.futures.ThreadPoolExecutor(5) as pool:
        url = f"rtsp://127.0.0.1:{mute.getsockname()[1]}/x"
        four = [pool.submit(post, server, "/api/v1/probe", {"url": url}) for _ in range(4)]
        processes.wait_until(lambda: len(server.media()) == 4, 10, "four probes")
        status, headers, _ = post(server, "/api/v1/probe", {"url": url})
        assert status == 503 and int(headers["Retry-After"]) > 0
        # The mute one's patience ends.
        for one in four:
            assert one.result()[2]["verdict"] == "timeout"
    # A client that goes away takes its probe with it.
    with socket.create_server(("127.0.0.1", 0)) as mute:
        connection = UnixConnection(server.state_dir / "eavesdrop.sock")
        connection.request("POST", "/api/v1/probe", json.dumps({"url": f"rtsp://127.0.0.1:{mute.getsockname()[1]}/x"}))
        processes.wait_until(lambda: len(server.media()) == 1, 10, "a probe")
        connection.close()
        processes.wait_until(lambda: not server.media(), 10, "no probe")


def test_strangers_do_not_reach_this_machine(serve, cameras, jfk):
    audio, _ = jfk
    camera = cameras(f"hall:pcma:{audio}:loop")
    server = serve()
    for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"):
        answer = probe(server, f"rtsp://{host}:{camera.port}/hall")
        assert answer["verdict"] == "address" and "sources.allow" in answer["reason"], answer
    # Over TCP nobody may ask at all without being known.
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("POST", "/api/v1/probe", b"{}")
        assert connection.getresponse().status in (401, 403)


LEADS = {
    "/redirect": lambda inside: (302, "text/plain", b"", f"http://127.0.0.1:{inside}/a.wav"),
    "/rtsp": lambda inside: (302, "text/plain", b"", f"rtsp://127.0.0.1:{inside}/a"),
    "/part.m3u8": lambda inside: (200, MEDIA_TYPE, playlist(f"http://127.0.0.1:{inside}/a.ts"), None),
    "/key.m3u8": lambda inside: (
        200,
        MEDIA_TYPE,
        playlist("http://127.0.0.2/a.ts", f'#EXT-X-KEY:METHOD=AES-128,URI="http://127.0.0.1:{inside}/k"\n'),
        None,
    ),
}
MEDIA_TYPE = "application/vnd.apple.mpegurl"


def playlist(part, key=""):
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n{key}#EXTINF:3,\n{part}\n#EXT-X-ENDLIST\n".encode()


@contextlib.contextmanager
def leading_to(inside):
    """The port of a server at 127.0.0.2 that leads to a port of 127.0.0.1 in many ways."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, kind, body, location = LEADS[self.path](inside)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.2", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_what_is_allowed_leads_no_further(serve):
    server = serve("sources: {allow: 127.0.0.2}\n")
    with socket.create_server(("127.0.0.1", 0)) as inside:
        inside.setblocking(False)
        with leading_to(inside.getsockname()[1]) as port:
            for path in LEADS:
                answer = probe(server, f"http://127.0.0.2:{port}{path}")
                assert answer["verdict"] in ("address", "protocol"), (path, answer)
        with pytest.raises(BlockingIOError):  # nobody came
            inside.accept()


def test_a_server_that_stops_does_not_wait_for_probes(serve):
    server = serve("sources: {allow: 127.0.0.1}\n")
    with socket.create_server(("127.0.0.1", 0)) as mute, concurrent.futures.ThreadPoolExecutor(1) as pool:
        url = f"rtsp://127.0.0.1:{mute.getsockname()[1]}/x"
        asked = pool.submit(post, server, "/api/v1/probe", {"url": url})
        processes.wait_until(server.media, 10, "a probe")
        assert server.stop() == 0
        status, _, answer = asked.result()
        assert status == 503 and "stopping" in answer["detail"]


def test_ffmpeg_reads_no_strangers_address(serve):
    server = serve("media: ffmpeg\n")
    status, _, answer = post(server, "/api/v1/probe", {"url": "rtsp://10.255.255.1/x"})
    assert status == 409 and answer["field"] == "url" and "sources.allow: any" in answer["detail"]


# --- cameras in the network -----------------------------------------------------------------------------------

ANSWER = """<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><s:Header><a:RelatesTo>{id}</a:RelatesTo></s:Header>
<s:Body><d:ProbeMatches><d:ProbeMatch><a:EndpointReference><a:Address>{endpoint}</a:Address></a:EndpointReference>
<d:Scopes>onvif://www.onvif.org/name/Front%20door onvif://www.onvif.org/hardware/M3045-V</d:Scopes>
<d:XAddrs>http://127.0.0.1/onvif/device_service</d:XAddrs></d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"""


@contextlib.contextmanager
def onvif_camera(endpoint):
    """A camera that answers WS-Discovery on the loopback interface, which others may do at the same time."""
    group = socket.inet_aton("239.255.255.250")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as camera:
        camera.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            camera.bind(("239.255.255.250", 3702))
            camera.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group + socket.inet_aton("127.0.0.1"))
        except OSError as error:
            pytest.skip(f"no multicast on loopback: {error}")

        def answer():
            while True:
                probe, peer = camera.recvfrom(65536)
                if probe == b"end":
                    return
                camera.sendto(b"<nonsense", peer)
                identity = re.search(rb"urn:uuid:[0-9a-f-]+", probe)[0].decode()
                camera.sendto(ANSWER.format(id=identity, endpoint=endpoint).encode(), peer)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
                last.sendto(b"end", ("239.255.255.250", 3702))
            thread.join()


def test_cameras_in_the_network_are_found(house):
    server, _, _ = house
    endpoint = f"urn:uuid:{uuid.uuid4()}"
    with onvif_camera(endpoint):
        status, _, answer = post(server, "/api/v1/discover?seconds=1", b"")
    assert status == 200 and "127.0.0.1" in answer["interfaces"] and "path" in answer["note"]
    found = [camera for camera in answer["cameras"] if camera["endpoint"] == endpoint]
    assert len(found) == 1
    assert (found[0]["name"], found[0]["hardware"], found[0]["location"]) == ("Front door", "M3045-V", None)
    assert found[0]["xaddrs"] == ["http://127.0.0.1/onvif/device_service"] and len(found[0]["scopes"]) == 2
    assert found[0]["url"].startswith("rtsp://USER:PASSWORD@") and found[0]["needs"] == ["user", "password", "path"]


@pytest.mark.parametrize("query", ["seconds=0", "seconds=11", "seconds=x", "second=1"])
def test_a_search_that_makes_no_sense_is_refused(house, query):
    server, _, _ = house
    status, _, answer = post(server, f"/api/v1/discover?{query}", b"")
    assert status == 400 and answer["detail"]
