"""The command line as people and their shells use it: what is closed, piped, or written otherwise."""

import itertools
import json
import os
import pty
import pwd
import signal
import subprocess
import zipfile
from pathlib import Path

import processes
import pytest
from websockets.sync.client import connect

REDIRECTIONS = ("<&-", ">&-", "2>&-")
CLOSED = [combination for n in range(4) for combination in itertools.combinations(REDIRECTIONS, n)]


def shell(redirections):
    """A command that runs another with these redirections."""
    return ["sh", "-c", f'exec "$@" {" ".join(redirections)}', "sh"]


@pytest.fixture
def transcribe(command):
    def run(*arguments, **options):
        return command("transcribe", "--model-dir", command.models, "--model", "tiny.en", *arguments, **options)

    return run


# --- descriptors -----------------------------------------------------------------------------


@pytest.mark.parametrize("closed", CLOSED, ids=" ".join)
def test_closed_descriptors(transcribe, command, jfk, closed):
    listed = command("model", "list", by=shell(closed))
    heard = transcribe(jfk[0], by=shell(closed))
    for done, words in ((listed, "silero-vad"), (heard, "my fellow Americans")):
        if ">&-" in closed:
            assert done.returncode == 1
            assert "2>&-" in closed or "standard output could not be written" in done.stderr
        else:
            assert done.returncode == 0, done.stderr
            assert words in done.stdout


@pytest.mark.parametrize("closed", CLOSED, ids=" ".join)
def test_server_with_closed_descriptors(program, models, data, tmp_path, closed):
    """A camera as well: what reads it gets pipes, whose numbers must not be the standard ones."""
    port = processes.free_port()
    config = tmp_path / "c.yaml"
    config.write_text(
        f"listen: 127.0.0.1:{port}\nmodel: tiny.en\nmodel_dir: {models}\n"
        f"streams:\n  tape: {{url: {data}/misc/jfk.flac, loop: true}}\n",
        encoding="utf-8",
    )
    server = subprocess.Popen([*shell(closed), program, "serve", "--config", config], stderr=subprocess.DEVNULL)
    try:
        processes.wait_until(lambda: server.poll() is not None or processes.get(port)[0] == 200, 60, "server ready")
        processes.wait_until(
            lambda: server.poll() is not None or processes.media_children(server.pid), 30, "what reads the camera"
        )
        assert server.poll() is None
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
    processes.assert_no_orphans()


def test_output_that_is_full(transcribe, command, jfk):
    for arguments in (("model", "list"), ("--help",), ("--version",), ("serve", "--help")):
        done = command(*arguments, by=shell([">/dev/full"]))
        assert done.returncode == 1, arguments
        assert "standard output could not be written" in done.stderr
    done = command("live", "--help", by=shell([">/dev/full"]), program="eavesdrop-bench")
    assert done.returncode == 1 and "eavesdrop-bench: standard output could not be written" in done.stderr
    for form in ("text", "json", "srt", "vtt"):
        done = transcribe("--format", form, jfk[0], by=shell([">/dev/full"]))
        assert done.returncode == 1
        assert "standard output could not be written" in done.stderr


def test_reader_that_leaves(program, models, chapter):
    """Its text has nowhere to go: the rest of a long file is not decoded any more."""
    audio, _ = chapter("7312-92432", 0, 120)
    reading, writing = os.pipe()
    os.close(reading)
    command = [program, "transcribe", "--model-dir", models, "--model", "tiny.en", *[audio] * 50]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(writing)
    assert done.returncode == 1
    assert "its reader has left" in done.stderr


# --- languages -------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ("German", "DE", "de-AT", "de_DE.UTF-8", "ger"))
def test_language_of_a_file(command, data, language):
    audio = data / "fleurs/fleurs-de-000.ogg"
    arguments = ("transcribe", "--model-dir", command.models, "--format", "json", audio)
    by_option = command(*arguments, "--language", language)
    by_variable = command(*arguments, env={**os.environ, "EAVESDROP_LANGUAGE": language})
    for done in (by_option, by_variable):
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["language"] == "de"


def test_unknown_language(transcribe, jfk):
    done = transcribe("--language", "Englsh", jfk[0])
    assert done.returncode == 2
    assert 'did you mean "English"?' in done.stderr
    done = transcribe("--language", "German", jfk[0])
    assert done.returncode == 2
    assert "the model does not know the language de: it is English-only" in done.stderr


