"""The sections that turn whole recordings into text: utterances, company, long form, scaling, memory."""

import json
import operator
import statistics
import subprocess
import time

from measure import children
from measure.run import Figures, own_child
from measure.sounds import DATA, LONG, read, word_error_rate
from measure.tables import difference, number, sentence, table, times

N_CPP = 6           # whisper.cpp and transcribe.cpp, slower than the rest, get every sixth utterance
CHUNK = 16          # utterances in one call of the batched pipeline: two of its batches
STRANGERS = 32      # windows at a time where it is asked whether company matters


def _texts(answer):
    """Of an engines_run()."""
    return ["".join(segment["text"] for segment in one["segments"]) for one in answer["answers"]]


def _tokens(answer):
    return [[token for segment in one["segments"] for token in segment["tokens"]] for one in answer["answers"]]


def _one_by_one(run, name, i, texts):
    """Seconds for utterance i alone, or None."""
    if name in run.ours():
        answer = run.attempt(name, lambda child: child.ask("decode", i, 1, 1, 0, "short"))
        if answer:
            texts[name][i] = _texts(answer)[0]
        return answer and answer["seconds"]
    if name in ("whisper.cpp", "transcribe.cpp") and i % N_CPP:
        return None
    answer = run.attempt(name, lambda child: child.ask("text", i))
    if answer:
        texts[name][i] = "".join(answer["texts"])
    return answer and answer["seconds"]


def _at_once(run, name, number_of_round, figures, texts):
    n = run.results["n"]
    if name in run.ours():
        answer = run.attempt(name, lambda child: child.ask("decode", 0, n, 1, 0, "short"))
        if answer:
            figures.add(name, "at once", answer["seconds"] / n)
            texts[name].update(enumerate(_texts(answer)))
        return
    first = CHUNK * number_of_round
    if not name.startswith(("faster-whisper", "transcribe.cpp")) or first >= n:
        return
    count = min(CHUNK, n - first)
    answer = run.attempt(name, lambda child: child.ask("texts", first, count))
    if answer:
        figures.add(name, "at once", answer["seconds"] / count)
        texts[name].update(enumerate(answer["texts"], first))


def _measure_utterances(run):
    """Figures, and what each engine said alone and at once: {way: {name: {i: text}}}."""
    figures, n = Figures(), run.results["n"]
    names = list(run.engines)
    said = {way: {name: {} for name in names} for way in ("alone", "at once")}
    # A round is every fifth utterance through all engines in turn, so that five of them are all.
    for turn in run.rounds("utterances", 420):
        mine = range(turn % run.options.groups, n, run.options.groups)
        spent = {name: [] for name in names}
        for i in mine:
            for name in run.turn(i):
                seconds = _one_by_one(run, name, i, said["alone"])
                if seconds:
                    spent[name].append(seconds)
        for name, seconds in spent.items():
            if seconds:
                figures.add(name, "alone", statistics.mean(seconds))
        for name in run.turn(turn):
            _at_once(run, name, turn, figures, said["at once"])
    return figures, said


def _rate(run, texts):
    chosen = sorted(texts)
    if not chosen:
        return "–"
    rate = word_error_rate([run.results["references"][i] for i in chosen], [texts[i] for i in chosen])
    return f"{rate:.2f}" + ("" if len(chosen) == run.results["n"] else f" ({len(chosen)} utterances)")


