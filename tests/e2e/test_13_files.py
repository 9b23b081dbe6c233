"""Files as people have them: nothing said in them, odd clocks, channels and tracks, joined, finite
sources; and what clients upload.
"""

import contextlib
import http.server
import json
import os
import subprocess
import threading
import time
import urllib.parse

import numpy
import processes
import pytest
import speech

FELLOWS = "and so my fellow americans"


@pytest.fixture
def transcribe(command):
    def run(*arguments, **options):
        return command("transcribe", "--model-dir", command.models, "--model", "tiny.en", *arguments, **options)

    return run


def said(done):
    return " ".join(speech.words(done.stdout))


# --- nothing said ----------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["text", "srt", "vtt", "json"])
def test_a_file_without_speech_is_told(transcribe, tmp_path, form):
    quiet = speech.save(tmp_path / "quiet.wav", speech.silence(5))
    done = transcribe("--format", form, quiet)
    assert done.returncode == 0
    if form == "json":
        assert json.loads(done.stdout)["segments"] == [] and done.stderr == ""
    else:
        assert done.stderr == f"eavesdrop transcribe: '{quiet}': no speech was found\n"


def test_a_file_with_speech_is_not(transcribe, jfk, tmp_path):
    quiet = speech.save(tmp_path / "quiet.wav", speech.silence(2))
    done = transcribe(jfk[0], quiet)
    assert FELLOWS in said(done)
    assert done.stderr.splitlines() == [f"eavesdrop transcribe: '{quiet}': no speech was found"]


# --- the file's clock, channels, tracks ------------------------------------------------------


@pytest.mark.parametrize("name", ["delay.mkv", "delay.mp4"])
def test_times_are_the_files_own(transcribe, data, name):
    done = transcribe("--format", "srt", data / "faults" / name)
    assert speech.srt_segments(done.stdout)[0][0] == pytest.approx(5, abs=0.5)


def test_a_jump_of_the_clock_within_a_file(transcribe, jfk, tmp_path):
    """What follows the pause at 7.5 s comes a minute later, by its time stamps."""
    jump = tmp_path / "jump.mkv"
    later = "asetpts='if(gte(T,7.5),PTS+60/TB,PTS)'"
    subprocess.run(["ffmpeg", "-v", "error", "-i", jfk[0], "-af", later, "-c:a", "flac", jump], check=True)
    done = transcribe("--format", "srt", jump)
    assert speech.srt_segments(done.stdout)[-1][1] == pytest.approx(71, abs=1)


@pytest.mark.parametrize("name", ["nine-channels.wav", "phase-inverted.flac"])
def test_channels_without_a_layout_or_against_each_other(transcribe, data, name):
    done = transcribe(data / "faults" / name)
    assert done.returncode == 0 and FELLOWS in said(done)


def test_speech_in_the_channel_for_bass(transcribe, jfk, tmp_path):
    surround = tmp_path / "surround.wav"
    pan = "pan=5.1|FL=0*c0|FR=0*c0|FC=0*c0|LFE=c0|BL=0*c0|BR=0*c0"
    subprocess.run(["ffmpeg", "-v", "error", "-i", jfk[0], "-af", pan, surround], check=True)
    assert FELLOWS in said(transcribe(surround))


def test_speech_in_the_second_track(transcribe, data):
    assert "slow communication channels" in said(transcribe(data / "faults/obs.mkv"))


@pytest.mark.parametrize("form", ["flac", "ogg", "mp3"])
def test_joined_files(transcribe, jfk, tmp_path, form):
    """`cat a.flac b.flac`: both are read, and nothing is wrong with them."""
    one = tmp_path / f"one.{form}"
    subprocess.run(["ffmpeg", "-v", "error", "-i", jfk[0], one], check=True)
    joined = tmp_path / f"joined.{form}"
    joined.write_bytes(2 * one.read_bytes())
    done = transcribe(joined)
    assert said(done).count("my fellow american") == 2
    assert done.returncode == 0 and done.stderr == ""


# --- sources that end ------------------------------------------------------------------------


@contextlib.contextmanager
def web(folder):
    """An HTTP server for the files of a folder; yields (port, requests)."""
    requests = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(folder))

        def translate_path(self, path):
            return super().translate_path(urllib.parse.urlsplit(path).path)  # a proxy gets whole addresses

        def log_message(self, *_):
            requests.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running.server_address[1], requests
        running.shutdown()


def http_file(name, arguments):
    def test(serve, jfk, tmp_path):
        """It is heard once, and then it is over."""
        site = tmp_path / "site"
        site.mkdir()
        subprocess.run(["ffmpeg", "-v", "error", "-t", "4", "-i", jfk[0], *arguments, site / name], check=True)
        with web(site) as (port, requests):
            server = serve(f"streams: {{once: 'http://127.0.0.1:{port}/{name}'}}\n")
            server.wait_log("my fellow")
            time.sleep(6)  # the first new try comes a second after the end, if there is one
            assert requests.count(f"/{name}") == 1

    return test