def test_language_of_a_client(serve, client):
    server = serve()
    assert client(server).setup(language="en-US")["type"] == "server_ready"
    assert client(server).setup(language="auto")["type"] == "server_ready"
    refused = client(server).setup(language="Frensh")
    assert refused["type"] == "error" and "did you mean" in json.dumps(refused)
    with connect(f"ws://127.0.0.1:{server.port}") as whisperlive:
        hello = {"uid": "u", "language": "Englisch", "task": "transcribe", "model": "base"}
        whisperlive.send(json.dumps(hello))
        assert "did you mean" in whisperlive.recv(10)


# --- fetching models -------------------------------------------------------------------------

NO_HUB = {"EAVESDROP_HUB_URL": "http://127.0.0.1:1"}


@pytest.fixture
def trap(tmp_path):
    """A folder to be in, whose Python modules tell when they are run."""
    folder = tmp_path / "trap"
    folder.mkdir()
    for name in ("pip", "zipfile", "http", "tempfile", "sitecustomize"):
        (folder / f"{name}.py").write_text(f"open({str(folder / 'sprung')!r}, 'w')\nraise SystemExit(9)\n", encoding="utf-8")
    return folder


def test_fetching_runs_no_program(command, trap, tmp_path):
    done = command("model", "fetch", "silero-vad", "--model-dir", tmp_path / "models", cwd=trap, env={**os.environ, **NO_HUB})
    assert done.returncode == 1
    assert "EAVESDROP_HUB_URL" in done.stderr and "tools/fetch-weights" in done.stderr
    assert not (trap / "sprung").exists()


