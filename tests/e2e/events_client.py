"""A reader of server-sent events, as EventSource has them, without anything that hides what was sent."""

import http.client
import json


class EventReader:
    """Events of one connection: iterate over (kind, id or None, data)."""

    def __init__(self, port, query="", last=None, timeout=60):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        headers = {"Last-Event-ID": last} if last else {}
        self.connection.request("GET", f"/api/v1/events?{query}", headers=headers)
        self.answer = self.connection.getresponse()
        self.n_comments = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        # Not even what was read ahead is looked at: a client that is cut off.
        self.connection.close()

    def __iter__(self):
        kind, cursor, data = None, None, None
        while line := self.answer.readline():
            name, _, value = line.decode().rstrip("\n").partition(":")
            value = value.removeprefix(" ")
            if not name and not value:
                if data is not None:
                    yield kind, cursor, json.loads(data)
                kind, cursor, data = None, None, None
            elif not name:
                self.n_comments += 1
            elif name == "event":
                kind = value
            elif name == "id":
                cursor = value
            elif name == "data":
                data = value