test_a_recording_behind_http_ends = http_file("talk.mp3", ["-c:a", "libmp3lame"])
test_a_playlist_with_an_end_ends = http_file("talk.m3u8", ["-c:a", "aac", "-f", "hls", "-hls_time", "2", "-hls_list_size", "0"])


def test_a_recording_behind_a_proxy_is_heard(serve, jfk, tmp_path):
    """The host's name is nothing that anybody but the proxy could look up."""
    site = tmp_path / "site"
    site.mkdir()
    subprocess.run(["ffmpeg", "-v", "error", "-t", "4", "-i", jfk[0], site / "talk.wav"], check=True)
    with web(site) as (port, requests):
        proxy = {"http_proxy": f"http://user:secret@127.0.0.1:{port}"}
        server = serve("streams: {far: 'http://sounds.example/talk.wav'}\n", environment=proxy)
        server.wait_log("my fellow")
        assert "http://sounds.example:80/talk.wav" in requests
        for pid in server.media() + processes.children(server.pid, processes.MEDIA_PROCESS):
            assert b"secret" not in open(f"/proc/{pid}/environ", "rb").read()


# --- uploads ---------------------------------------------------------------------------------


def upload(client, server, name):
    sender = client(server)
    sender.setup(stream=name, source_mode="file")
    return sender


def test_idle_uploads_cost_no_process_and_the_rest_is_sent_away(serve, client, jfk):
    server = serve("uploads: {at_once: 1, waiting: 5}\n")
    idle = [upload(client, server, f"idle{i}") for i in range(5)]
    assert server.media() == []
    busy = upload(client, server, "busy")  # there is a slot for whoever has something to say
    late = client(server)
    late.setup(stream="late", source_mode="file")
    late.wait_error("Server busy")
    assert late.wait_close() == 1013
    busy.send_bytes(jfk[0].read_bytes())
    busy.end()
    assert busy.wait_close() == 1000
    assert FELLOWS in " ".join(speech.words(busy.text()))
    assert len(idle) == 5 and server.media() == []


def test_what_is_odd_about_an_upload_is_logged(serve, client, tmp_path):
    tracks = tmp_path / "tracks.mkv"
    silence = ["-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono:d=2"]
    subprocess.run(["ffmpeg", "-v", "error", *silence, *silence, "-map", "0", "-map", "1", tracks], check=True)
    server = serve()
    sender = upload(client, server, "tracks")
    sender.send_bytes(tracks.read_bytes())
    sender.end()
    assert sender.wait_close() == 1000
    server.wait_log(r"warning client 127\.0\.0\.1.*its 2 sound tracks are silent.*\[upload-warning\]", 5)


def test_an_upload_beyond_its_limits_is_told(serve, client):
    server = serve("uploads: {size: 300KB, seconds: 5s}\n")
    large = upload(client, server, "large")
    large.send_bytes(bytes(400_000))
    large.wait_error("uploads.size")
    assert large.wait_close() == 1009
    long = upload(client, server, "long")
    noise = numpy.random.default_rng(1).normal(0, 0.1, 8 * 16000)
    sound = subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "f32le", "-ar", "16000", "-ac", "1", "-i", "-", "-f", "ogg", "-"],
        input=noise.astype("<f4").tobytes(), check=True, capture_output=True,
    ).stdout
    long.send_bytes(sound)
    long.end()
    long.wait_error("uploads.seconds")
    assert long.wait_close() == 1009


@pytest.mark.parametrize("media", ["builtin", "ffmpeg"])
def test_what_reads_media_has_little(serve, jfk, media):
    """No secrets, no new privileges, 512 MiB, no core, few descriptors."""
    server = serve(
        f"media: {media}\nstreams: {{hall: {{url: '{jfk[0]}', loop: true}}}}\n",
        environment={"KITCHEN_PASSWORD": "s3cr3t", "EAVESDROP_LANGUAGE": "en"},
    )
    child = processes.wait_until(server.media, 20, "what reads the file")[0]
    with open(f"/proc/{child}/environ", "rb") as environ:
        names = {entry.split(b"=")[0] for entry in environ.read().split(b"\0") if entry}
    if media == "builtin":
        assert not names  # what it was started with is wiped
    else:
        assert b"PATH" in names and not {b"KITCHEN_PASSWORD", b"EAVESDROP_LANGUAGE"} & names
    with open(f"/proc/{child}/status", encoding="ascii") as status:
        assert "NoNewPrivs:\t1\n" in status.read()
    with open(f"/proc/{child}/limits", encoding="ascii") as limits:
        rows = {row[:26].strip(): row[26:].split()[:2] for row in limits}
    assert rows["Max address space"] == [str(512 << 20)] * 2 and rows["Max core file size"] == ["0", "0"]
    assert len(os.listdir(f"/proc/{child}/fd")) <= 5  # the standard ones, what it writes into, and the file
