"""The sections that time parts of the engines: plain products, encoder, decoder, drafts."""

import statistics

from measure import children
from measure.children import Failure
from measure.run import Figures
from measure.tables import number, sentence, table, times

SPEECH = [30, 20, 10, 5, 2]              # seconds
BATCHES = [1, 2, 4, 8, 16, 32]
BATCHES_FULL = [1, 8, 32]                # windows of 30 s
BYTES = {"float32": 4, "int8": 1}


def roofline(run):
    """What the machine reaches with one product, and reading memory."""
    try:
        child = children.roofline()
    except (Failure, OSError) as problem:
        run.note(f"roofline: left out: {problem}")
        return None
    figures = Figures()
    for _ in run.rounds("roofline", 30):
        answer = child.ask("measure")
        figures.add("read", "GB/s", answer.pop("read"))
        for kind, products in answer.items():
            for shape, speed in products.items():
                figures.add(kind, shape, speed)
    version = child.ready["onednn"]
    child.close()
    shapes = ["512x512", "512x2048"]
    # What each stage is measured by: the better of the two.
    run.results["plain"] = {kind: max(figures.median(kind, shape) or 0 for shape in shapes) for kind in BYTES}
    run.results["read"] = figures.median("read", "GB/s")
    rows = [[kind, *(number(figures.median(kind, shape)) for shape in shapes)] for kind in BYTES]
    return (table(["1500 rows, oneDNN " + version, *(f"{shape}, GOPS" for shape in shapes)], rows)
            + f"\n\nReading memory with two threads: {number(run.results['read'])} GB/s.")


def _encoder_operations(info, n_rows=1500):
    """Multiplications and additions of the encoder for one window of so many rows."""
    state = info["n_audio_state"]
    layer = 24 * state * state * n_rows + 4 * n_rows * n_rows * state
    convolutions = 2 * n_rows * (2 * 3 * info["n_mels"] * state + 3 * state * state)
    return info["n_audio_layers"] * layer + convolutions


def _encode_ours(run, name, figures):
    for seconds in SPEECH:
        taken = run.attempt(name, lambda child: statistics.median(
            child.seconds("encode", run.results["window"], 100 * seconds, "short") for _ in range(3)))
        if taken:
            figures.add(name, seconds, taken)


def encoder(run):
    figures = Figures()
    for turn in run.rounds("encoder", 90):
        for name in run.turn_of_stages(turn):
            if name in run.ours():
                _encode_ours(run, name, figures)
                continue
            taken = run.attempt(name, lambda child: child.seconds("encode", run.results["window"]))
            if taken:
                figures.add(name, 30, taken)
    rows = []
    plain = run.results.get("plain") or {}
    for name in figures.rows():
        is_ours = name in run.ours()
        values = [figures.median(name, seconds if is_ours else 30) for seconds in SPEECH]
        cells = [number(1e3 * value) + ("" if is_ours or at == 0 else " (padded)") for at, value in enumerate(values)]
        speed = share = None
        if is_ours:
            speed = _encoder_operations(run.engines[name].ready["info"]) / values[0] * 1e-9
            top = plain.get(name.split()[1])
            share = f"{100 * speed / top:.0f} %" if top else None
        rows.append([name, *cells, number(speed), share or "–"])
    run.results["encoder"] = figures
    return (table(["ms of the encoder", "30 s", *(f"{s} s of speech" for s in SPEECH[1:]), "GOPS at 30 s",
                   "of the plain product"], rows) + "\n\n" + _encoder_ratios(run, figures))


def _best(figures, rows, column):
    known = [figures.median(row, column) for row in rows if figures.median(row, column)]
    return min(known) if known else None


def _encoder_ratios(run, figures):
    peer = _best(figures, run.peers("faster-whisper"), 30)
    return "".join(sentence("{}: one 30 s window {} as fast as the better of CTranslate2's two, 5 s of speech {}.", name,
                            times(figures.median(name, 30), peer), times(figures.median(name, 5), peer))
                   for name in run.ours())


