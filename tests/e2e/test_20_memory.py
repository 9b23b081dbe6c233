"""What strangers can make the server keep, and make it do, has limits."""

import re
import socket

METRICS = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"


def pages(server, n):
    """Bodies of n pipelined requests for /metrics."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as peer:
        peer.sendall(METRICS * n)
        received = b""
        found = []
        while len(found) < n:
            piece = peer.recv(1 << 20)
            assert piece, f"closed after {len(found)} answers"
            received += piece
            while match := re.search(rb"Content-Length: (\d+)\r\n(?:.*?\r\n)??\r\n", received, re.DOTALL):
                end = match.end() + int(match[1])
                if len(received) < end:
                    break
                found.append(received[match.end() : end])
                received = received[end:]
    return found


def test_metrics_are_made_once_a_second(serve):
    """Asked for two hundred times at once, the figures are put together once or twice."""
    server = serve()
    assert 1 <= len(set(pages(server, 200))) <= 2
