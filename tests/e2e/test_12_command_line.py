"""The command line as people and their shells use it: what is closed, piped, or written otherwise."""

import itertools
import json
import os
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
    """A camera as well: its ffmpeg gets pipes, whose numbers must not be the standard ones."""
    port = processes.free_port()
    config = tmp_path / "c.yaml"
    config.write_text(
        f"listen: 127.0.0.1:{port}\nmodel: tiny.en\nmodel_dir: {models}\n"
        f"streams:\n  tape: {{url: {data}/misc/jfk.flac, loop: true}}\n",
        encoding="utf-8",
    )
    server = subprocess.Popen([*shell(closed), program, "serve", "--config", config], stderr=subprocess.DEVNULL)
    try:
        probe = processes.Server.http
        server.port = port
        processes.wait_until(lambda: server.poll() is not None or probe(server)[0] == 200, 60, "server ready")
        processes.wait_until(
            lambda: server.poll() is not None or processes.children(server.pid, "ffmpeg"), 30, "the camera's ffmpeg"
        )
        assert server.poll() is None
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
    processes.assert_no_orphans()


def test_output_that_is_full(transcribe, command, jfk):
    for arguments in (("model", "list"), ("--help",), ("--version",), ("serve", "--help"), ("bench", "--help")):
        done = command(*arguments, by=shell([">/dev/full"]))
        assert done.returncode == 1, arguments
        assert "standard output could not be written" in done.stderr
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