def _decoder_bytes(info):
    """Weights that a step reads, as so many numbers."""
    state = info["n_text_state"]
    return info["n_text_layers"] * 14 * state * state + info["n_vocabulary"] * state


def _steps_ours(run, name, figures):
    for shape, batches in (("short", BATCHES), ("full", BATCHES_FULL)):
        for batch in batches:
            answer = run.attempt(name, lambda child: child.ask("step", batch, 16, shape))
            if answer:
                figures.add(f"{name}, {shape}", batch, answer["seconds"] / batch)
                figures.add(f"{name}, {shape}", "keys", answer["n_keys"])


def _steps_peer(run, name, figures):
    if name == "whisper.cpp":
        taken = run.attempt(name, lambda child: child.seconds("step", 0, 16))
        if taken:
            figures.add(name, 1, taken)
        return
    for batch in BATCHES:
        taken = run.attempt(name, lambda child: child.seconds("step", batch, 24 if batch <= 4 else 12))
        if taken:
            figures.add(name, batch, taken / batch)


def decoder(run):
    figures = Figures()
    for turn in run.rounds("decoder", 200):
        for name in run.turn_of_stages(turn):
            (_steps_ours if name in run.ours() else _steps_peer)(run, name, figures)
    rows = []
    for row in figures.rows():
        cells = [number(1e3 * value) if (value := figures.median(row, batch)) else "–" for batch in BATCHES]
        rows.append([row if row.startswith("eavesdrop") else f"{row}, padded to 30 s", *cells])
    run.results["decoder"] = figures
    return (table(["ms per sequence and token", *(f"batch {batch}" for batch in BATCHES)], rows)
            + "\n\nFull windows at other batches, and whisper.cpp beyond one sequence: not measured. "
            + _decoder_ratios(run, figures))


def _decoder_ratios(run, figures):
    lines = []
    for name in run.ours():
        row = f"{name}, short"
        peers = {batch: _best(figures, run.peers("faster-whisper"), batch) for batch in (1, 8)}
        line = sentence("{}: {} as fast as CTranslate2 at batch 1, {} at batch 8.", name,
                        times(figures.median(row, 1), peers[1]), times(figures.median(row, 8), peers[8]))
        read, alone = run.results.get("read"), figures.median(row, 1)
        if read and alone:
            speed = _decoder_bytes(run.engines[name].ready["info"]) * BYTES[name.split()[1]] / alone * 1e-9
            line += f"At batch 1 {name} reads its weights at {number(speed)} GB/s (memory gives {number(read)}). "
        lines.append(line)
    return "".join(lines)


def draft(run):
    """A window with its own text as a draft, beside the same without."""
    figures = Figures()
    for _ in run.rounds("draft", 30):
        for name in run.ours():
            answer = run.attempt(name, lambda child: child.ask("draft", run.results["draft"]))
            if not answer:
                continue
            sides = [[token for segment in answer[side]["answers"][0]["segments"] for token in segment["tokens"]]
                     for side in ("plain", "drafted")]
            figures.add(name, "tokens", len(sides[0]))
            figures.add(name, "same", sides[0] == sides[1])
            figures.add(name, "step", answer["plain"]["decoder"]["p50"])
            figures.add(name, "drafted", answer["drafted"]["decoder"]["seconds"])
            figures.add(name, "n_steps", answer["drafted"]["decoder"]["n"])
    rows = [[name, number(figures.median(name, "tokens")), number(1e3 * figures.median(name, "step")),
             number(1e3 * figures.median(name, "drafted")), number(figures.median(name, "n_steps")),
             number(figures.median(name, "drafted") / figures.median(name, "step")),
             "yes" if all(figures.cells[name, "same"]) else "no"] for name in figures.rows()]
    return table(["a draft that is right", "its tokens", "a plain step, ms", "all of the decoder with it, ms",
                  "calls", "in plain steps", "same tokens"], rows)
