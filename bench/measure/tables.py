"""Figures as Markdown."""


def number(value, digits=3):
    """Three digits that count: 0.123, 1.23, 12.3, 123; a dash for None."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    size = abs(value)
    places = max(0, digits - 1 - (0 if size < 1 else len(str(int(size))) - 1))
    return f"{value:.{places}f}"


def difference(whole, part):
    """None where it cannot be: the part is not known, or more than the whole."""
    return whole - part if part is not None and whole >= part else None


def times(value, other):
    """How many times `other` is of `value`: '5.2 times'; None where one is not known."""
    return f"{other / value:.1f} times" if value and other else None


def sentence(form, *parts):
    """The parts in their places, or nothing where one of them is not known."""
    return form.format(*parts) + " " if all(parts) else ""


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def write_section(path, name, text, tool="bench/engine"):
    """Put the text between the section's markers; a section without markers is told, not added."""
    begin, end = f"<!-- {tool} {name} -->", "<!-- end -->"
    whole = path.read_text()
    if begin not in whole:
        return False
    head, rest = whole.split(begin, 1)
    path.write_text(f"{head}{begin}\n\n{text.strip()}\n\n{end}{rest.split(end, 1)[1]}")
    return True
