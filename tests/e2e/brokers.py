"""Real servers that sinks speak to, on free ports of loopback, each in a folder of its own."""

import contextlib
import glob
import os
import shutil
import signal
import socket
import subprocess

import processes
import pytest

PASSWORD = "s3cr3t/p@ss"  # of the user "eavesdrop"
ENCODED = "s3cr3t%2Fp%40ss"  # as it stands in a URL
NOBODY = 65534  # user and group


class Broker:
    """One of them, which may be stopped and started again."""

    def __init__(self, folder, command, unprivileged=False):
        self.folder, self.command, self.unprivileged = folder, command, unprivileged
        self.process = None

    def start(self):
        as_whom = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if self.unprivileged else {}
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **as_whom
            )
        processes.wait_until(self.is_answering, 30, f"{self.command[0]} answers")

    def is_answering(self):
        with contextlib.closing(socket.socket()) as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self):
        if self.process:
            self.kill()


class Nats(Broker):
    def __init__(self, folder):
        program = shutil.which("nats-server", path=os.environ["PATH"] + ":/usr/sbin")
        if not program:
            pytest.skip("there is no nats-server")
        self.port = processes.free_port()
        (folder / "nats.conf").write_text(
            f'listen: "127.0.0.1:{self.port}"\njetstream: {{store_dir: "{folder}/jetstream"}}\n'
            f'authorization: {{user: eavesdrop, password: "{PASSWORD}"}}\n'
        )
        super().__init__(folder, [program, "-c", "nats.conf"])
        self.url = f"nats://eavesdrop:{ENCODED}@127.0.0.1:{self.port}"


class Postgresql(Broker):
    def __init__(self, folder):
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))
        if not programs:
            pytest.skip("there is no PostgreSQL")
        self.port, self.programs = processes.free_port(), programs[-1]
        is_root = os.geteuid() == 0
        command = [f"{self.programs}/postgres", "-D", "data", "-p", str(self.port), "-k", str(folder)]
        super().__init__(folder, [*command, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"], is_root)
        (folder / "password").write_text(PASSWORD)
        if is_root:
            os.chown(folder, NOBODY, NOBODY)
        initdb = [f"{self.programs}/initdb", "-D", "data", "-U", "eavesdrop", "--pwfile=password", "-A"]
        as_whom = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if is_root else {}
        subprocess.run(
            [*initdb, "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
            **as_whom,
        )
        self.url = f"postgresql://eavesdrop:{ENCODED}@127.0.0.1:{self.port}/postgres"

    def psql(self, question):
        """What psql prints, plain; None while the server does not answer."""
        done = subprocess.run(
            ["psql", "-X", "-A", "-t", "-d", self.url, "-c", question], capture_output=True, text=True, timeout=30
        )
        return done.stdout.strip() if done.returncode == 0 else None
