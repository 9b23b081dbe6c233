"""The servers that live measurements are of: eavesdrop's, and WhisperLive's."""

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

from measure import children
from measure.sounds import DATA, PROJECT

PROGRAM = PROJECT / "build/release/eavesdrop"
BENCH = PROJECT / "build/release/eavesdrop-bench"
HOME = pathlib.Path(os.environ.get("XDG_DATA_HOME", pathlib.Path.home() / ".local/share"))
MODELS = pathlib.Path(os.environ.get("EAVESDROP_TEST_MODELS", HOME / "eavesdrop/models"))

# Its limits on clients are lifted, so that the load is really taken.
PEER = """
import sys
from whisper_live.server import TranscriptionServer
port, model, mode = sys.argv[1:4]
TranscriptionServer().run("127.0.0.1", int(port), backend="faster_whisper", single_model=True,
                          faster_whisper_custom_model_path=model, max_clients=1000, max_connection_time=36000,
                          batch_enabled=mode == "batch", batch_max_queue_wait_s=3600,
                          batch_max_admissions_per_s=1000)
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_port(process, port, timeout=120):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.2)
    sys.exit(f"a server did not start: {' '.join(process.args)[:200]}")


@contextlib.contextmanager
def serving(name, port, work, model, peer_python=None, settings=""):
    """The process of a fresh server: "eavesdrop" (with more lines of configuration), "WhisperLive single" (one
    shared model) or "WhisperLive batch". `work` is the folder for its log."""
    environment = dict(os.environ)
    if name == "eavesdrop":
        config = work / f"eavesdrop-{port}.yaml"
        config.write_text(f"listen: 127.0.0.1:{port}\nmodel: {MODELS / model}\n{settings}")
        command = [str(PROGRAM), "serve", "--config", str(config), "--model-dir", str(MODELS)]
        environment["EAVESDROP_STATE_DIR"] = str(work / f"state-{port}")
    else:
        command = [str(peer_python), "-c", PEER, str(port), str(MODELS / model), name.split()[-1]]
        environment["OMP_NUM_THREADS"] = str(children.THREADS)
    with open(work / f"{name.replace(' ', '-')}.log", "ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
    try:
        wait_port(process, port)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def metrics(port):
    """{name with labels: value} of an eavesdrop server."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


def offline(audio, model, work):
    """What our own decoder makes of the folder's files when it has time, as `eavesdrop-bench live --offline` reads it;
    made once."""
    path = work / f"offline-{audio.name}-{model}.jsonl"
    if not path.exists():
        files = sorted(one for one in audio.iterdir() if one.suffix in (".flac", ".wav", ".ogg", ".opus"))
        command = [PROGRAM, "transcribe", "--model", MODELS / model, "--language", "en", "--format", "json"]
        done = subprocess.run([*map(str, command), *map(str, files)], check=True, stdout=subprocess.PIPE)
        path.write_bytes(done.stdout)
    return path


def bench_live(port, pid, n_clients, seconds, audio, offline_path, figures, **options):
    """The command line of `eavesdrop-bench live`, whose figures go to the file `figures`; options by their names."""
    command = [BENCH, "live", "--url", f"ws://127.0.0.1:{port}", "--clients", n_clients, "--audio", audio,
               "--seconds", seconds, "--language", "en", "--pid", pid, "--offline", offline_path, "--json", figures]
    times = PROJECT / f"bench/word_times/{audio.name}.tsv"
    if times.exists():
        command += ["--word-times", times]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", value]
    return list(map(str, command))
