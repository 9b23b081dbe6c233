"""A real server's events, recorded, and told again at their own pace by a server that has the page's real files.

A recording is lines of JSON: first what the server answered when it began, then each event with its seconds since
then. Told again, all times are moved to now, and once it is over it begins anew with other ids.
"""

import datetime
import gzip
import http.client
import http.server
import json
import threading
import time
from collections import defaultdict
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

WEB = Path(__file__).resolve().parent.parent / "src/api/web"
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
ASKED_FIRST = ("streams", "segments?order=newest&limit=400", "alerts/fired?limit=200", "status")
TIMES = ("start", "end", "time")
IDS = ("id", "cursor", "segment", "firing")
LINES = 30  # final rows of a stream that are remembered
SILENCE = 1.0  # s after which a comment is sent


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def text_of(seconds):
    whole = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return whole.strftime("%Y-%m-%dT%H:%M:%S.") + f"{whole.microsecond // 1000:03d}Z"


# --- recording -------------------------------------------------------------------------------


def ask(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", f"/api/v1/{path}")
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return json.loads(body) if answer.status == 200 else None


def events(answer, until):
    """(kind, data) of server-sent events, until that time."""
    kind = None
    while time.time() < until:
        line = answer.readline()
        if not line:
            return
        if line.startswith(b"event: "):
            kind = line[7:].strip().decode()
        elif line.startswith(b"data: "):
            yield kind, json.loads(line[6:])


def record(port, seconds, path):
    """Write what the server tells for so long."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/api/v1/events")
    answer = connection.getresponse()
    begin = time.time()
    n = 0
    with gzip.open(path, "wt", encoding="utf-8") as file:
        first = {"at": begin, "seconds": seconds, "answers": {path: ask(port, path) for path in ASKED_FIRST}}
        file.write(json.dumps(first) + "\n")
        for kind, data in events(answer, begin + seconds):
            if kind in ("begin", "durable"):
                continue
            file.write(json.dumps([round(time.time() - begin, 3), kind, data]) + "\n")
            n += 1
    connection.close()
    return n


class Recording:
    def __init__(self, path):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            first = json.loads(file.readline())
            self.events = [json.loads(line) for line in file]
        self.at, self.seconds, self.answers = first["at"], first["seconds"], first["answers"]

    @property
    def streams(self):
        return [stream["name"] for stream in self.answers["streams"]["streams"]]

    @property
    def talking(self):
        return sorted({data["stream"] for _, kind, data in self.events if kind == "segment"})

    def spread(self, n, n_talking):
        """As if there were n streams, n_talking of which talk: each further one tells what one that was recorded did,
        at another moment of the recording."""
        talking = self.talking
        quiet = [name for name in self.streams if name not in talking]
        told = {name: [event for event in self.events if event[2].get("stream") == name] for name in self.streams}
        listed = {stream["name"]: stream for stream in self.answers["streams"]["streams"]}
        names = {f"room-{i:03}": (talking if i < n_talking else quiet)[i % len(talking if i < n_talking else quiet)] for i in range(n)}
        events = []
        for i, (name, source) in enumerate(names.items()):
            shift = i * 7.3 % self.seconds
            for at, kind, data in told[source]:
                data = moved({**data, "stream": name}, (at + shift) % self.seconds - at, f"{i}-")
                events.append([(at + shift) % self.seconds, kind, data])
        self.events = sorted(events, key=lambda event: event[0])
        self.answers["streams"] = {"streams": [{**listed[source], "name": name} for name, source in names.items()]}
        self.answers["segments?order=newest&limit=400"] = {"rows": [], "next": None, "is_end": True, "is_other_epoch": False}
        self.answers["alerts/fired?limit=200"] = None
        return self


def moved(value, by, turn):
    """What was recorded, `by` seconds later; its ids are those of this turn."""
    if isinstance(value, list):
        return [moved(item, by, turn) for item in value]
    if not isinstance(value, dict):
        return value
    changed = {}
    for key, item in value.items():
        if key in TIMES and isinstance(item, str):
            item = text_of(seconds_of(item) + by)
        elif key in IDS and isinstance(item, str) and turn:
            item = f"{turn}{item}" if key == "cursor" else f"{turn}.{item}"
        elif isinstance(item, (list, dict)) and key != "words":
            item = moved(item, by, turn)
        changed[key] = item
    return changed


# --- telling it again ------------------------------------------------------------------------


class Told:
    """What whoever heard all that was told knows of a stream at the end."""

    def __init__(self):
        self.rows, self.tail = [], None

    @property
    def finals(self):
        return [text for _, text in self.rows]

    def take(self, kind, data):
        if kind == "segment":
            # As it was said; what waited for its turn to become text may come behind what was said later.
            self.rows = sorted([*self.rows, (data["start"], data["text"])], key=lambda row: row[0])[-LINES:]
            self.tail = None
        elif kind == "tail":
            self.tail = data["text"] or None
        elif kind == "status" and data["state"] != "online":
            self.tail = None


class Replay(http.server.ThreadingHTTPServer):
    """The server on a free port of this machine. It begins to tell when the first reader comes."""

    daemon_threads = True

    def __init__(self, recording):
        super().__init__(("127.0.0.1", 0), Handler)
        self.recording, self.port = recording, self.server_address[1]
        self.begin, self.is_over, self.n_told = None, False, 0
        self.told = defaultdict(Told)
        rows = recording.answers["segments?order=newest&limit=400"] or {"rows": []}
        for row in reversed(rows["rows"]):
            self.told[row["stream"]].take("segment", row)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop_telling(self):
        self.is_over = True

    def answer(self, path):
        found = self.recording.answers.get(path)
        return moved(found, (self.begin or time.time()) - self.recording.at, "") if found else None

    def events(self):
        """Each event as bytes when it is time for it; b"" where nothing happens for long. One reader only."""
        self.begin = time.time()
        turn = 0
        while True:
            shift = self.begin + turn * self.recording.seconds
            for at, kind, data in self.recording.events:
                while not self.is_over and (wait := shift + at - time.time()) > 0:
                    if wait > SILENCE:
                        yield b""
                    time.sleep(min(wait, SILENCE))
                if self.is_over:
                    return
                data = moved(data, shift - self.recording.at, turn or "")
                if "stream" in data:
                    self.told[data["stream"]].take(kind, data)
                self.n_told += 1
                cursor = f"id: {data['cursor']}\n" if data.get("cursor") else ""
                yield f"event: {kind}\n{cursor}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
            turn += 1


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def reply(self, body, kind, status=200):
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def reply_json(self, value, status=200):
        self.reply(json.dumps(value).encode(), "application/json", status)

    def do_GET(self):  # noqa: N802: the base class's name for it
        parts = urlsplit(self.path)
        if parts.path.startswith("/web/"):
            return self.reply_file(parts.path[5:])
        if parts.path.startswith("/api/v1/"):
            return self.reply_api(parts.path[8:], parts.query)
        if parts.path == "/healthz":
            return self.reply(b"ok\n", "text/plain")
        return self.reply_file("index.html")

    def reply_file(self, name):
        path = WEB / Path(name).name
        if not path.is_file():
            return self.reply(b"not found\n", "text/plain", 404)
        return self.reply(path.read_bytes(), TYPES[path.suffix])

    def reply_api(self, path, query):
        if path == "events":
            return self.tell()
        if path == "me":
            return self.reply_json({"name": "anonymous", "scopes": ["read", "listen"], "streams": None,
                                    "is_known": False, "version": "replay"})
        if path.startswith("streams/") and path.endswith("/segments"):
            rows = self.server.answer(ASKED_FIRST[1])["rows"]
            name = path.split("/")[1]
            rows = [row for row in rows if row["stream"] == name]
            if parse_qs(query).get("order") != ["newest"]:
                rows.reverse()
            return self.reply_json({"rows": rows, "next": None, "is_end": True, "is_other_epoch": False})
        found = self.server.answer(next((asked for asked in ASKED_FIRST if asked.split("?")[0] == path), ""))
        return self.reply_json(found) if found else self.reply_json({"detail": "not recorded", "status": 404}, 404)

    def tell(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            self.wfile.write(b'event: begin\ndata: {"kind":"begin","cursor":"1-1"}\n\n')
            for event in self.server.events():
                self.wfile.write(event or b": quiet\n\n")
            while True:  # nothing happens any more
                self.wfile.write(b": quiet\n\n")
                time.sleep(SILENCE)
        except OSError:
            pass  # the reader has gone
