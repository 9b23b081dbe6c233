"""What is installed beside the programs fits them: unit, configuration, completions, rules, dashboard."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request

import processes
import pytest

PACKAGING = processes.PROJECT / "packaging"
TOOLS = processes.PROJECT / "tools"
UNIT = PACKAGING / "eavesdrop.service"
DOCKER = PACKAGING / "docker"
RULES = PACKAGING / "prometheus/eavesdrop.rules.yaml"
DASHBOARD = PACKAGING / "grafana/eavesdrop.json"
EXPOSURE_MAX = 20  # tenths: as `systemd-analyze security` counts

sys.path.insert(0, str(TOOLS))
import helptext  # noqa: E402
import settings  # noqa: E402

PROGRAMS = ("eavesdrop", "eavesdrop-bench")
# Metrics that a server has with certain settings only, which the one here lacks.
CONDITIONAL = {"eavesdrop_tls_certificate_expiry_timestamp_seconds"}
METRIC = re.compile(r"\beavesdrop_[a-z0-9_]+")
# A setting that stands in the configuration as a comment.
COMMENTED = re.compile(r"#((?:  )*[\w.-]+:(?: .+)?)")

CONFIG = """
streams:
  demo: {{url: {demo}, loop: true}}
alerts:
  money: {{words: [power]}}
sinks:
  file: {{type: lines, path: heard.jsonl}}
"""


def needed(name):
    path = shutil.which(name)
    if not path:
        pytest.skip(f"there is no {name}")
    return path


def run(*command, **options):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def watched(program, models, tmp_path_factory):
    """A server whose stream, alert, journal and sink have metrics; where systemd's tools are, with the
    system calls that the unit leaves it."""
    folder = tmp_path_factory.mktemp("watched")
    started = program
    if shutil.which("systemd-analyze"):
        started = folder / "eavesdrop"
        started.write_text(f'#!/bin/sh\nexec {PACKAGING}/under-unit {UNIT} {program} "$@"\n', encoding="utf-8")
        started.chmod(0o755)
    with processes.serving(started, models, folder) as start:
        yield start(CONFIG.format(demo=processes.PROJECT / "examples/demo.opus"))


# --- the service -----------------------------------------------------------------------------


def test_the_unit_is_one(program, tmp_path):
    needed("systemd-analyze")
    text = re.sub(r"(?m)^Documentation=.*\n", "", UNIT.read_text(encoding="utf-8"))
    unit = tmp_path / UNIT.name
    unit.write_text(text.replace("/usr/bin/eavesdrop", str(program)), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert done.returncode == 0 and UNIT.name not in done.stderr, done.stderr
    run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", unit)


def test_streams_are_read_with_what_the_unit_leaves(watched):
    needed("systemd-analyze")
    watched.wait_log(r" demo \[\d", timeout=60)
    status = (processes.Path(f"/proc/{watched.pid}/status")).read_text(encoding="utf-8")
    assert re.search(r"(?m)^Seccomp:\t2$", status) and re.search(r"(?m)^NoNewPrivs:\t1$", status)


def test_the_container_is_as_the_service(program, tmp_path):
    """The same environment, a configuration that is good, and a Prometheus that finds its rules."""
    image = re.search(r"(?m)^ENV (.*)$", (DOCKER / "Dockerfile").read_text(encoding="utf-8"))[1]
    assert image == re.search(r"(?m)^Environment=(.*)$", UNIT.read_text(encoding="utf-8"))[1]
    run(program, "check", "--config", DOCKER / "eavesdrop.yaml")
    for path in (DOCKER / "prometheus.yaml", RULES):
        shutil.copy(path, tmp_path)
    run(needed("promtool"), "check", "config", tmp_path / "prometheus.yaml")


# --- made from what the programs say of themselves -------------------------------------------


def uncommented(text):
    """The configuration with all settings in force, but for those that have no default."""
    lines = [match[1] if (match := COMMENTED.fullmatch(line)) else line for line in text.splitlines()]
    lines = [line for line in lines if line.strip() and not line.startswith("#")]

    def depth(line):
        return len(line) - len(line.lstrip())

    # Again until nothing changes: a section of which nothing is left goes too.
    while True:
        kept = [line for line, after in zip(lines, lines[1:] + [""]) if not line.endswith(":") or depth(after) > depth(line)]
        if kept == lines:
            return "\n".join(lines) + "\n"
        lines = kept


def test_the_configuration_is_good_and_has_every_setting(program, tmp_path):
    path, full = tmp_path / "eavesdrop.yaml", tmp_path / "full.yaml"
    run(TOOLS / "make-conffile", program, path)
    run(program, "check", "--config", path)
    text = path.read_text(encoding="utf-8")
    full.write_text(uncommented(text), encoding="utf-8")
    answer = run(program, "check", "--config", full, env={**os.environ, "KITCHEN_PASSWORD": "s3cr3t-w0rd"})
    assert "ok: 2 streams" in answer
    names = {key.rpartition(".")[2] for key, _ in settings.flat(settings.read_schema(program)["properties"])}
    assert names == {name for name in names if re.search(rf"(?m)^#? *{name}:", text)}


@pytest.mark.parametrize("name", PROGRAMS)
def test_bash_completes_every_option(program, tmp_path, name):
    path = program.with_name(name)
    run(TOOLS / "make-completions", path, tmp_path)
    function = "_" + name.replace("-", "_")
    for verb in helptext.read_program(str(path)).verbs:
        words = f"COMP_WORDS=({name} {verb.name} --); COMP_CWORD=2"
        script = f'source {tmp_path / name}.bash; {words}; {function}; printf "%s\\n" "${{COMPREPLY[@]}}"'
        assert run("bash", "-c", script).split() == [f"--{option.name}" for option in verb.options]
    script = f'source {tmp_path / name}.bash; COMP_WORDS=({name} ""); COMP_CWORD=1; {function}; echo "${{COMPREPLY[@]}}"'
    assert run("bash", "-c", script).split()[:-2] == [verb.name for verb in helptext.read_program(str(path)).verbs]


@pytest.mark.parametrize("name", PROGRAMS)
def test_zsh_completes_every_option(program, tmp_path, name):
    needed("zsh")
    path = program.with_name(name)
    run(TOOLS / "make-completions", path, tmp_path)
    # What zsh would offer is what the two functions of its own are given.
    stand_in = '_arguments() { print -rl -- "$@" }; _describe() { print -rl -- "${(@P)2}" }; '
    stand_in += f"fpath=({tmp_path} $fpath); autoload -U +X _{name}; "
    for verb in helptext.read_program(str(path)).verbs:
        told = run("zsh", "-f", "-c", f"{stand_in} words=({name} {verb.name} --); CURRENT=3; _{name}")
        missing = [option.name for option in verb.options if f"*--{option.name}" not in told]
        assert not missing, told
    assert re.match(r"\w+:\w", run("zsh", "-f", "-c", f'{stand_in} words=({name} ""); CURRENT=2; _{name}'))


@pytest.mark.parametrize("name", PROGRAMS)
def test_manual_pages_are_well_formed(program, tmp_path, name):
    needed("groff")
    run(TOOLS / "make-manuals", program.with_name(name), tmp_path)
    pages = sorted(tmp_path.iterdir())
    verbs = helptext.read_program(str(program.with_name(name))).verbs
    assert {f"{name}-{verb.name}.1" for verb in verbs} < {page.name for page in pages}
    for page in pages:
        done = subprocess.run(["groff", "-man", "-Tutf8", "-K", "utf8", "-ww", "-z", str(page)], capture_output=True, text=True)
        assert done.returncode == 0 and not done.stderr, f"{page.name}: {done.stderr}"


# --- Prometheus and Grafana ------------------------------------------------------------------


def expressions():
    """The dashboard's, as Prometheus has them once Grafana has put in what it knows."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    found = [target["expr"] for panel in panels for target in panel["targets"]]
    return [expression.replace("$__rate_interval", "1m").replace("$instance", ".*") for expression in found]


