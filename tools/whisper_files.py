"""The two file formats of Whisper models, for tests: read CTranslate2, write both.

A model here is Shapes, a list of token bytes and a dict of numpy arrays (or None for made-up
zeros) under OpenAI's tensor names. src/whisper/weights/*.c describe the formats.
"""

import dataclasses
import json
import os
import struct

GGML_MAGIC = 0x67676D6C
MEL_BINS = 201
SELF, CROSS, FEED = "self_attention", "attention", "ffn"


@dataclasses.dataclass
class Shapes:
    """A Whisper's dimensions, in the order of a ggml file's head."""

    n_vocabulary: int
    n_audio_context: int
    n_audio_state: int
    n_audio_heads: int
    n_audio_layers: int
    n_text_context: int
    n_text_state: int
    n_text_heads: int
    n_text_layers: int
    n_mels: int


# As published with OpenAI's checkpoints.
SIZES = {
    "tiny.en": Shapes(51864, 1500, 384, 6, 4, 448, 384, 6, 4, 80),
    "tiny": Shapes(51865, 1500, 384, 6, 4, 448, 384, 6, 4, 80),
    "base": Shapes(51865, 1500, 512, 8, 6, 448, 512, 8, 6, 80),
    "small": Shapes(51865, 1500, 768, 12, 12, 448, 768, 12, 12, 80),
    "medium": Shapes(51865, 1500, 1024, 16, 24, 448, 1024, 16, 24, 80),
    "large-v2": Shapes(51865, 1500, 1280, 20, 32, 448, 1280, 20, 32, 80),
    "large-v3": Shapes(51866, 1500, 1280, 20, 32, 448, 1280, 20, 32, 128),
    "large-v3-turbo": Shapes(51866, 1500, 1280, 20, 32, 448, 1280, 20, 4, 128),
}


def layer_plan(state, has_cross):
    """Of one layer: OpenAI's name, shape, CTranslate2's name, (part, of how many)."""
    whole = (0, 1)
    attentions = [("attn", SELF, [("query", 0, 0, 3), ("key", 0, 1, 3), ("value", 0, 2, 3), ("out", 1, 0, 1)])]
    if has_cross:
        attentions.append(
            ("cross_attn", CROSS, [("query", 0, 0, 1), ("key", 1, 0, 2), ("value", 1, 1, 2), ("out", 2, 0, 1)])
        )
    for ours, theirs, linears in attentions:
        yield f"{ours}_ln.weight", (state,), f"{theirs}/layer_norm/gamma", whole
        yield f"{ours}_ln.bias", (state,), f"{theirs}/layer_norm/beta", whole
        for name, linear, part, parts in linears:
            yield f"{ours}.{name}.weight", (state, state), f"{theirs}/linear_{linear}/weight", (part, parts)
            yield f"{ours}.{name}.bias", (state,), f"{theirs}/linear_{linear}/bias", (part, parts)
    yield "mlp_ln.weight", (state,), f"{FEED}/layer_norm/gamma", whole
    yield "mlp_ln.bias", (state,), f"{FEED}/layer_norm/beta", whole
    yield "mlp.0.weight", (4 * state, state), f"{FEED}/linear_0/weight", whole
    yield "mlp.0.bias", (4 * state,), f"{FEED}/linear_0/bias", whole
    yield "mlp.2.weight", (state, 4 * state), f"{FEED}/linear_1/weight", whole
    yield "mlp.2.bias", (state,), f"{FEED}/linear_1/bias", whole


def plan(shapes):
    """All tensors: OpenAI's name, shape, CTranslate2's name, (part, of how many)."""
    state, whole = shapes.n_audio_state, (0, 1)
    yield "encoder.positional_embedding", (shapes.n_audio_context, state), "encoder/position_encodings/encodings", whole
    yield "encoder.conv1.weight", (state, shapes.n_mels, 3), "encoder/conv1/weight", whole
    yield "encoder.conv1.bias", (state,), "encoder/conv1/bias", whole
    yield "encoder.conv2.weight", (state, state, 3), "encoder/conv2/weight", whole
    yield "encoder.conv2.bias", (state,), "encoder/conv2/bias", whole
    yield "encoder.ln_post.weight", (state,), "encoder/layer_norm/gamma", whole
    yield "encoder.ln_post.bias", (state,), "encoder/layer_norm/beta", whole
    yield "decoder.positional_embedding", (shapes.n_text_context, state), "decoder/position_encodings/encodings", whole
    yield "decoder.token_embedding.weight", (shapes.n_vocabulary, state), "decoder/embeddings/weight", whole
    yield "decoder.ln.weight", (state,), "decoder/layer_norm/gamma", whole
    yield "decoder.ln.bias", (state,), "decoder/layer_norm/beta", whole
    for side, layers in (("encoder", shapes.n_audio_layers), ("decoder", shapes.n_text_layers)):
        for i in range(layers):
            for ours, shape, theirs, part in layer_plan(state, side == "decoder"):
                yield f"{side}.blocks.{i}.{ours}", shape, f"{side}/layer_{i}/{theirs}", part


