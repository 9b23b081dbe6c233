"""What a program says of itself with --help, as data: its verbs, their options and operands.

Manual pages and completions are made from it when a package is built, so that neither can say
anything else than the program that is in the package.
"""

import collections
import os
import re
import subprocess

Option = collections.namedtuple("Option", "letter name argument help")
Verb = collections.namedtuple("Verb", "name summary usage about options")
Program = collections.namedtuple("Program", "name version about verbs")

HELP_COLUMN = 30  # where util/options prints what an option means
OPTION = re.compile(r"  (?:-(?P<letter>\w), )?--(?P<name>[\w-]+)(?P<rest>.*)")
VERB = re.compile(r"  (?P<name>[a-z][\w-]*) +(?P<summary>\S.*)")


def ask(path, *arguments):
    done = subprocess.run([path, *arguments], check=True, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    return done.stdout.splitlines()


def read_option(line):
    """What the first line of an option says, or None."""
    match = OPTION.fullmatch(line[:HELP_COLUMN].rstrip() if line[HELP_COLUMN - 1 : HELP_COLUMN] == " " else line)
    if not match:
        return None
    words = line[HELP_COLUMN:] if line[HELP_COLUMN - 1 : HELP_COLUMN] == " " else ""
    return Option(match["letter"], match["name"], match["rest"].strip(), words.strip())


def read_options(lines):
    options = []
    for line in lines:
        option = read_option(line)
        if option:
            options.append(option)
        elif options and line.startswith(" " * HELP_COLUMN):
            more = f"{options[-1].help} {line.strip()}".strip()
            options[-1] = options[-1]._replace(help=more)
    return options


def read_verb(path, name, summary):
    lines = ask(path, name, "--help")
    end = lines.index("Options:")
    usage = lines[0].removeprefix("Usage: ")
    return Verb(name, summary, usage, "\n".join(lines[1:end]).strip("\n"), read_options(lines[end + 1 :]))


def read_version(path):
    """The version that the program prints, "" where it has no such option."""
    done = subprocess.run([path, "--version"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout.split()[-1] if done.returncode == 0 and done.stdout.split() else ""


def read_program(path):
    lines = ask(path, "--help")
    heading = next(n for n, line in enumerate(lines) if line in ("Verbs:", "What:"))
    verbs = []
    for line in lines[heading + 1 :]:
        match = VERB.fullmatch(line)
        if not match:
            break
        verbs.append(read_verb(path, match["name"], match["summary"]))
    about = " ".join(" ".join(lines[1:heading]).split())
    return Program(os.path.basename(path), read_version(path), about, verbs)


def operand_words(verb):
    """The words that a verb's first operand may be: "list | fetch NAME..." has list and fetch."""
    operands = verb.usage.partition("[OPTION...]")[2]
    firsts = [part.split()[0] for part in operands.split("|") if part.split()]
    return [word for word in firsts if re.fullmatch(r"[a-z][a-z-]*", word)]


def choices(argument):
    """The words that an option's argument may be: "text|json" has two; "NAME|PATH" none."""
    words = argument.strip("[]=").split("|")
    return words if len(words) > 1 and all(re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", word) for word in words) else []
