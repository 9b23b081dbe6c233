#!/usr/bin/env python3
"""What do cameras cost on which nobody speaks? N RTSP cameras (G.711 room noise, GStreamer's server
on loopback) are pulled for a while; prints, by part, the processor time of a camera in percent of
a core, and its memory. --gain makes the noise louder, --level 0 makes it digital silence.

    build/venv/bin/python bench/quiet_streams.py --cameras 100 [--seconds 60] [--warm 20]
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/e2e"))
import processes
import speech

PER_MOUNT = 10  # cameras that hear the same moment of a recording: the server's encoding is shared
TICKS = os.sysconf("SC_CLK_TCK")


def room_noise(seconds, level, seed):
    """Noise that falls by 3 dB an octave, with mains hum and slow drift: an empty office. `level` in
    dBFS; -inf for digital silence."""
    dice = numpy.random.default_rng(seed)
    n = seconds * speech.RATE
    spectrum = dice.standard_normal(n // 2 + 1) + 1j * dice.standard_normal(n // 2 + 1)
    spectrum /= numpy.sqrt(numpy.maximum(numpy.arange(n // 2 + 1) * speech.RATE / n, 50))
    noise = numpy.fft.irfft(spectrum, n)
    times = numpy.arange(n) / speech.RATE
    noise *= 10 ** (numpy.sin(2 * numpy.pi * times / seconds) / 20)  # 1 dB up, 1 dB down
    noise /= numpy.sqrt(numpy.mean(noise**2))
    noise += 0.3 * numpy.sin(2 * numpy.pi * 50 * times)
    return (10 ** (level / 20) * noise).astype("<f4")


class Part:
    """Processor time and memory of some processes, together."""

    def __init__(self, name, pids):
        self.name, self.pids = name, pids
        self.cpu = self.read_cpu()

    def read_cpu(self):
        ticks = 0
        for pid in self.pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS

    def memory(self, name):
        """Sum over the processes, in MiB; Pss shares what is shared."""
        total = 0
        for pid in self.pids:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith(name + ":"):
                    total += int(line.split()[1])
        return total / 1024


def wakeups(pid):
    """Voluntary context switches of the main thread: how often it slept."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("voluntary_ctxt_switches"):
            return int(line.split()[1])
    return 0


def report(server, parts, options, base_memory):
    """Watch for options.seconds, and print what each part took."""
    start, sleeps = time.monotonic(), wakeups(server.pid)
    time.sleep(options.seconds)
    passed, sleeps = time.monotonic() - start, wakeups(server.pid) - sleeps
    print(f"{options.cameras} cameras, {options.codec}, noise at {options.level} dBFS, {passed:.0f} s")
    print(f"{'part':12} {'CPU, % of a core':>18} {'per camera, %':>14} {'Rss MiB':>9} {'Pss MiB':>9} {'per camera, Pss MiB':>20}")
    for part in parts:
        cpu = 100 * (part.read_cpu() - part.cpu) / passed
        rss, pss = part.memory("Rss"), part.memory("Pss")
        own = rss - base_memory if part.name == "eavesdrop" else pss
        print(f"{part.name:12} {cpu:18.2f} {cpu / options.cameras:14.3f} {rss:9.1f} {pss:9.1f} {own / options.cameras:20.2f}")
    print(f"eavesdrop without cameras: {base_memory:.1f} MiB; its loop slept {sleeps / passed / options.cameras:.1f} times a second and camera")
    text = [line for line in server.log().splitlines() if " en: " in line]
    print(f"words that came out: {sum(len(line.split(' en: ', 1)[1].split()) for line in text)}")


def cameras_start(options, folder):
    """(the RTSP server, the streams' lines for a configuration)."""
    mounts = []
    for m in range(-(-options.cameras // PER_MOUNT)):
        noise = speech.save(folder / f"noise-{m}.wav", room_noise(60, options.level, m))
        mounts.append(f"m{m}:{options.codec}:{noise}:loop:shared")
    cameras = processes.Cameras(mounts)
    urls = [cameras.url(f"m{n // PER_MOUNT}") for n in range(options.cameras)]
    return cameras, "streams:\n" + "".join(f"  camera-{n}: {url}\n" for n, url in enumerate(urls))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cameras", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--warm", type=float, default=20)
    parser.add_argument("--level", type=float, default=-55, help="of the noise, dBFS; -inf for digital silence")
    parser.add_argument("--codec", default="pcma")
    parser.add_argument("--model", default="tiny.en", help="its weights are no part of a camera's memory")
    options = parser.parse_args()
    processes.become_subreaper()
    home = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share"))
    models = Path(os.environ.get("EAVESDROP_TEST_MODELS", home / "eavesdrop/models"))
    program = processes.PROJECT / os.environ.get("EAVESDROP_BUILD", "build/release") / "eavesdrop"
    folder = Path(tempfile.mkdtemp(prefix="quiet-streams-"))
    port = processes.free_port()
    config = f"listen: 127.0.0.1:{port}\nmodel: {options.model}\nlanguage: en\n"
    server = processes.Server(program, config, folder, models, port).wait_ready()
    time.sleep(2)
    base_memory = Part("eavesdrop", [server.pid]).memory("Rss")
    server.stop()
    cameras, streams = cameras_start(options, folder)
    try:
        server = processes.Server(program, config + streams, folder, models, port).wait_ready()
        online = f'eavesdrop_streams{{state="online"}} {options.cameras}\n'
        processes.wait_until(lambda: online in (server.http("/metrics")[1] or ""), 180, "all cameras online")
        time.sleep(options.warm)
        children = server.media()
        nursery = processes.children(server.pid, processes.MEDIA_PROCESS)
        assert len(children) == options.cameras, children
        parts = [Part("eavesdrop", [server.pid]), Part("media", children + nursery), Part("RTSP server", [cameras.process.pid])]
        report(server, parts, options, base_memory)
        assert sorted(server.media()) == sorted(children), "a media child was started again"
    finally:
        code = server.stop()
        cameras.stop()
    return code


if __name__ == "__main__":
    sys.exit(main())
