"""What is heard is kept: the journal of a real server, its sound, its alerts, and a sink beside them."""

import json
import os
import re
import signal
import sqlite3
import subprocess

import processes
import pytest
import speech
from websockets.sync.client import connect


def rows(server):
    """All rows of the server's journal, oldest first."""
    (path,) = server.state_dir.glob("journal.db")
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute("SELECT * FROM rows ORDER BY row")]


def texts(server):
    return " ".join(row["text"] for row in rows(server) if row["kind"] == 0)


def played(path, name="radio", **keys):
    """A configuration that plays a file once, as a camera would."""
    more = "".join(f", {key}: {json.dumps(value)}" for key, value in keys.items())
    return f'streams:\n  {name}: {{url: "{path}"{more}}}\n'


def wait_heard(server, reference):
    processes.wait_until(
        lambda: speech.error_rate(reference, texts(server)) < 0.2, 40, "the text in the journal"
    )


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def settled(all_rows):
    """Ids of the alerts that fired in a final segment, or on stable words that one confirmed."""
    alerts = [row for row in all_rows if row["kind"] == 1]
    return {row["firing"] for row in alerts if row["phase"] == 1} | {
        row["id"] for row in alerts if row["phase"] == 0 and row["segment"]
    }


@pytest.fixture(scope="module")
def heard(program, models, jfk, tmp_path_factory):
    """A server that played a recording once on two streams, one of which is not journaled, with alerts and a sink."""
    path, reference = jfk
    words = '{words: [fellow, "your COUNTRY can"]'
    config = (
        "journal: {audio: on}\n"
        f'streams:\n  radio: {path}\n  private: {{url: "{path}", journal: off}}\n'
        f"alerts:\n  late: {words}}}\n  soon: {words}, when: stable}}\n"
        "sinks:\n  file: {type: lines, path: heard.jsonl, from: beginning}\n"
        "  alerts: {type: lines, path: alerts.jsonl, what: alert, from: beginning}\n"
    )
    with processes.serving(program, models, tmp_path_factory.mktemp("heard")) as start:
        server = start(config)
        wait_heard(server, reference)
        processes.wait_until(lambda: any(row["state"] == "ended" for row in rows(server)), 30, "the end of the file")
        # Both alerts fired twice; what fired on stable words has been confirmed by the final.
        processes.wait_until(lambda: len(settled(rows(server))) == 4, 20, "the alerts")
        for name, kinds in (("heard", (0, 1, 2)), ("alerts", (1,))):
            path = server.state_dir / f"{name}.jsonl"
            processes.wait_until(
                lambda: len(lines_of(path)) == sum(row["kind"] in kinds for row in rows(server)), 20, f"rows in {path}"
            )
        yield server


def test_what_a_camera_says_is_kept_with_its_states(heard):
    all_rows = rows(heard)
    spoken = [row for row in all_rows if row["kind"] == 0]
    assert [row["state"] for row in all_rows if row["kind"] == 2] == ["connecting", "online", "ended"]
    assert all(row["stream"] == "radio" and row["session"] is None for row in all_rows)
    assert all(row["model"] == "base" and row["language"] == "en" for row in spoken)
    assert all(0.3 < row["confidence"] <= 1 and not row["text"].startswith(" ") for row in spoken)
    ids = [row["id"] for row in all_rows]
    assert ids == sorted(ids) and all(len(one) == 16 and one[6] >> 4 == 7 for one in ids)
    for row in spoken:
        assert abs((row["end_ms"] - row["start_ms"]) - row["n_samples"] / 16) <= 1
    assert os.stat(heard.state_dir).st_mode & 0o777 == 0o700
    kept = [file for file in heard.state_dir.glob("*") if file.is_file()]
    assert kept and all(file.stat().st_mode & 0o777 == 0o600 for file in kept)


def test_a_sink_has_all_rows_in_their_order_and_one_shape(heard):
    lines = lines_of(heard.state_dir / "heard.jsonl")
    assert [bytes.fromhex(line["id"].replace("-", "")) for line in lines] == [row["id"] for row in rows(heard)]
    spoken = [line for line in lines if line["kind"] == "segment"]
    assert " ".join(line["text"] for line in spoken) == texts(heard)
    for line in lines:
        assert line["durable"] is True and line["cursor"] and line["stream"] == "radio"


def test_an_alert_fires_once_for_each_place(heard):
    fired = lines_of(heard.state_dir / "alerts.jsonl")
    segments = {row["id"].hex(): row["text"] for row in rows(heard) if row["kind"] == 0}
    for name in ("late", "soon"):
        first = [line for line in fired if line["alert"] == name and line["phase"] == "fired"]
        assert sorted(line["found"].lower() for line in first) == ["fellow", "your country can"]
        assert all(line["kind"] == "alert" and line["stream"] == "radio" for line in first)
    late = [line for line in fired if line["alert"] == "late"]
    assert all(line["found"] in segments[line["segment"].replace("-", "")] for line in late)
    assert not [line for line in fired if line["phase"] == "withdrawn"]
    assert settled(rows(heard)) == {row["id"] for row in rows(heard) if row["kind"] == 1 and row["phase"] == 0}


def test_what_is_kept_is_told_in_the_metrics(heard):
    page = heard.http("/metrics")[1]
    for line in ("eavesdrop_journal_up 1", 'eavesdrop_sink_up{sink="file",type="lines"} 1',
                 "eavesdrop_journal_rows_lost_total 0", 'eavesdrop_alerts_total{alert="late"} 2'):
        assert line in page
    assert float(re.search(r"^eavesdrop_archive_kept_seconds_total (\S+)", page, re.MULTILINE)[1]) > 9