def utterances(run):
    figures, said = _measure_utterances(run)
    rows = []
    for name in figures.rows():
        alone, together = figures.median(name, "alone"), figures.median(name, "at once")
        rows.append([name, number(alone and 1 / alone), _rate(run, said["alone"][name]),
                     number(together and 1 / together), _rate(run, said["at once"][name])])
    text = table([f"{run.results['n']} utterances", "one after another, per second", "WER, %",
                  "all at once, per second", "WER, %"], rows)
    peers = run.peers("faster-whisper")
    best = {way: min((value for name in peers if (value := figures.median(name, way))), default=None)
            for way in ("alone", "at once")}
    # Whatever way is faster-whisper's fastest counts against ours all at once.
    fastest = min((value for value in best.values() if value), default=None)
    lines = [sentence("{}: {} faster-whisper's best one after another, {} its fastest way all at once.", name,
                      times(figures.median(name, "alone"), best["alone"]),
                      times(figures.median(name, "at once"), fastest)) for name in run.ours()]
    lines += [sentence("{} all at once: {} {}'s fastest way.", name, times(figures.median(name, "at once"),
                                                                         _fastest(figures, peer)), peer)
              for name in run.ours() for peer in run.peers("whisper.cpp") + run.text_peers()]
    if run.peers("moonshine"):
        lines.append("Moonshine is its own tiny English model, not `base`. ")
    return text + "\n\n" + "".join(lines) + _full_context(run)


def _fastest(figures, name):
    """Seconds of one utterance in the better of a peer's two ways."""
    known = [value for way in ("alone", "at once") if (value := figures.median(name, way))]
    return min(known, default=None)


def _full_context(run):
    """The word error rate to beat: float32 with every row of the window."""
    if run.options.quick or "eavesdrop float32" not in run.engines:
        return ""
    run.say("utterances: float32 with the full context")
    answer = run.attempt("eavesdrop float32", lambda child: child.ask("decode", 0, run.results["n"], 1, 0, "full"))
    return f"Float32 with the full context: WER {_rate(run, dict(enumerate(_texts(answer))))}." if answer else ""


def company(run):
    """Tokens of each utterance alone and among strangers, in engines that take STRANGERS windows at a time."""
    rows, n = [], run.results["n"]
    for name in run.ours():
        run.say(f"company: {name}")
        child = own_child(run, name.split()[1], run.results["sounds"], slots=STRANGERS)
        alone = [_tokens(child.ask("decode", i, 1, 1, 0, "short"))[0] for i in range(n)]
        answer = child.ask("decode", 0, n, 1, 0, "short")
        child.close()
        together = _tokens(answer)
        kept = sum(a == b for one, other in zip(alone, together) for a, b in zip(one, other))
        tokens = sum(max(len(one), len(other)) for one, other in zip(alone, together))
        rows.append([name, answer["n_inside"], f"{sum(map(operator.eq, alone, together))} of {n}",
                     f"{100 * kept / max(tokens, 1):.2f}"])
    return table(["alone, and among others", "at most at a time", "utterances with the same tokens",
                  "tokens the same at the same place, %"], rows)


def _ours_long(run, path, beam):
    """Seconds and text of `eavesdrop transcribe`, from the end of a short file before it on: loading is over."""
    command = [children.BUILD / "eavesdrop", "transcribe", "--format", "json", "--language", "en", "--model",
               run.options.model, "--threads", children.THREADS, "--beam-size", beam]
    command += [DATA / "librispeech-short" / "1088-134318-0001.flac", path]
    child = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
    child.stdout.readline()
    started = time.monotonic()
    line = child.stdout.readline()
    seconds = time.monotonic() - started
    child.stdout.close()
    if child.wait() != 0 or not line:
        raise children.Failure(f"transcribe ended with {child.returncode}")
    return seconds, "".join(segment["text"] for segment in json.loads(line)["segments"])


def _long_ways(run):
    """(row, one round of it: path -> seconds, text)."""
    ways = [("eavesdrop, greedy", lambda path: _ours_long(run, path, 1)),
            ("eavesdrop, beam 5", lambda path: _ours_long(run, path, 5))]
    for name in run.peers("faster-whisper"):
        def batched(path, name=name):
            answer = run.attempt(name, lambda child: child.ask("long", path, "batched", 1))
            return answer and (answer["seconds"], answer["texts"][0])
        ways.append((f"{name}, batched, greedy", batched))
    return ways


