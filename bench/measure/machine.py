"""Which machine this is, in words that stand under every table."""

import datetime
import os
import pathlib
import platform

_GENERATIONS = {(25, 1): "Zen 3", (25, 17): "Zen 4", (25, 97): "Zen 4", (25, 160): "Zen 4"}
_FEATURES = {"avx512f": "AVX-512", "avx512_vnni": "VNNI", "avx512_bf16": "BF16", "amx_bf16": "AMX", "avx_vnni": "AVX-VNNI"}


def _cpu():
    lines = pathlib.Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    return dict(line.replace("\t", "").split(":", 1) for line in lines if ":" in line)


def describe():
    """'AMD EPYC (Zen 4: family 25, model 17; AVX-512, VNNI, BF16), 2 cores, ...'"""
    cpu = {key.strip(): value.strip() for key, value in _cpu().items()}
    name = cpu.get("model name", platform.machine())
    kind = (int(cpu.get("cpu family", 0)), int(cpu.get("model", 0)))
    generation = "Zen 5" if kind[0] == 26 else _GENERATIONS.get(kind, "")
    flags = cpu.get("flags", "").split()
    features = [words for flag, words in _FEATURES.items() if flag in flags] or ["AVX2"]
    where = f"{generation + ': ' if generation else ''}family {kind[0]}, model {kind[1]}"
    return (f"{name} ({where}; {', '.join(features)}), {os.cpu_count()} cores, "
            f"{datetime.date.today().strftime('%d %B %Y')}")


def load():
    """Processes that want to run, besides ours."""
    return os.getloadavg()[0]
