"""PostgreSQL: psql finds in a table what the server hears, whatever becomes of the database."""

import json
import subprocess
import tempfile
from pathlib import Path

import brokers
import processes
import pytest


@pytest.fixture
def database():
    with tempfile.TemporaryDirectory(prefix="eavesdrop-postgresql-", dir="/tmp") as folder:
        server = brokers.Postgresql(Path(folder))
        server.start()
        yield server
        server.close()


def test_psql_has_all_rows_once_though_the_database_is_killed(program, serve, jfk, database, tmp_path):
    state = tmp_path / "state"
    server = serve(
        f"streams:\n  front.door: {{url: {jfk[0]}, loop: true}}\n"
        f"sinks:\n  db: {{type: postgresql, url: '{database.url}', from: beginning}}\n",
        environment={"EAVESDROP_STATE_DIR": str(state)},
    )

    def segments():
        return int(database.psql("select count(*) from heard where kind = 'segment'") or 0)

    processes.wait_until(lambda: segments() >= 2, 60, "text in the table")
    assert database.psql("select distinct application_name from pg_stat_activity where backend_type = 'client backend' "
                         "and pid <> pg_backend_pid()") == "eavesdrop"  # fmt: skip
    n = segments()
    database.kill()
    server.wait_log("sink-trouble", 60)
    assert brokers.PASSWORD not in server.log() and brokers.ENCODED not in server.log()
    command_line = Path(f"/proc/{server.pid}/cmdline").read_bytes()
    assert brokers.ENCODED.encode() not in command_line
    database.start()
    server.wait_log("sink-well", 60)
    processes.wait_until(lambda: segments() > n, 60, "more text")
    # All that is in the journal, each row once, with its values.
    export = [program, "export", "--state-dir", state, "--format", "json"]
    columns = ("id", "kind", "cursor", "stream", "language", "text", "model", "state", "words")

    def is_whole():
        journal = [json.loads(line) for line in subprocess.check_output(export, text=True).splitlines()]
        table = database.psql("select coalesce(json_agg(h order by id), '[]') from heard h")
        known = {row["id"] for row in journal}
        found = [row for row in json.loads(table or "[]") if row["id"] in known]
        wanted = [{name: row.get(name) for name in columns} for row in journal]
        return [{name: row[name] for name in columns} for row in found] == wanted

    processes.wait_until(is_whole, 60, "all rows")
    assert int(database.psql("select count(*) from heard where text like '%country%'")) > 0
    assert database.psql("select bool_and(\"end\" > start and duration > 0) from heard where kind = 'segment'") == "t"
