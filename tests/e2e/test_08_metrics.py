"""What the server says of itself: /healthz, /readyz, and /metrics as Prometheus reads it."""

import contextlib
import http.client
import urllib.request

import processes
import pytest
import speech
from prometheus_client.parser import text_string_to_metric_families

SECRET = "s3cr3t"
KINDS = {"partial", "final", "file"}


def scrape(server):
    """{(sample name, labels): value} of GET /metrics; every family is checked on the way."""
    samples = {}
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=5) as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        text = answer.read().decode()
    for family in text_string_to_metric_families(text):
        assert family.name.startswith("eavesdrop_"), family
        assert family.type in ("counter", "gauge", "histogram") and family.documentation, family
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in samples, f"twice: {sample}"
            samples[key] = sample.value
    check_histograms(samples)
    return text, samples


def check_histograms(samples):
    for (name, labels), count in samples.items():
        if not name.endswith("_count"):
            continue
        bucket = name.removesuffix("_count") + "_bucket"
        bounds = sorted(
            (float(dict(other)["le"]), value)
            for (other_name, other), value in samples.items()
            if other_name == bucket and labels <= other
        )
        values = [value for _, value in bounds]
        assert values == sorted(values) and bounds[-1] == (float("inf"), count), name


def value(server, name, **labels):
    return scrape(server)[1][(name, frozenset(labels.items()))]


def test_health_and_readiness(serve):
    server = serve()
    assert server.http("/healthz") == (200, "ok\n")
    assert server.http("/readyz") == (200, "ready\n")
    assert server.http("/metric")[0] == 404


