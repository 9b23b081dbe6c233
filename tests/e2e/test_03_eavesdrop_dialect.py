"""The original eavesdrop dialect: its three roles, live and file mode."""

import numpy
import pytest
import speech


def check_transcriptions(messages):
    """What the dialect promises of every transcription message."""
    known = {}
    for message in messages:
        if message["type"] != "transcription":
            continue
        assert isinstance(message["timestamp"], float)
        completed, tail = message["segments"][:-1], message["segments"][-1]
        assert not tail["completed"], "the last segment is the incomplete tail"
        for segment in completed:
            assert segment["completed"]
            assert segment["start"] <= segment["end"]
            assert segment["duration"] == pytest.approx(segment["end"] - segment["start"], abs=2e-3)
            assert 0 <= segment["avg_probability"] <= 1
            assert known.setdefault(segment["id"], segment["text"]) == segment["text"]
        for before, after in zip(completed, completed[1:]):
            assert after["start"] >= before["end"], "completed segments overlap"


def test_live_flush_and_end(serve, client, jfk):
    audio, reference = jfk
    speaker = client(serve())
    ready = speaker.setup(stream="mic-1", send_last_n_segments=5)
    assert ready["type"] == "server_ready" and ready["stream"] == "mic-1"
    assert ready["backend"] == "faster_whisper"
    speaker.record("r1", stream="mic-1")
    speaker.send_sound(speech.load(audio))
    assert any(m["type"] == "transcription" for m in speaker.messages), "no text while speech went on"

    speaker.flush("r1", stream="mic-1")
    flushed = speaker.wait(lambda m: m.get("flush_complete") is True)
    assert flushed["recording_id"] == "r1" and flushed["language"] == "en"
    assert flushed["segments"][-1]["text"] == "", "nothing is partial after a forced flush"
    speaker.end()
    speaker.wait_type("disconnect")

    assert speaker.wait_close() == 1000
    check_transcriptions(speaker.messages)
    assert all(m.get("flush_complete") in (None, True) for m in speaker.messages)
    assert speech.error_rate(reference, speaker.text()) <= 0.05


def test_the_tail_is_transcribed_before_the_goodbye(serve, client, jfk):
    audio, reference = jfk
    speaker = client(serve())
    speaker.setup()
    speaker.record()
    speaker.send_sound(speech.load(audio), speed=4)
    speaker.end()

    assert speaker.wait_close() == 1000
    assert speaker.messages[-1]["type"] == "disconnect"
    assert speech.error_rate(reference, speaker.text()) <= 0.05
    check_transcriptions(speaker.messages)


def test_cancel_forgets_and_a_new_recording_starts_at_zero(serve, client, jfk):
    audio, reference = jfk
    samples = speech.load(audio)
    speaker = client(serve())
    speaker.setup()
    speaker.record("first")
    # Two seconds end in mid-phrase: what ends with a pause may rightly be final before the cancel.
    speaker.send_sound(samples[: 2 * speech.RATE], speed=4)
    speaker.cancel("first")
    speaker.flush("first")
    flushed = speaker.wait(lambda m: m.get("flush_complete"))
    assert [s for s in flushed["segments"] if s["completed"]] == []

    speaker.record("second")
    speaker.send_sound(samples, speed=4)
    speaker.flush("second")
    speaker.wait(lambda m: m.get("flush_complete") and m["recording_id"] == "second")

    segments = speaker.completed(recording_id="second")
    assert segments[0]["start"] < 1.5 and segments[-1]["end"] < 12.5
    assert speech.error_rate(reference, speaker.text(recording_id="second")) <= 0.05
    check_transcriptions(speaker.messages)


def test_the_language_is_detected_and_told_once(serve, client, data):
    speaker = client(serve())
    speaker.say("setup", stream="mic", options={"source_mode": "live", "task": "translate"})
    speaker.wait_type("server_ready")
    speaker.record()
    speaker.send_sound(speech.load(data / "fleurs/fleurs-de-000.ogg"), speed=3)
    speaker.end()
    speaker.wait_close()

    told = [m for m in speaker.messages if m["type"] == "language_detection"]
    assert len(told) == 1 and told[0]["language"] == "de" and 0.5 < told[0]["language_prob"] <= 1
    assert speaker.text()


def test_file_mode(serve, client, jfk):
    audio, reference = jfk
    content = audio.read_bytes()
    sender = client(serve())
    sender.setup(stream="upload", source_mode="file")
    for place in range(0, len(content), 65536):
        sender.send_bytes(content[place : place + 65536])
    sender.flush(stream="upload")
    sender.wait_error("control_flush is unsupported during file upload")
    sender.end()

    assert sender.wait_close(60) == 1000
    assert sender.messages[-1]["type"] == "disconnect"
    assert all("recording_id" not in m for m in sender.messages)
    assert speech.error_rate(reference, sender.text()) <= 0.05
    check_transcriptions(sender.messages)


def test_file_mode_says_what_is_wrong_with_a_file(serve, client):
    sender = client(serve())
    sender.setup(stream="upload", source_mode="file")
    sender.send_bytes(b"this is no sound at all" * 1000)
    sender.end()
    sender.wait_error("File-mode transcription failed: ", 30)
    sender.wait_close()


def test_subscribers(serve, client, jfk, tmp_path):
    audio, _ = jfk
    looped = speech.save(tmp_path / "loop.wav", numpy.concatenate([speech.load(audio), speech.silence(1)]))
    server = serve(f"streams:\n  hall:\n    url: {looped}\n    loop: true\n")
    first = client(server, role="rtsp_subscriber", streams=" hall ,")
    second = client(server, query="?type=rtsp_subscriber&streams=hall")

    for subscriber in (first, second):
        subscriber.wait_text("ask not what your country can do for you", 60)
        assert subscriber.close_code is None, "a newcomer must not send another away"
        assert all(m["type"] in ("transcription", "stream_status") for m in subscriber.messages)
        assert all(m["stream"] == "hall" for m in subscriber.messages)
    late = client(server, role="rtsp_subscriber", streams="hall")
    late.wait_text("ask not what your country can do for you", 5)

    first.flush(stream="hall")
    first.wait_error("control_flush is unsupported for RTSP subscriber sessions")
    check_transcriptions(late.messages)


def test_health_check(serve, client):
    server = serve()
    probe = client(server, role="health_check")
    probe.say("health_check")
    assert probe.wait_close(5) == 1000
    assert server.http()[0] == 200
