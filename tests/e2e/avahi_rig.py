"""A message bus and an Avahi daemon of a test's own, which speaks in this machine's loopback only."""

import contextlib
import os
import subprocess

import processes
import pytest

BUS = """\
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <policy context="default">
    <allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/><allow user="*"/>
  </policy>
</busconfig>
"""
DAEMON = "[server]\nuse-ipv6=no\nallow-interfaces=lo\n[publish]\npublish-hinfo=no\npublish-workstation=no\n"


class Avahi:
    """`environment` is for whoever is to find this bus. No daemon runs before start()."""

    def __init__(self, folder):
        self.folder, self.daemon = folder, None
        socket = folder / "bus"
        self.environment = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={socket}"}
        (folder / "bus.conf").write_text(BUS.format(socket=socket), encoding="utf-8")
        (folder / "avahi.conf").write_text(DAEMON, encoding="utf-8")
        command = ["dbus-daemon", f"--config-file={folder / 'bus.conf'}", "--nofork", "--nopidfile"]
        self.bus = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        processes.wait_until(socket.exists, 10, "the message bus")

    def start(self):
        log = self.folder / "avahi.log"
        with open(log, "wb") as output:
            command = ["avahi-daemon", "-f", self.folder / "avahi.conf", "--no-drop-root", "--no-chroot", "--no-rlimits"]
            self.daemon = subprocess.Popen(
                command, env={**os.environ, **self.environment}, stdout=output, stderr=subprocess.STDOUT
            )

        def is_up():
            if self.daemon.poll() is not None:
                pytest.skip(f"no Avahi daemon can be started here: {log.read_text(errors='replace')[-300:]}")
            return "startup complete" in log.read_text(errors="replace")

        processes.wait_until(is_up, 20, "the Avahi daemon")

    def stop(self):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.terminate()
            self.daemon.wait(10)

    def found(self, kind):
        """{(name, port)} of the services of a kind that the daemon knows."""
        command = ["avahi-browse", "--resolve", "--terminate", "--parsable", "--no-db-lookup", kind]
        environment = {**os.environ, **self.environment}
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)
        rows = [line.split(";") for line in answer.stdout.splitlines() if line.startswith("=")]
        return {(row[3].replace("\\032", " "), int(row[8])) for row in rows}


@contextlib.contextmanager
def running(folder):
    folder.mkdir()
    avahi = Avahi(folder)
    try:
        yield avahi
    finally:
        avahi.stop()
        avahi.bus.terminate()
        avahi.bus.wait(10)
