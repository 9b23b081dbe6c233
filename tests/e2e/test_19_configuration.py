"""The configuration file as others see it: by its JSON Schema, a YAML library and a validator."""

import json
import os
import re

import jsonschema
import processes
import pytest
import yaml


class Core(yaml.SafeLoader):
    """YAML 1.2's words, as the program and editors have them: "no" and "off" are text."""


Core.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", "^(true|false)$", "tf"),
    ("null", "^(null|~|)$", ["n", "~", ""]),
    ("int", "^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)$", "-+.0123456789"),
):
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), list(first))


@pytest.fixture(scope="module")
def schema(program):
    done = processes.subprocess.run([program, "config", "schema"], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


@pytest.fixture
def judge(schema, command, tmp_path):
    """What the validator and the program say of a text."""

    def run(text, folder=tmp_path):
        path = folder / "c.yaml"
        path.write_text(text, encoding="utf-8")
        is_valid = jsonschema.Draft202012Validator(schema).is_valid(yaml.load(text, Core))
        done = command("check", "--config", path, env={**os.environ, "CAMERA_PASSWORD": "x", "N": "3", "T": "0.5"})
        return is_valid, done.returncode == 0

    return run


def test_schema_is_one(schema):
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", ("cameras.yaml", "demo.yaml"))
def test_examples_are_valid(schema, command, name):
    path = processes.PROJECT / "examples" / name
    value = yaml.load(path.read_text(encoding="utf-8"), Core)
    jsonschema.Draft202012Validator(schema).validate(value)
    done = command("check", "--config", path, env={**os.environ, "CAMERA_PASSWORD": "x"})
    assert done.returncode == 0, done.stderr


GOOD = """
listen: ':9090'
origins: [https://dash.example, http://localhost:3000]
hosts: cameras.example
language: no
engines: ${N}
threads: 0
compute: int8
pause: 800ms
window_max: 20
memory: auto
admission: false
per_address: {connections: 0, backlog: 48h}
filters: {repetition: off, words_per_second: 8.5}
backlog: {memory: 64, disk: 10GB}
uploads: {size: 1.5GiB, seconds: 30d}
log: debug
decoding:
  beam_size: 5
  temperature: [0, "${T}"]
  suppress_tokens: []
  hotwords: [Marianne, 2024]
  hallucination_silence_threshold: 2s
  word_timestamps: true
streams:
  office: rtsp://brainbox/office
  kitchen.2: {url: rtsp://brainbox/kitchen, task: translate, transport: udp, decoding: {temperature: 0}}
"""


def test_good_file(judge):
    assert judge(GOOD) == (True, True)


@pytest.mark.parametrize(
    "text",
    [
        "listen: [a]",
        "langauge: de",
        "engines: 0",
        "engines: 1.5",
        "engines: many",
        "threads: 257",
        "compute: float16",
        "compute: bf16",
        "pause: 11",
        "pause: 1 s",
        "pause: ms",
        "memory: MB",
        "window_max: off",
        "memory: 2000000000",
        "memory: lots",
        "admission: yes",
        "per_address: 5",
        "filters: {repetition: 1}",
        "filters: {repetitions: 3}",
        "uploads: {size: 5s}",
        "log: loud",
        "log: {level: info, colour: true}",
        "decoding: {temperature: []}",
        "decoding: {beam_size: off}",
        "decoding: {suppress_tokens: [1.5]}",
        "streams: {a: {language: de}}",
        "streams: {a: {url: 'rtsp://h/a', listen: ':1'}}",
        "streams: {a: {url: 'rtsp://h/a', loop: 1}}",
        "streams: {'a b': 'rtsp://h/a'}",
        "streams: {'..': 'rtsp://h/a'}",
        "streams: [a]",
        "- a",
    ],
)
def test_broken_files(judge, text):
    assert judge(text + "\n") == (False, False)


def test_other_words_than_schema(command):
    for arguments in ((), ("schemata",), ("schema", "x")):
        done = command("config", *arguments)
        assert done.returncode == 2 and "expected schema" in done.stderr
