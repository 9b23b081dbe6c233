"""What strangers can make the server keep, and make it do, has limits."""

import re
import socket

import speech

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


def test_memory_used_up_refuses_who_comes_and_spares_who_is_there(serve, client, jfk):
    """Each session takes 48 KiB for its sound: with 16 MB, some 250 are three quarters of it."""
    audio, reference = jfk
    server = serve("memory: 16MB\n")
    talker = client(server)
    talker.setup()
    talker.record()
    for _ in range(400):
        refused = client(server)
        answer = refused.setup()
        if answer["type"] != "server_ready":
            break
    assert answer["message"] == "Server busy: the memory for clients is used up; try again in 30 s"
    assert refused.wait_close(10) == 1013
    assert server.http("/healthz")[0] == 200
    talker.send_sound(speech.load(audio), speed=2)
    talker.end()
    assert talker.wait_close(60) == 1000
    assert speech.error_rate(reference, talker.text()) <= 0.1