def test_sound_is_kept_where_it_was_asked_for(heard):
    files = [file for file in (heard.state_dir / "audio").rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) > 5000


def dictate(server, path):
    """Say a recording as a stock client would, faster than it was spoken."""
    with connect(f"ws://127.0.0.1:{server.port}/", max_size=None) as raw:
        raw.send(json.dumps({"uid": "u1", "language": "en", "task": "transcribe", "model": "base"}))
        raw.send(speech.load(path).tobytes())
        raw.send(b"END_OF_AUDIO")
        for _ in raw:
            pass


def test_what_clients_say_is_kept_only_where_it_was_asked_for(serve, jfk):
    path, reference = jfk
    server = serve()
    dictate(server, path)
    assert not list(server.state_dir.glob("*.db")), "a journal of nothing"
    server = serve("journal: {sessions: true}\n")
    dictate(server, path)
    wait_heard(server, reference)
    spoken = [row for row in rows(server) if row["kind"] == 0]
    assert {row["dialect"] for row in spoken} == {"whisperlive"}
    assert len({row["session"] for row in spoken}) == 1 and spoken[0]["session"]
    assert spoken[0]["principal"]


def test_two_servers_do_not_share_a_folder(serve, program, models, tmp_path, jfk):
    first = serve(played(jfk[0], loop=True))
    config = tmp_path / "second.yaml"
    config.write_text(f"listen: 127.0.0.1:{processes.free_port()}\n" + played(jfk[0]), encoding="utf-8")
    done = subprocess.run(
        [program, "serve", "--config", config, "--model-dir", models, "--state-dir", first.state_dir],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 1
    assert str(first.pid) in done.stderr and "--state-dir" in done.stderr, done.stderr


def test_nothing_shown_is_lost_to_a_kill_and_the_journal_goes_on(serve, client, jfk):
    path, _ = jfk
    config = played(path, loop=True) + "sinks: {file: {type: lines, path: heard.jsonl, from: beginning}}\n"
    server = serve(config)
    listener = client(server, role="rtsp_subscriber", streams="radio")
    processes.wait_until(lambda: len(speech.words(listener.text(stream="radio"))) > 15, 40, "text on the screen")
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    shown = speech.words(listener.text(stream="radio"))
    before = rows(server)
    kept = speech.words(" ".join(row["text"] for row in before if row["kind"] == 0))
    assert kept[: len(shown)] == shown
    again = serve(config, listen=server.port)
    processes.wait_until(lambda: len(rows(again)) > len(before) + 3, 40, "new rows")
    after = rows(again)
    assert after[: len(before)] == before
    assert [row["row"] for row in after] == list(range(1, len(after) + 1))
    # The sink has each row, in order; one that was on its way may be there twice, with its id.
    sunk = processes.wait_until(
        lambda: (lambda lines: len({line["id"] for line in lines}) >= len(after) and lines)(
            lines_of(server.state_dir / "heard.jsonl")
        ),
        30, "all rows in the file",
    )
    ids = list(dict.fromkeys(line["id"] for line in sunk))
    assert [bytes.fromhex(one.replace("-", "")) for one in ids][: len(after)] == [row["id"] for row in after]


def test_a_renamed_file_is_opened_anew_at_a_hangup(serve, jfk):
    server = serve(played(jfk[0], loop=True) + "sinks: {file: {type: lines, path: heard.jsonl}}\n")
    path = server.state_dir / "heard.jsonl"
    processes.wait_until(lambda: len(lines_of(path)) > 1, 40, "lines")
    path.rename(path.with_suffix(".1"))
    server.process.send_signal(signal.SIGHUP)
    processes.wait_until(lambda: len(lines_of(path)) > 1, 40, "lines in the new file")
    old, new = lines_of(path.with_suffix(".1")), lines_of(path)
    assert not {line["id"] for line in old} & {line["id"] for line in new}
    assert server.http()[0] == 200


@pytest.fixture
def small_disk(tmp_path):
    """A file system of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True).returncode != 0:
        pytest.skip("mounting a file system needs root")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_stops_no_text_and_loses_none(serve, client, jfk, small_disk):
    path, _ = jfk
    state = small_disk / "state"
    server = serve(played(path, loop=True), environment={"EAVESDROP_STATE_DIR": str(state)})
    server.state_dir = state
    listener = client(server, role="rtsp_subscriber", streams="radio")
    processes.wait_until(lambda: texts(server), 40, "text")
    filler = small_disk / "filler"
    with open(filler, "wb") as file, pytest.raises(OSError):
        while True:
            file.write(bytes(1 << 16))
            file.flush()
    processes.wait_until(lambda: "not kept" in server.http("/readyz")[1], 60, "the server to say so")
    n = len(speech.words(listener.text(stream="radio")))
    processes.wait_until(lambda: len(speech.words(listener.text(stream="radio"))) > n + 15, 40, "more text on the screen")
    assert "eavesdrop_journal_up 0" in server.http("/metrics")[1]
    shown = speech.words(listener.text(stream="radio"))
    filler.unlink()
    processes.wait_until(lambda: server.http("/readyz")[1] == "ready\n", 60, "the server to be well again")
    processes.wait_until(lambda: speech.words(texts(server))[: len(shown)] == shown, 30, "all that was shown, in order")