def _long_beams(run, paths, figures, texts):
    """faster-whisper as its users run it, with five beams, once: whose words ours with as many must not fall behind."""
    for name in run.peers("faster-whisper")[-1:]:
        def sequential(path, name=name):
            answer = run.attempt(name, lambda child: child.ask("long", path, "sequential", 5, timeout=1800))
            return answer and (answer["seconds"], answer["texts"][0])
        run.say(f"long form: {name}, beam 5")
        for path in paths:
            _long_one(run, f"{name}, sequential, beam 5", sequential, path, figures, texts)


def long_form(run):
    figures, texts, lengths = Figures(), {}, {}
    paths = [DATA / name for name in LONG]
    for path in paths:
        lengths[path.stem] = len(read(path))
    ways, short, long = _long_ways(run), *paths
    for turn in run.rounds("long form", 280):
        for row, way in ways[turn % len(ways):] + ways[:turn % len(ways)]:
            # The peers need a minute for both files: after the first round only their best takes
            # part, and only in the shorter one.
            is_ours = row.startswith("eavesdrop")
            if turn > 0 and not is_ours and row != _long_best(figures, short):
                continue
            _long_one(run, row, way, short, figures, texts)
            if (is_ours or turn == 0) and not run.options.quick:
                _long_one(run, row, way, long, figures, texts)
    if not run.options.quick:
        _long_beams(run, paths, figures, texts)
    head, rows = ["long form"], []
    for path in paths:
        head += [f"{path.stem}, times real time", "WER, %"]
    for row in figures.rows():
        cells = [row]
        for path in paths:
            median = figures.median(row, path.stem)
            count = len(figures.cells.get((row, path.stem), []))
            cells.append(number(lengths[path.stem] / 16000 / median) + f" ({count})" if median else "–")
            said = texts.get((row, path.stem))
            cells.append(f"{word_error_rate([path.with_suffix('.txt').read_text()], [said]):.2f}" if said else "–")
        rows.append(cells)
    return table(head, rows) + "\n\nIn brackets: rounds. " + _long_ratios(figures, paths)


def _long_one(run, row, way, path, figures, texts):
    try:
        done = way(path)
    except (children.Failure, OSError) as problem:
        run.note(f"{row}: {problem}")
        return
    if done:
        figures.add(row, path.stem, done[0])
        texts[row, path.stem] = done[1]


def _long_best(figures, path):
    """The peer that was fastest with this file."""
    known = {row: median for row in figures.rows() if row.startswith("faster-whisper")
             if (median := figures.median(row, path.stem))}
    return min(known, key=known.get, default=None)


def _long_ratios(figures, paths):
    lines = []
    for path in paths:
        peer = figures.median(_long_best(figures, path), path.stem)
        for row in figures.rows():
            if row.startswith("eavesdrop"):
                lines.append(sentence("{}, {}: {} as fast as the batched pipeline.", path.stem, row,
                                      times(figures.median(row, path.stem), peer)))
    return "".join(lines)


SCALING = [(1, 2), (2, 1)]  # engines, threads of each


def scaling(run):
    """One engine with two threads beside two with one each, alone and beside other work."""
    figures, n = Figures(), min(run.results["n"], 6 if run.options.quick else 24)
    opened = {ways: own_child(run, engines=ways[0], threads=ways[1], sounds=run.results["sounds"])
              for ways in SCALING}
    compute = opened[SCALING[0]].ready["compute"]
    for turn in run.rounds("scaling", 75):
        for busy in (0, 40):
            for ways in SCALING[turn % 2:] + SCALING[:turn % 2]:
                answer = opened[ways].ask("decode", 0, n, 1, busy, "short")
                figures.add((ways, busy), "rate", n / answer["seconds"])
                for key in ("p50", "p95"):
                    figures.add((ways, busy), key, 1e3 * answer["decoder"][key])
                figures.add((ways, busy), "encoder", 1e3 * answer["encoder"]["p95"])
                figures.add((ways, busy), "memory", opened[ways].memory())
    for child in opened.values():
        child.close()
    rows = [[f"{ways[0]} of {ways[1]}", "alone" if busy == 0 else f"a third thread {busy} % busy",
             *(number(figures.median((ways, busy), key)) for key in ("rate", "p50", "p95", "encoder")),
             number(max(figures.most((ways, other), "memory") for other in (0, 40)))]
            for ways, busy in figures.rows()]
    return table([f"engines, threads of each ({compute})", "beside", "utterances per second", "decoder step p50, ms",
                  "p95, ms", "encoder batch p95, ms", "resident, MB"], rows)


