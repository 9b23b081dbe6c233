"""NATS: a stock client receives what the server hears, whatever becomes of the broker."""

import asyncio
import json
import subprocess
import tempfile
from pathlib import Path

import brokers
import nats
import processes
import pytest


@pytest.fixture
def broker():
    with tempfile.TemporaryDirectory(prefix="eavesdrop-nats-", dir="/tmp") as folder:
        server = brokers.Nats(Path(folder))
        server.start()
        yield server
        server.close()


def received(broker):
    """All messages of the stream, as nats-py's subscriber has them: (subject, id, row)."""

    async def read():
        # nats-py takes the password of a URL as it stands there.
        address = f"nats://127.0.0.1:{broker.port}"
        client = await nats.connect(address, user="eavesdrop", password=brokers.PASSWORD, allow_reconnect=False)
        try:
            stream = client.jetstream()
            expected = (await stream.stream_info("heard")).state.messages
            subscription = await stream.subscribe("eavesdrop.>", ordered_consumer=True)
            messages = [await subscription.next_msg(timeout=10) for _ in range(expected)]
        finally:
            await client.close()
        return [(message.subject, message.headers["Nats-Msg-Id"], json.loads(message.data)) for message in messages]

    try:
        return asyncio.run(read())
    except (nats.errors.Error, nats.js.errors.Error, OSError):
        return []


def test_a_stock_subscriber_has_all_rows_once_though_the_broker_is_killed(program, serve, jfk, broker, tmp_path):
    state = tmp_path / "state"
    server = serve(
        f"streams:\n  front.door: {{url: {jfk[0]}, loop: true}}\n"
        f"sinks:\n  bus: {{type: nats, url: '{broker.url}', stream: heard, create: true, from: beginning}}\n",
        environment={"EAVESDROP_STATE_DIR": str(state)},
    )

    def segments():
        return [row for _, _, row in received(broker) if row["kind"] == "segment"]

    processes.wait_until(lambda: len(segments()) >= 2, 60, "text at the subscriber")
    broker.kill()
    server.wait_log("sink-trouble", 60)
    assert brokers.PASSWORD not in server.log() and brokers.ENCODED not in server.log()
    broker.start()
    server.wait_log("sink-well", 60)
    n = len(segments())
    processes.wait_until(lambda: len(segments()) > n, 60, "more text")
    # All that is in the journal, in its order, each row once.
    export = [program, "export", "--state-dir", state, "--format", "json"]

    def is_whole():
        journal = [json.loads(line) for line in subprocess.check_output(export, text=True).splitlines()]
        messages = received(broker)
        known = {row["id"] for row in journal}
        return [row for _, _, row in messages if row["id"] in known] == journal and messages

    for subject, message_id, row in processes.wait_until(is_whole, 60, "all rows"):
        assert subject == "eavesdrop.front%2Edoor" and message_id == row["id"]
        assert row["stream"] == "front.door"
    assert any("country" in row["text"] for row in segments())
