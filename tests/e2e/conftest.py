"""Fixtures of the end-to-end tests: they drive the real binary with real peers.

EAVESDROP_BUILD        folder of the build under test (default build/release)
EAVESDROP_TEST_MODELS  folder with base/, tiny.en/, silero-vad/ (default: where model fetch puts them)
EAVESDROP_TEST_DATA    folder of recordings (default ../shared/data beside the project)
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import processes
import speech
from eavesdrop_client import EavesdropClient

processes.become_subreaper()


def pytest_configure():
    # Nothing of the user's own settings may change the program under test.
    for name in [n for n in os.environ if n.startswith("EAVESDROP_")]:
        if not name.startswith("EAVESDROP_TEST_") and name != "EAVESDROP_BUILD":
            del os.environ[name]
    # Servers that run at the same time would want one socket there: a test gives a folder of its own.
    os.environ.pop("XDG_RUNTIME_DIR", None)
    # Nor may the tests leave anything in the user's folders.
    os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="eavesdrop-tests-")


def pytest_unconfigure():
    shutil.rmtree(os.environ["XDG_STATE_HOME"], ignore_errors=True)


@pytest.fixture(scope="session")
def program():
    path = processes.PROJECT / os.environ.get("EAVESDROP_BUILD", "build/release") / "eavesdrop"
    if not path.exists():
        pytest.fail(f"{path} is not built: run make")
    return path


@pytest.fixture(scope="session")
def models():
    default = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share")) / "eavesdrop/models"
    path = Path(os.environ.get("EAVESDROP_TEST_MODELS", default))
    if not (path / "base" / "model.bin").exists():
        pytest.skip(f"no model at {path / 'base'}: run: eavesdrop model fetch base silero-vad")
    return path


@pytest.fixture(scope="session")
def data():
    path = Path(os.environ.get("EAVESDROP_TEST_DATA", processes.PROJECT.parent / "shared/data"))
    if not path.exists():
        pytest.skip(f"no recordings at {path}: set EAVESDROP_TEST_DATA")
    return path


@pytest.fixture(scope="session")
def jfk(data):
    """(path, reference text) of an 11 s recording."""
    return data / "misc/jfk.flac", (data / "misc/jfk.txt").read_text(encoding="utf-8")


@pytest.fixture
def serve(program, models, tmp_path):
    """Start servers: serve(config) takes YAML without `listen` and `model`, waits until it is
    ready, and returns a processes.Server. At the end each must stop cleanly."""
    with processes.serving(program, models, tmp_path) as start:
        yield start


@pytest.fixture
def cameras():
    """Start RTSP servers: cameras(mount, ..., port=, arguments=) returns a processes.Cameras."""
    running = []

    def start(*mounts, **options):
        running.append(processes.Cameras(mounts, **options))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def client():
    """Open eavesdrop-dialect clients: client(server, role=, streams=)."""
    opened = []

    def open_client(server, **options):
        opened.append(EavesdropClient(server.port, **options))
        return opened[-1]

    yield open_client
    for one in opened:
        one.close()


@pytest.fixture
def whisperlive(tmp_path):
    """Start stock WhisperLive clients: whisperlive(server, audio)."""
    running = []

    def start(server, audio, language="en"):
        folder = tmp_path / f"client-{len(running)}"
        running.append(processes.WhisperLiveClient(server.port, audio, folder, language))
        return running[-1]

    yield start
    for one in running:
        one.stop()


@pytest.fixture(scope="session")
def command(program, models):
    """Run the program, or another one of the build, to its end: command(argument, ...) returns the
    CompletedProcess. `by` is a command that runs it."""
    build = program.parent

    def run(*arguments, timeout=120, by=(), program="eavesdrop", **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(
            [*by, str(build / program), *map(str, arguments)], capture_output=True, text=True, timeout=timeout, **options
        )

    run.models = models
    return run


@pytest.fixture(scope="session")
def chapter(data, tmp_path_factory):
    """Excerpts of long recordings: chapter(name, start, seconds) returns (WAV path, reference)."""
    folder = tmp_path_factory.mktemp("chapters")

    def excerpt(name, start, seconds):
        samples, reference = speech.librispeech_long(data, name, start, seconds)
        return speech.save(folder / f"{name}-{start}.wav", samples), reference

    return excerpt