# --- CTranslate2 -------------------------------------------------------------------------

_TYPES = {0: ("<f4", 4), 1: ("<i1", 1), 2: ("<i2", 2), 3: ("<i4", 4), 4: ("<f2", 2)}


def _string(text):
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def read_ctranslate2(folder):
    """The folder's Shapes, token bytes and tensors (float32)."""
    import numpy

    with open(os.path.join(folder, "model.bin"), "rb") as file:
        content = file.read()
    at = 0

    def take(form):
        nonlocal at
        values = struct.unpack_from("<" + form, content, at)
        at += struct.calcsize("<" + form)
        return values[0] if len(values) == 1 else values

    def string():
        nonlocal at
        length = take("H")
        at += length
        return content[at - length : at - 1].decode()

    version, name, _ = take("I"), string(), take("I")
    if version < 4 or name != "WhisperSpec":
        raise SystemExit(f"{folder}: not a CTranslate2 Whisper of version 4 or later")
    variables = {}
    for _ in range(take("I")):
        name, rank = string(), take("B")
        shape = [take("I") for _ in range(rank)]
        kind, size = take("B"), take("I")
        numbers = numpy.frombuffer(content, _TYPES[kind][0], size // _TYPES[kind][1], at)
        variables[name] = numbers.reshape(shape)
        at += size
    for _ in range(take("I")):
        alias, name = string(), string()
        variables[alias] = variables[name]

    def value(name):
        numbers = variables[name].astype(numpy.float32)
        if variables[name].dtype.kind == "i":
            scale = variables[name + "_scale"].reshape(-1, *[1] * (numbers.ndim - 1))
            numbers /= scale
        return numbers

    def layers(side):
        return len({name.split("/")[1] for name in variables if name.startswith(side + "/layer_") and "ffn" in name})

    audio, text = (variables[f"{side}/position_encodings/encodings"].shape for side in ("encoder", "decoder"))
    shapes = Shapes(
        variables["decoder/embeddings/weight"].shape[0], *audio, int(variables["encoder/num_heads"]),
        layers("encoder"), *text, int(variables["decoder/num_heads"]), layers("decoder"),
        variables["encoder/conv1/weight"].shape[1],
    )  # fmt: skip
    tensors = {}
    for ours, _, theirs, (part, parts) in plan(shapes):
        tensors[ours] = numpy.split(value(theirs), parts)[part]
    return shapes, read_vocabulary(folder), tensors


def byte_alphabet():
    """GPT-2's printable character of each byte, reversed."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(rest)}


def read_vocabulary(folder):
    path = os.path.join(folder, "vocabulary.json")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            tokens = json.load(file)
    else:
        with open(os.path.join(folder, "vocabulary.txt"), encoding="utf-8") as file:
            tokens = file.read().removesuffix("\n").split("\n")
    alphabet = byte_alphabet()
    return [bytes(alphabet[character] for character in token) for token in tokens]


def ctranslate2_variable(name, shape, kind, content):
    return (
        _string(name)
        + struct.pack(f"<B{len(shape)}I", len(shape), *shape)
        + struct.pack("<BI", kind, len(content))
        + content
    )


def made_up_ctranslate2(shapes, kind, specification="WhisperSpec"):
    """A model.bin of zeros in numbers of CTranslate2's type `kind`."""
    size = _TYPES[kind][1] if kind in _TYPES else 2
    variables = {}
    for _, shape, theirs, (_, parts) in plan(shapes):
        shape = (shape[0] * parts, *shape[1:])
        n = 1
        for dimension in shape:
            n *= dimension
        variables[theirs] = (shape, kind, bytes(n * size))
        if kind in (1, 2):
            rows = shape[0] if kind == 1 else 1
            variables[theirs + "_scale"] = ((rows,) if kind == 1 else (), 0, struct.pack("<f", 1) * rows)
    for side, heads in (("encoder", shapes.n_audio_heads), ("decoder", shapes.n_text_heads)):
        variables[side + "/num_heads"] = ((), 2, struct.pack("<h", heads))
    content = struct.pack("<I", 6) + _string(specification) + struct.pack("<II", 3, len(variables))
    content += b"".join(ctranslate2_variable(name, *variables[name]) for name in sorted(variables))
    return content + struct.pack("<I", 1) + _string("decoder/projection/weight") + _string("decoder/embeddings/weight")


# --- ggml --------------------------------------------------------------------------------

# Name: number of the type of a tensor, number of the kind of a file, bytes of 32 numbers.
GGML_TYPES = {
    "f32": (0, 0, 128),
    "f16": (1, 1, 64),
    "q4_0": (2, 2002, 18),
    "q4_1": (3, 2003, 20),
    "q5_0": (6, 2008, 22),
    "q5_1": (7, 2009, 24),
    "q8_0": (8, 2007, 34),
}


def ggml_type(name, shape, wanted):
    """Which type whisper.cpp expects of this tensor in a file of kind `wanted`."""
    if len(shape) == 1 or name.endswith("positional_embedding"):
        return "f32"
    return "f16" if len(shape) == 3 and wanted != "f32" else wanted


def mel_filters(n_mels):
    """[n_mels, 201] triangles on Slaney's mel scale, of equal area, 16 kHz, 400 samples."""
    import numpy

    def hertz(mel):
        return numpy.where(mel < 15, mel * 200 / 3, 1000 * numpy.exp((mel - 15) * numpy.log(6.4) / 27))

    highest = 15 + 27 * numpy.log(8) / numpy.log(6.4)
    edges = hertz(numpy.linspace(0, highest, n_mels + 2))
    bins = numpy.linspace(0, 8000, MEL_BINS)
    rising = (bins - edges[:-2, None]) / numpy.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / numpy.diff(edges)[1:, None]
    triangles = numpy.maximum(0, numpy.minimum(rising, falling))
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype("<f4")


def quantise(values, kind):
    """float32 [.., 32 n] as ggml's blocks of 32."""
    import numpy

    blocks = values.astype(numpy.float32).reshape(-1, 32)
    if kind == "q8_0":
        scale = numpy.abs(blocks).max(axis=1, keepdims=True) / 127
        quanta = numpy.rint(blocks * _inverse(scale)).astype("<i1")
        return numpy.concatenate([scale.astype("<f2").view("u1"), quanta.view("u1")], axis=1).tobytes()
    bits = int(kind[1])
    if kind.endswith("_1"):
        minimum = blocks.min(axis=1, keepdims=True)
        scale = (blocks.max(axis=1, keepdims=True) - minimum) / (2**bits - 1)
        quanta = (blocks - minimum) * _inverse(scale) + 0.5
        head = [scale.astype("<f2").view("u1"), minimum.astype("<f2").view("u1")]
    else:
        # The largest value, by magnitude, becomes the one quantum with no opposite.
        largest = numpy.take_along_axis(blocks, numpy.abs(blocks).argmax(axis=1)[:, None], axis=1)
        scale = largest / -(2 ** (bits - 1))
        quanta = blocks * _inverse(scale) + 2 ** (bits - 1) + 0.5
        head = [scale.astype("<f2").view("u1")]
    quanta = numpy.clip(quanta, 0, 2**bits - 1).astype("u1")
    if bits == 5:
        head.append(numpy.packbits(quanta >> 4, axis=1, bitorder="little"))
    quanta &= 15
    return numpy.concatenate([*head, quanta[:, :16] | quanta[:, 16:] << 4], axis=1).tobytes()


def _inverse(scale):
    import numpy

    return numpy.divide(1, scale, out=numpy.zeros_like(scale), where=scale != 0)


def ggml_head(shapes, tokens, kind, filters):
    """All that comes before the tensors. `tokens` are the text tokens; `filters` bytes."""
    head = struct.pack("<I10iI", GGML_MAGIC, *dataclasses.astuple(shapes), GGML_TYPES[kind][1])
    head += struct.pack("<2i", shapes.n_mels, MEL_BINS) + filters + struct.pack("<i", len(tokens))
    return head + b"".join(struct.pack("<I", len(token)) + token for token in tokens)


def ggml_tensor_head(name, shape, kind):
    if name.endswith(("conv1.bias", "conv2.bias")):
        shape = (*shape, 1)
    return struct.pack(f"<3i{len(shape)}i", len(shape), len(name), GGML_TYPES[kind][0], *reversed(shape)) + name.encode()


def write_ggml(path, shapes, tokens, tensors, kind):
    """A whole model with these values."""
    with open(path, "wb") as file:
        file.write(ggml_head(shapes, tokens, kind, mel_filters(shapes.n_mels).tobytes()))
        for name, shape, _, _ in plan(shapes):
            if name.endswith("key.bias"):
                continue
            own = ggml_type(name, shape, kind)
            file.write(ggml_tensor_head(name, shape, own))
            if own in ("f32", "f16"):
                file.write(tensors[name].astype("<f4" if own == "f32" else "<f2").tobytes())
            else:
                file.write(quantise(tensors[name], own))


def write_made_up_ggml(path, shapes, tokens, kind):
    """A model of zeros: a file full of holes, which takes next to no room."""
    with open(path, "wb") as file:
        file.write(ggml_head(shapes, tokens, kind, bytes(4 * shapes.n_mels * MEL_BINS)))
        for name, shape, _, _ in plan(shapes):
            if name.endswith("key.bias"):
                continue
            own = ggml_type(name, shape, kind)
            file.write(ggml_tensor_head(name, shape, own))
            n = 1
            for dimension in shape:
                n *= dimension
            file.seek(n * GGML_TYPES[own][2] // 32, os.SEEK_CUR)
        file.truncate()