def load(run):
    """How long until a fresh process has the first token; the files are in the page cache."""
    figures = Figures()
    n = run.results["n"]
    shortest = run.results["shortest"]
    for _ in run.rounds("load", 45):
        for compute in run.computes():
            started = time.monotonic()
            child = own_child(run, compute)
            ready = time.monotonic() - started
            child.ask("sounds", run.results["sounds"])
            figures.add(f"eavesdrop {compute}", "ready", ready)
            figures.add(f"eavesdrop {compute}", "first", ready + child.seconds("first", shortest))
            child.close()
        for name in run.peers("faster-whisper"):
            child = children.faster_whisper(run.options.model, name.split()[1])
            figures.add(name, "ready", child.ready["load"])
            child.close()
        for name in run.peers("whisper.cpp") + run.text_peers():
            child = run.openers[name]()
            figures.add(name, "ready", child.ready["load"])
            child.close()
    rows = [[name, number(figures.median(name, "ready")), number(figures.median(name, "first"))]
            for name in figures.rows()]
    return (table(["seconds", "model loaded", "first token of an utterance"], rows)
            + f"\n\nOurs from the start of the process; the peers' without their own start. Of {n} utterances the "
              "shortest.")


def _memory_ours(run, compute):
    """Loaded, one utterance, what 16 utterances and 16 full windows add; sounds not counted."""
    child = own_child(run, compute)
    loaded = child.memory()
    child.ask("sounds", run.results["crowd"])
    sounds = difference(child.memory(), loaded)
    child.ask("decode", 0, 1, 1, 0, "short")
    one = child.memory("VmHWM")
    added = []
    for first, shape in ((0, "short"), (16, "full")):
        child.forget_peak()
        child.ask("decode", first, 16, 1, 0, shape)
        added.append(difference(child.memory("VmHWM"), one))
    child.close()
    return loaded, difference(one, sounds), *added


def _memory_peer(run, name):
    """Loaded, and at most while it turns 16 utterances into text, as many at once as it can."""
    is_single = not name.startswith("faster-whisper")
    child = (run.openers[name]() if is_single else children.faster_whisper(run.options.model, name.split()[1]))
    loaded = child.memory()
    child.ask("sounds", run.results["crowd"])
    sounds = difference(child.memory(), loaded)
    child.ask("text", 0)
    if is_single:
        one = child.memory("VmHWM")
        child.close()
        return loaded, difference(one, sounds), None, None
    one = child.memory("VmHWM")
    child.forget_peak()
    child.ask("texts", 0, 16)
    added = difference(child.memory("VmHWM"), one)
    child.close()
    return loaded, difference(one, sounds), added, None


def memory(run):
    """Resident megabytes of fresh processes; what the test itself holds (sounds) is not counted."""
    rows = []
    run.n_rounds = 1
    for name in list(run.engines):
        run.say(f"memory: {name}")
        cells = _memory_ours(run, name.split()[1]) if name in run.ours() else _memory_peer(run, name)
        rows.append([name, *(number(cell) for cell in cells)])
    return table(["resident, MB", "loaded", "one utterance", "16 utterances at once add", "16 full windows add"],
                 rows) + "\n\nfaster-whisper takes eight of the 16 at once, the others one."