def test_weights_from_a_package(program, models, trap, tmp_path):
    """With pip as this machine has it, and a wheel in a folder in place of a registry."""
    name = "silero_vad/data/silero_vad_16k.safetensors"
    info = "silero_vad-6.2.3.dist-info"
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "silero_vad-6.2.3-py3-none-any.whl", "w") as wheel:
        wheel.write(models / "silero-vad/silero_vad_16k.safetensors", name)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: silero-vad\nVersion: 6.2.3\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    environment = {
        **os.environ,
        **NO_HUB,
        "EAVESDROP_MODEL_DIR": str(tmp_path / "models"),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
        "PYTHONPATH": str(trap),
        "TMPDIR": str(tmp_path),
    }
    fetch = [processes.PROJECT / "tools/fetch-weights", program]
    done = subprocess.run([*fetch, "silero-vad"], cwd=trap, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    fetched = tmp_path / "models/silero-vad/silero_vad_16k.safetensors"
    assert fetched.read_bytes() == (models / "silero-vad/silero_vad_16k.safetensors").read_bytes()
    assert not (trap / "sprung").exists()
    assert not list(tmp_path.glob("fetch-weights-*"))
    # What no package carries stays the hub's.
    done = subprocess.run([*fetch, "ggml-tiny"], cwd=trap, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1


# --- no HOME ---------------------------------------------------------------------------------

HOMELESS = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_DATA_HOME")}


def test_without_home_the_passwd_entry_is_asked(command):
    home = Path(pwd.getpwuid(os.geteuid()).pw_dir)
    done = command("model", "info", "ggml-large-v3", env=HOMELESS)
    assert done.returncode == 3
    assert f"is not in {home / '.local/share/eavesdrop/models'}" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user without an entry")
def test_user_without_a_home(command, jfk):
    options = {"env": HOMELESS, "user": 54321, "extra_groups": []}
    done = command("model", "fetch", "silero-vad", **options)
    assert done.returncode == 1 and "--model-dir or EAVESDROP_MODEL_DIR" in done.stderr
    done = command("transcribe", jfk[0], **options)
    assert done.returncode == 3 and "--model-dir or EAVESDROP_MODEL_DIR" in done.stderr
    assert command("model", "list", **options).returncode == 0


# --- standard input --------------------------------------------------------------------------


def bash(script):
    """A command that runs the script, in which "$@" is the command line that follows."""
    return ["bash", "-c", script, "bash"]


@pytest.fixture
def recordings(jfk, tmp_path):
    """One recording as what needs no seeking, and as what does."""
    paths = {"flac": jfk[0]}
    for name, options in {
        "wav": [],
        "ogg": ["-c:a", "libvorbis"],
        "mp3": [],
        "faststart.mp4": ["-movflags", "+faststart"],
        "mp4": [],
    }.items():
        paths[name] = tmp_path / f"jfk.{name}"
        command = ["ffmpeg", "-v", "error", "-i", jfk[0], *options, paths[name]]
        subprocess.run(command, stdin=subprocess.DEVNULL, check=True, timeout=60)
    return paths


def test_standard_input_is_transcribed(transcribe, recordings):
    for name, path in recordings.items():
        with open(path, "rb") as file:
            by_file = transcribe("--format", "json", "-", stdin=file)
        assert by_file.returncode == 0, by_file.stderr
        heard = json.loads(by_file.stdout)
        assert heard["file"] == "standard input"
        assert "my fellow Americans" in heard["segments"][0]["text"]
        by_pipe = transcribe("-", by=bash(f"cat '{path}' | \"$@\""))
        if name == "mp4":
            assert by_pipe.returncode == 1
            assert "standard input: " in by_pipe.stderr and "+faststart" in by_pipe.stderr
        else:
            assert by_pipe.returncode == 0, by_pipe.stderr
            assert "my fellow Americans" in by_pipe.stdout


@pytest.mark.parametrize(
    "script",
    (
        'cat "$FILE" | "$@" /dev/stdin',
        'cat "$FILE" | "$@" /dev/fd/0',
        'cat "$FILE" | "$@" /proc/self/fd/0',
        '"$@" <(cat "$FILE")',
        'exec 7<"$FILE"; "$@" /dev/fd/7',
        '"$@" - < <(cat "$FILE")',
        # What is no file by a path any more, and what was read from already.
        'cp "$FILE" gone; exec 7<gone; rm gone; "$@" /dev/fd/7',
        '{ printf 12345; cat "$FILE"; } >more; { dd bs=1 count=5 of=/dev/null status=none; "$@" -; } <more',
        'mkfifo fifo; cat "$FILE" >fifo & "$@" fifo',
    ),
)
def test_descriptors_and_pipes_are_transcribed(transcribe, recordings, tmp_path, script):
    done = transcribe(by=bash(script), cwd=tmp_path, env={**os.environ, "FILE": str(recordings["wav"])})
    assert done.returncode == 0, done.stderr
    assert "my fellow Americans" in done.stdout


def test_standard_input_among_files(transcribe, recordings, tmp_path):
    with open(recordings["wav"], "rb") as file:
        done = transcribe(recordings["mp3"], "-", stdin=file)
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"{recordings['mp3']}: And so")
    assert lines[-1].startswith("standard input: And so")
    for twice in (("-", "-"), ("-", "/dev/stdin"), ("/dev/fd/0", "x.wav", "-")):
        done = transcribe(*twice)
        assert done.returncode == 2
        assert "given twice: standard input" in done.stderr
    with open(recordings["wav"], "rb") as file:
        done = transcribe("-", "--output", recordings["wav"], stdin=file)
    assert done.returncode == 2 and "would write over an input" in done.stderr


def test_standard_input_without_sound(transcribe):
    cases = {
        '"$@" - </dev/null': "standard input is empty",
        '"$@" - <&-': "standard input is empty",
        ': | "$@" -': "standard input: nothing came, or no sound",
        'yes | head -c 100000 | "$@" -': "standard input: nothing came, or no sound",
        '"$@" - </': "standard input is a directory",
        '"$@" /dev/fd/99': "'/dev/fd/99': Bad file descriptor",
    }
    for script, words in cases.items():
        done = transcribe(by=bash(script))
        assert done.returncode == 1, script
        assert words in done.stderr
    reading, writing = pty.openpty()
    done = transcribe("-", stdin=writing)
    os.close(reading)
    os.close(writing)
    assert done.returncode == 1 and "standard input is a terminal" in done.stderr


@pytest.mark.parametrize("path", ("-", "/dev/stdin", "/dev/fd/0", "<(cat)"))
def test_configuration_from_standard_input(command, path):
    def check(text):
        return command("check", "--config", by=bash(f'"$@" {path}'), stdin=None, input=text)

    good = check("streams:\n  a: rtsp://127.0.0.1/a\n")
    assert good.returncode == 0, good.stderr
    name = "/dev/fd/63" if "(" in path else "standard input"
    assert good.stdout == f"{name}: ok: 1 stream\n"
    bad = check("langauge: de\n")
    assert bad.returncode == 2
    assert f"{name}:1:1: langauge: unknown key" in bad.stderr


def test_server_configured_from_standard_input(program, models, tmp_path):
    port = processes.free_port()
    command = [program, "serve", "--config", "-"]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=tmp_path)
    server.stdin.write(f"listen: 127.0.0.1:{port}\nmodel: tiny.en\nmodel_dir: {models}\n".encode())
    server.stdin.close()
    try:
        processes.wait_until(lambda: processes.get(port)[0] == 200, 60, "server ready")
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
