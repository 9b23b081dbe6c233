"""The settings of the configuration file, as "PROGRAM config schema" has them."""

import json
import subprocess


def read_schema(program):
    done = subprocess.run([program, "config", "schema"], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def section(row):
    """What is in a section; None for a setting."""
    for kind in row.get("anyOf", []):
        if "properties" in kind:
            return kind["properties"]
    return row.get("properties")


def flat(properties, prefix=""):
    """(dotted key, row) of all settings and sections, a section before what is in it."""
    for name, row in properties.items():
        yield prefix + name, row
        if (inner := section(row)) is not None:
            yield from flat(inner, f"{prefix}{name}.")


def preset_words(row):
    """A setting's default in words; "" for a section."""
    if section(row) is not None:
        return ""
    value = row.get("default")
    if value is None:
        return row.get("x-default", "none")
    return value if isinstance(value, str) else json.dumps(value)