def ask(server, method, path, body=None):
    """Status, headers and body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request(method, path, body)
    answer = connection.getresponse()
    with contextlib.closing(connection):
        return answer.status, answer.headers, answer.read().decode()


def test_pages_are_read_under_their_names(serve):
    server = serve()
    assert ask(server, "GET", "/%68ealthz?why=not")[::2] == (200, "ok\n")
    status, headers, body = ask(server, "HEAD", "/healthz")
    assert (status, headers["Content-Length"], body) == (200, "3", "")
    for path in ["/metrics", "/"]:
        status, headers, body = ask(server, "POST", path, "{}")
        assert (status, headers["Allow"], body) == (405, "GET, HEAD", "not with this method\n")
    assert ask(server, "POST", "/nowhere", "{}")[0] == 404
    assert ask(server, "GET", "/%2Fhealthz")[0] == 404
    for path in ["/health%00z", "/%"]:
        assert ask(server, "GET", path)[0] == 400


def test_a_quiet_server_has_every_figure(serve):
    text, samples = scrape(serve())
    names = {name for name, _ in samples}
    for name in (
        "eavesdrop_queue_delay_seconds_sum",
        "eavesdrop_decode_seconds_bucket",
        "eavesdrop_batch_jobs_count",
        "eavesdrop_audio_received_seconds_total",
        "eavesdrop_audio_decoded_seconds_total",
        "eavesdrop_audio_silent_seconds_total",
        "eavesdrop_filter_refusals_total",
        "eavesdrop_filter_retries_total",
        "eavesdrop_partials_coalesced_total",
        "eavesdrop_partials_shed_total",
        "eavesdrop_backlog_finals",
        "eavesdrop_load_level",
        "eavesdrop_partial_interval_seconds",
        "eavesdrop_spool_bytes",
        "eavesdrop_streams",
        "eavesdrop_source_restarts_total",
        "eavesdrop_sessions",
        "eavesdrop_sessions_refused_total",
        "eavesdrop_uploads",
        "eavesdrop_upload_turns_total",
        "eavesdrop_uploads_refused_total",
        "eavesdrop_observer_updates_total",
        "eavesdrop_observer_bytes_total",
    ):
        assert name in names, f"{name} is not in:\n{text}"
    kinds = {dict(labels)["kind"] for name, labels in samples if name == "eavesdrop_decode_seconds_count"}
    assert kinds == KINDS
    assert samples[("eavesdrop_resident_memory_bytes", frozenset())] > 50e6
    assert 3 < samples[("eavesdrop_open_descriptors", frozenset())] < 200


@pytest.mark.parametrize("mode", ["live", "file"])
def test_what_a_client_did_is_counted(serve, client, jfk, mode):
    audio, _ = jfk
    server = serve()
    speaker = client(server)
    if mode == "live":
        speaker.setup()
        speaker.record()
        samples = speech.load(audio)
        speaker.send_sound(samples, speed=4)
        assert value(server, "eavesdrop_sessions", dialect="eavesdrop") == 1
        speaker.end()
    else:
        speaker.setup(source_mode="file")
        speaker.send_bytes(audio.read_bytes())
        speaker.end()
    assert speaker.wait_close(60) == 1000

    # The page is made at most once a second.
    left = lambda: value(server, "eavesdrop_sessions", dialect="eavesdrop") == 0
    processes.wait_until(left, 5, "the client is gone from the figures")
    kind = "final" if mode == "live" else "file"
    decoded = value(server, "eavesdrop_audio_decoded_seconds_total", kind=kind)
    n_decoded = value(server, "eavesdrop_decode_seconds_count", kind=kind)
    if mode == "live":  # what a pause settled is final without being decoded again
        decoded += value(server, "eavesdrop_audio_decoded_seconds_total", kind="partial")
        n_decoded += value(server, "eavesdrop_partials_promoted_total")
    received = value(server, "eavesdrop_audio_received_seconds_total")
    assert 10.9 < received < 11.1 and decoded > 7
    assert mode == "live" or decoded <= received
    assert n_decoded >= 1
    assert value(server, "eavesdrop_decode_seconds_sum", kind="partial" if mode == "live" else kind) > 0
    assert value(server, "eavesdrop_batch_jobs_count") > 10
    assert value(server, "eavesdrop_sessions_total", dialect="eavesdrop") == 1
    assert value(server, "eavesdrop_backlog_finals", kind=kind) == 0
    assert value(server, "eavesdrop_observer_updates_total", observer="eavesdrop") >= 1
    assert value(server, "eavesdrop_observer_bytes_total", observer="eavesdrop") > len(speaker.text())


def test_a_refused_client_is_counted(serve, client):
    server = serve()
    assert client(server, role="burglar").wait_close() == 1008
    assert value(server, "eavesdrop_sessions_refused_total", reason="invalid") == 1
    assert value(server, "eavesdrop_sessions_refused_total", reason="busy") == 0


def test_streams_by_state_and_no_url(serve, cameras, jfk):
    audio, _ = jfk
    camera = cameras(f"hall:pcma:{audio}:loop")
    url = camera.url("hall", user=f"viewer:{SECRET}")
    nowhere = f"rtsp://viewer:{SECRET}@127.0.0.1:{processes.free_port()}/x"
    server = serve(f"streams:\n  hall: {url}\n  shed.1: {nowhere}\n")
    processes.wait_until(lambda: value(server, "eavesdrop_streams", state="online") == 1, 20, "one online")
    processes.wait_until(
        lambda: value(server, "eavesdrop_source_restarts_total", reason="unreachable") >= 1, 20, "a restart"
    )
    assert value(server, "eavesdrop_stream_restarts_total", stream="shed.1") >= 1
    assert value(server, "eavesdrop_stream_online", stream="hall") == 1
    assert value(server, "eavesdrop_stream_online", stream="shed.1") == 0
    processes.wait_until(lambda: value(server, "eavesdrop_stream_audio_seconds_total", stream="hall") > 1, 20, "sound")
    processes.wait_until(lambda: -60 < value(server, "eavesdrop_stream_level_dbfs", stream="hall") < 0, 20, "a level")
    processes.wait_until(lambda: value(server, "eavesdrop_observer_bytes_total", observer="log") > 0, 30, "text in the log")
    text, _ = scrape(server)
    assert SECRET not in text and "rtsp" not in text and "127.0.0.1" not in text
