"""A server that webhooks are posted to: it verifies each request, keeps its rows, and misbehaves as a test
tells it to."""

import contextlib
import http.server
import socket
import ssl
import threading

from standardwebhooks import Webhook


class Receiver:
    """Listens on a port of its own. `answer` is (status, headers) for what comes next, None for no
    answer at all; `rows` are those of requests that were answered 2xx."""

    def __init__(self, secret, certificate=None, port=0):
        self.answer = (200, {})
        self.rows, self.requests, self.mistakes = [], [], []
        self.webhook = Webhook(secret)
        self.connections = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                receiver.connections.append(self.connection)

            def do_POST(self):
                receiver.take(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.ended = threading.Event()
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def take(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.requests.append(dict(handler.headers))
        try:
            rows = self.webhook.verify(body, dict(handler.headers))
        except Exception as error:  # told to the test: this thread has nobody to tell
            self.mistakes.append(repr(error))
            raise
        if self.answer is None:
            self.ended.wait(60)
            handler.close_connection = True
            return
        status, headers = self.answer
        if status < 300:
            self.rows += rows
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def ids(self):
        return [row["id"] for row in self.rows]

    def close(self):
        """Also the connections that are open: threads would serve them on."""
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