def test_rules_fire_when_they_should():
    run(needed("promtool"), "check", "rules", RULES)
    run("promtool", "test", "rules", RULES.with_name("eavesdrop.test.yaml"), cwd=RULES.parent)


def test_every_metric_is_one_of_the_server(program, watched):
    page = watched.http("/metrics")[1]
    have = {line.partition("{")[0].split()[0] for line in page.splitlines() if line and not line.startswith("#")}
    named = set(METRIC.findall(RULES.read_text(encoding="utf-8"))) | set(METRIC.findall(" ".join(expressions())))
    assert len(named) > 20 and named - have == CONDITIONAL
    assert all(name.encode() in program.read_bytes() for name in CONDITIONAL)


def test_prometheus_scrapes_and_understands_all_of_it(watched, tmp_path):
    port = processes.free_port()
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [{"job_name": "eavesdrop", "static_configs": [{"targets": [f"127.0.0.1:{watched.port}"]}]}],
    }
    (tmp_path / "prometheus.yaml").write_text(json.dumps(config), encoding="utf-8")
    command = [needed("prometheus"), f"--config.file={tmp_path}/prometheus.yaml", f"--storage.tsdb.path={tmp_path}/data"]
    with open(tmp_path / "log", "wb") as log:
        prometheus = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)

    def ask(path, **query):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.URLError:
            assert prometheus.poll() is None, (tmp_path / "log").read_text(encoding="utf-8")
            return None

    def rules():
        groups = (ask("rules") or {"groups": []})["groups"]
        return [rule["health"] for group in groups for rule in group["rules"]]

    try:
        processes.wait_until(lambda: (ask("query", query="up") or {"result": []})["result"], 60, "a first scrape")
        target = ask("targets")["activeTargets"][0]
        assert target["health"] == "up", target["lastError"]
        for expression in expressions():
            assert ask("query", query=expression) is not None, expression
        processes.wait_until(lambda: rules() and "unknown" not in rules(), 60, "the rules are looked at")
        assert set(rules()) == {"ok"}
    finally:
        prometheus.terminate()
        prometheus.wait(30)
