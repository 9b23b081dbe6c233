"""Many at once, and those who behave badly, beside somebody who talks and must not notice."""

import concurrent.futures
import os
import threading
import time

import numpy
import processes
import speech

FLOOD_SECONDS = 150


def descriptors(server):
    return len(os.listdir(f"/proc/{server.pid}/fd"))


def test_a_flood_is_slowed_and_loses_nothing(serve, client, chapter, jfk):
    flood_path, flood_reference = chapter("7312-92432", 0, FLOOD_SECONDS)
    _, reference = jfk
    server = serve()
    flood, talker = client(server), client(server)
    for one, name in ((flood, "flood"), (talker, "talker")):
        one.setup(name)
        one.record(stream=name)
    poured = speech.load(flood_path)

    def pour():
        for place in range(0, len(poured), speech.RATE):
            flood.send_bytes(poured[place : place + speech.RATE].tobytes())
        flood.end()

    with concurrent.futures.ThreadPoolExecutor() as pool:
        pouring = pool.submit(pour)
        talker.send_sound(speech.load(jfk[0]))
        talker.end()
        assert talker.wait_close(60) == 1000
        pouring.result(120)
        assert flood.wait_close(120) == 1000
    assert speech.error_rate(reference, talker.text()) <= 0.1
    assert speech.error_rate(flood_reference, flood.text()) <= 0.08
    starts = [segment["start"] for segment in flood.completed()]
    assert starts == sorted(starts)


def test_a_hundred_clients_in_the_same_second(serve, client):
    server = serve()
    before = descriptors(server)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        crowd = list(pool.map(lambda _: client(server), range(100)))
        answers = list(pool.map(lambda one: one.setup(), crowd))
        assert {answer["type"] for answer in answers} == {"server_ready"}
        list(pool.map(lambda one: (one.record(), one.send_bytes(speech.silence(0.5).tobytes()), one.end()), crowd))
        assert set(pool.map(lambda one: one.wait_close(60), crowd)) == {1000}
    processes.wait_until(lambda: descriptors(server) <= before, 20, "all descriptors closed")


def test_a_client_that_flaps_ten_times_a_second(serve, client, jfk):
    audio, reference = jfk
    samples = speech.load(audio)
    server = serve()
    before = descriptors(server)
    talker = client(server)
    talker.setup()
    talker.record()
    stop = threading.Event()

    def flap():
        n = 0
        while not stop.wait(0.1):
            one = client(server)
            one.setup("flap")
            one.record(stream="flap")
            one.send_bytes(samples[: 2 * speech.RATE].tobytes())  # in mid-sentence, then gone
            one.socket.socket.close()
            n += 1
        return n

    with concurrent.futures.ThreadPoolExecutor() as pool:
        flapping = pool.submit(flap)
        talker.send_sound(samples)
        stop.set()
        assert flapping.result(30) > 20
    talker.end()
    assert talker.wait_close(60) == 1000
    assert speech.error_rate(reference, talker.text()) <= 0.1
    processes.wait_until(lambda: descriptors(server) <= before, 20, "all descriptors closed")


def test_admission_can_be_switched_off(serve, client):
    server = serve("admission: false\n")
    assert client(server).setup()["type"] == "server_ready"
    assert server.http("/readyz")[0] == 200


def test_a_pause_of_the_clients_own(serve, client, jfk):
    """The same sound, cut at its short pauses or at none of them."""
    samples = numpy.concatenate([speech.load(jfk[0]), speech.silence(1)])
    server = serve()
    counts = []
    for options in ({"silence_completion_threshold": 0.2}, {"vad_parameters": {"min_silence_duration_ms": 5000}}):
        one = client(server)
        one.setup(**options)
        one.record()
        one.send_sound(samples, speed=8)
        one.end()
        assert one.wait_close(60) == 1000
        counts.append(len(one.completed()))
    assert counts[0] > counts[1] == 1, counts
