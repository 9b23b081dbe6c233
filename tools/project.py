"""What the check-* scripts share: which files the project has, and how a check reports."""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Folders of C that layers, house rules and headers are checked in; what an #include's path begins
# in is the first two and the project's own root, where media/ is.
CHECKED = ("src", "bench/load", "media")
INCLUDE_ROOTS = ("src", "bench", ".")
_SKIPPED_FOLDERS = {".git", ".cache", "build", "__pycache__", ".pytest_cache"}


def files(*suffixes, under="."):
    """Project paths (relative, sorted) that end in one of the suffixes; all if none is given."""
    found = []
    for folder, subfolders, names in os.walk(os.path.join(ROOT, under)):
        subfolders[:] = [name for name in subfolders if name not in _SKIPPED_FOLDERS]
        for name in names:
            if not suffixes or name.endswith(suffixes):
                found.append(os.path.relpath(os.path.join(folder, name), ROOT))
    return sorted(found)


def include_path(path):
    """How a file is named in an #include: src/audio/ring.h is "audio/ring.h"."""
    root, _, rest = path.partition("/")
    return rest if root in INCLUDE_ROOTS else path


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
        return file.read()


_COMMENT_OR_LITERAL = re.compile(
    r"//[^\n]*|/\*.*?\*/" r'|"(?:\\.|[^"\\\n])*"' r"|'(?:\\.|[^'\\\n])*'", re.DOTALL
)


def code_only(text):
    """C text with comments and literals blanked; line numbers stay right."""
    return _COMMENT_OR_LITERAL.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


class Report:
    """Collects what is wrong; finish() prints it and ends the script with 0 or 1."""

    def __init__(self, name):
        self.name = name
        self.n_mistakes = 0

    def mistake(self, path, line, words):
        self.n_mistakes += 1
        print(f"{path}:{line}: {words}" if line else f"{path}: {words}")

    def warning(self, path, words):
        print(f"{path}: note: {words}")

    def finish(self, what):
        verdict = f"{self.n_mistakes} mistakes" if self.n_mistakes else "clean"
        print(f"{self.name}: {what}: {verdict}")
        sys.exit(1 if self.n_mistakes else 0)
