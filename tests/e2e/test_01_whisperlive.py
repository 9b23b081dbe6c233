"""The stock WhisperLive client, unmodified, plays a file and writes an SRT file."""

import speech


def test_its_srt_file_holds_what_was_said(serve, whisperlive, jfk):
    audio, reference = jfk
    server = serve()
    named, detecting = whisperlive(server, audio), whisperlive(server, audio, language="")

    for client in (named, detecting):
        srt = client.finish(timeout=90)
        segments = speech.srt_segments(srt)

        assert speech.error_rate(reference, speech.srt_text(srt)) <= 0.05, srt
        for start, end, _ in segments:
            assert 0 <= start <= end <= 13, srt
        for before, after in zip(segments, segments[1:]):
            assert after[0] >= before[1], f"segments overlap:\n{srt}"
    assert "Server detected language en" in detecting.log()
    assert "Server detected language" not in named.log()
