"""What a real server tells a real MQTT broker, as stock clients receive it: real speech, and nothing lost
while the broker is away."""

import json
import re
import shutil
import signal
import sqlite3
import subprocess

import processes
import pytest

SAID = "country"  # twice in every round of the recording
DISCOVERY = r"homeassistant/device/eavesdrop_[0-9a-f]{8}/config"


class Broker:
    """mosquitto on a free port, and mosquitto_sub, which writes down all that it receives."""

    def __init__(self, folder):
        self.port, self.folder = processes.free_port(), folder
        self.received = folder / "received"
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
            f"persistence_location {folder}/\nuser root\nmax_queued_messages 0\n",
            encoding="utf-8",
        )
        self.start()
        # mosquitto_sub tries once.
        processes.wait_until(lambda: self.retained("$SYS/broker/version"), 10, "mosquitto")
        with open(self.received, "wb") as output:
            self.subscriber = subprocess.Popen(
                [*self.client("mosquitto_sub"), "-i", "reader", "-c", "-x", "3600"]
                + ["-q", "1", "-t", "#", "-F", "%r %t %p"],
                stdout=output,
            )
        assert self.subscriber.poll() is None

    def client(self, program):
        return [program, "-V", "5", "-h", "127.0.0.1", "-p", str(self.port)]

    def start(self):
        self.process = subprocess.Popen(
            ["mosquitto", "-c", str(self.folder / "mosquitto.conf")], stderr=subprocess.DEVNULL
        )

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)

    def close(self):
        for process in (self.subscriber, self.process):
            process.kill()  # mosquitto_sub may lock itself out in its handler of SIGTERM
            process.wait(10)

    def retained(self, topic):
        done = subprocess.run(
            [*self.client("mosquitto_sub"), "-t", topic, "-C", "1", "-W", "1"], capture_output=True, text=True
        )
        return done.stdout.strip()

    def messages(self, pattern):
        """(is retained, payload) of what came under such topics, oldest first."""
        lines = self.received.read_text(encoding="utf-8").splitlines()
        split = [line.split(" ", 2) for line in lines]
        return [(retained == "1", payload) for retained, topic, payload in split if re.fullmatch(pattern, topic)]

    def rows(self, pattern):
        return [json.loads(payload) for _, payload in self.messages(pattern)]


@pytest.fixture
def broker(tmp_path):
    if not shutil.which("mosquitto") or not shutil.which("mosquitto_sub"):
        pytest.skip("no mosquitto: run: tools/bootstrap test")
    folder = tmp_path / "broker"
    folder.mkdir()
    one = Broker(folder)
    yield one
    one.close()


def configuration(broker, path, **keys):
    more = "".join(f", {key}: {value}" for key, value in keys.items())
    return (
        f'streams:\n  porch: {{url: "{path}", loop: true}}\n'
        f'  closet: {{url: "{path}", loop: true, journal: off}}\n'
        f"alerts:\n  duty: {{words: [{SAID}]}}\n"
        f'sinks:\n  house: {{type: mqtt, url: "mqtt://127.0.0.1:{broker.port}"{more}}}\n'
    )


def journaled(server):
    """Ids of the journal's final segments, in order."""
    with sqlite3.connect(f"file:{server.state_dir / 'journal.db'}?mode=ro", uri=True) as database:
        return [row[0].hex() for row in database.execute("SELECT id FROM rows WHERE kind = 0 ORDER BY row")]


def test_stock_clients_receive_speech_and_home_assistant_is_told(serve, broker, jfk):
    server = serve(configuration(broker, jfk[0], home_assistant="true", partials="true"))
    finals = lambda: [row for row in broker.rows("eavesdrop/porch/final") if SAID in row["text"].lower()]
    processes.wait_until(finals, 60, "a final text")
    processes.wait_until(lambda: broker.rows("eavesdrop/porch/alert"), 20, "an alert")
    processes.wait_until(lambda: broker.messages(DISCOVERY), 20, "the announcement")
    assert not broker.messages("eavesdrop/closet/.*"), "what is not to be kept is told"
    final = finals()[0]
    assert final["kind"] == "segment" and final["stream"] == "porch" and final["durable"] is True
    assert final["id"] and final["cursor"]
    events = broker.rows("eavesdrop/porch/event")
    assert {event["event_type"] for event in events} <= {"utterance", "keyword"}
    assert any(event["event_type"] == "utterance" and event["id"] == final["id"] for event in events)
    assert any(event["event_type"] == "keyword" and event["alert"] == "duty" for event in events)
    assert "ON" in [payload for _, payload in broker.messages("eavesdrop/porch/speech")]
    partials = broker.rows("eavesdrop/porch/partial")
    assert any(one["text"] for one in partials) and all(one["text"].startswith(one["stable"]) for one in partials)
    assert broker.retained("eavesdrop/status") == "online"
    assert broker.retained("eavesdrop/porch/online") == "ON"
    announced = json.loads(broker.retained("homeassistant/device/+/config"))
    assert set(announced["components"]) == {"porch_text", "porch_speech", "porch_utt", "porch_conn"}
    # Its state, as Home Assistant makes it of the template, has room.
    assert all(len(row["text"][:250]) <= 255 for row in broker.rows("eavesdrop/porch/final"))
    told = len(broker.messages(DISCOVERY))
    subprocess.run([*broker.client("mosquitto_pub"), "-t", "homeassistant/status", "-m", "online"], check=True)
    processes.wait_until(lambda: len(broker.messages(DISCOVERY)) > told, 20, "the announcement, again")

    server.stop()
    processes.wait_until(lambda: broker.retained("eavesdrop/status") == "offline", 10, "the last will")
    assert "porch_text" in broker.retained("homeassistant/device/+/config"), "taken back by a stop"


def test_a_killed_server_is_offline(serve, broker, jfk):
    server = serve(configuration(broker, jfk[0]))
    processes.wait_until(lambda: broker.retained("eavesdrop/status") == "online", 20, "the server online")
    server.process.kill()
    server.process.wait()
    processes.wait_until(lambda: broker.retained("eavesdrop/status") == "offline", 10, "the last will")


def test_nothing_is_lost_while_the_broker_is_away(serve, broker, jfk):
    server = serve(configuration(broker, jfk[0]))
    finals = lambda: [row["id"].replace("-", "") for row in broker.rows("eavesdrop/porch/final")]
    processes.wait_until(finals, 60, "a final text")
    broker.stop()
    server.wait_log(r"sink-trouble", 30)
    before = len(journaled(server))
    processes.wait_until(lambda: len(journaled(server)) > before + 1, 60, "speech meanwhile")
    broker.start()
    server.wait_log(r"sink-well", 60)
    wanted = journaled(server)
    processes.wait_until(lambda: set(wanted) <= set(finals()), 30, "all of it")
    received = list(dict.fromkeys(finals()))
    assert received[: len(wanted)] == wanted, "another order"
