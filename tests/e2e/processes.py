"""The real programs that end-to-end tests drive: our server, a camera server, stock clients."""

import contextlib
import ctypes
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
MEDIA_PROCESS = "eavesdrop-media"
PR_SET_CHILD_SUBREAPER = 36  # prctl(2): orphans become our children, so none can hide
STARTED = set()  # servers by their process ids


def become_subreaper():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _ports():
    """Ports below those that the system gives to connections: whoever connects to a server that is
    not there yet, or again, cannot take its port by that, nor be connected with itself. In an
    order of our own, since other workers take some, too."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="utf-8").split()[0])
    while True:
        yield random.randrange(lowest // 2, lowest)


def free_port():
    for port in _ports():
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(condition, timeout, what):
    """Poll until condition() is true and return its value; fail with `what` after `timeout`."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what}: not within {timeout} s"
        time.sleep(0.05)


def process_stat(pid):
    """(name, parent pid) of a process, or None when it is gone or only waits to be reaped."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    name, rest = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
    return None if rest[0] == "Z" else (name, int(rest[1]))


def children(parent, name=None):
    """Living child processes of `parent`, all or those with that program name."""
    found = []
    for entry in os.listdir("/proc"):
        stat = process_stat(entry) if entry.isdigit() else None
        if stat and stat[1] == parent and name in (None, stat[0]):
            found.append(int(entry))
    return sorted(found)


def media_children(server):
    """What reads media for the server with that process id: one process for each source."""
    nurseries = children(server, MEDIA_PROCESS)
    return sorted(children(server, "ffmpeg") + [pid for nursery in nurseries for pid in children(nursery)])


def get(port, path="/healthz", tls=None):
    """(status, body) of a GET; (None, reason) when nobody answers."""
    try:
        address = f"{'https' if tls else 'http'}://127.0.0.1:{port}{path}"
        with urllib.request.urlopen(address, timeout=5, context=tls) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return None, str(error)


class Server:
    """One running `eavesdrop serve`."""

    def __init__(self, program, config, folder, model_dir, port, environment=None, arguments=(), tls=None):
        self.port, self.tls = port, tls  # `tls`: an SSLContext that trusts it; None: it is not encrypted
        self.log_path = Path(folder) / f"server-{port}.log"
        config_path = Path(folder) / f"config-{port}.yaml"
        config_path.write_text(config, encoding="utf-8")
        command = [str(program), "serve", "--config", str(config_path), "--model-dir", str(model_dir)]
        # What a server keeps is its own: no two may have one folder.
        self.state_dir = Path(folder) / f"state-{port}"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                command + list(arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "EAVESDROP_STATE_DIR": str(self.state_dir), **(environment or {})},
            )
        STARTED.add(self.process.pid)

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def http(self, path="/healthz"):
        return get(self.port, path, self.tls)

    def wait_ready(self, timeout=60):
        def is_ready():
            assert self.process.poll() is None, f"the server ended at start:\n{self.log()}"
            return self.http()[0] == 200

        wait_until(is_ready, timeout, "server ready")
        return self

    def wait_log(self, pattern, timeout=30, after=0):
        """The first match of a regular expression in the log beyond position `after`."""
        compiled = re.compile(pattern, re.MULTILINE)
        try:
            return wait_until(lambda: compiled.search(self.log(), after), timeout, f"log line {pattern!r}")
        except AssertionError as error:
            raise AssertionError(f"{error}; the log:\n{self.log()[-4000:]}") from None

    def media(self):
        """The processes that read media, one for each source: ffmpegs, or the media process's own."""
        return media_children(self.pid)

    def stop(self, timeout=30):
        """SIGTERM, and wait. Returns the exit code; asserts that no child outlives the server."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"no end {timeout} s after SIGTERM; the log:\n{self.log()[-4000:]}") from None
        assert_no_orphans()
        return code


def assert_no_orphans():
    """No process of the server's that lost its parent came to us, the subreaper, to stay. Other servers of ours are
    none of its."""
    names = ("ffmpeg", "eavesdrop", MEDIA_PROCESS)
    deadline = time.monotonic() + 2  # they die with their parent, one after the other
    while (left := [pid for name in names for pid in children(os.getpid(), name) if pid not in STARTED]) and time.monotonic() < deadline:
        time.sleep(0.02)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, f"child processes outlived the server: {left}"


@contextlib.contextmanager
def serving(program, models, folder):
    """A function that starts servers, each of which must stop cleanly at the end."""
    servers = []

    def start(config="", listen=None, **options):
        port = listen or free_port()
        text = f"listen: 127.0.0.1:{port}\nmodel: base\nlanguage: en\n{config}"
        servers.append(Server(program, text, folder, models, port, **options))
        return servers[-1].wait_ready()

    try:
        yield start
    finally:
        for server in servers:
            was_running = server.process.poll() is None
            code = server.stop()
            log = server.log()
            assert code == 0 or not was_running, f"exit code {code} at SIGTERM:\n{log[-4000:]}"
            assert "ERROR: AddressSanitizer" not in log and "runtime error:" not in log, log


class Cameras:
    """A real RTSP server (GStreamer's) on loopback; see rtsp_server.py for the mounts."""

    def __init__(self, mounts, port=0, arguments=()):
        command = ["/usr/bin/python3", str(HERE / "rtsp_server.py"), "--port", str(port)]
        for mount in mounts:
            command += ["--mount", mount]
        self.mounts, self.arguments = mounts, arguments
        self.process = subprocess.Popen(
            command + list(arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        first = self.process.stdout.readline().split()
        assert first and first[0] == "PORT", "the RTSP server did not start"
        self.port = int(first[1])

    def url(self, name, user=None):
        return f"rtsp://{user + '@' if user else ''}127.0.0.1:{self.port}/{name}"

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()

    def restart(self):
        """A new server on the same port, for a camera that was away."""
        self.stop()
        self.__init__(self.mounts, self.port, self.arguments)


class WhisperLiveClient:
    """The stock WhisperLive client, unmodified, in a process of its own, playing a file."""

    def __init__(self, port, audio, folder, language="en"):
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.srt_path, self.log_path = folder / "output.srt", folder / "client.log"
        # The client writes a resampled copy beside the file that it plays.
        copy = shutil.copy(audio, folder)
        # It waits in a busy loop: lowest priority, so that it takes no time from the server.
        command = ["nice", "-n", "19", sys.executable, str(HERE / "whisperlive_client.py")]
        command += [str(port), str(copy), str(self.srt_path), language]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=folder
            )

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def finish(self, timeout):
        """Wait for the end, and return the SRT file's text."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.stop()
            raise AssertionError(f"the client did not end in {timeout} s:\n{self.log()[-2000:]}") from None
        assert code == 0 and self.srt_path.exists(), f"the client failed:\n{self.log()[-4000:]}"
        return self.srt_path.read_text(encoding="utf-8")

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
