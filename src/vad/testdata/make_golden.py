#!/usr/bin/env python3
"""Expected probabilities for vad_test.c, from onnxruntime.

Silero's package (silero-vad 6.2.3) holds one 16 kHz network twice, but trained differently: the
numbers in silero_vad_16k.safetensors are not those in its ONNX files
(https://github.com/snakers4/silero-vad/issues/768). So that the same network runs on both sides,
this script exchanges the numbers inside the ONNX file:

  golden  ONNX SAFETENSORS F32 > TXT    the ONNX graph with the safetensors file's numbers; prints
                                        one probability per 512 samples of raw 16 kHz floats
  extract ONNX SAFETENSORS              writes a safetensors file with the ONNX file's numbers, to
                                        compare the C code with the ONNX file as it is

ONNX is silero_vad_16k_op15.onnx of that package. Needs numpy and onnxruntime.
"""

import json
import struct
import sys

import numpy as np
import onnxruntime

# ONNX initializer -> tensor in the safetensors file; the shapes are the same.
NAMES = {
    "model.stft.forward_basis_buffer": "stft_conv.weight",
    "model.encoder.0.reparam_conv.weight": "conv1.weight",
    "model.encoder.0.reparam_conv.bias": "conv1.bias",
    "model.encoder.1.reparam_conv.weight": "conv2.weight",
    "model.encoder.1.reparam_conv.bias": "conv2.bias",
    "model.encoder.2.reparam_conv.weight": "conv3.weight",
    "model.encoder.2.reparam_conv.bias": "conv3.bias",
    "model.encoder.3.reparam_conv.weight": "conv4.weight",
    "model.encoder.3.reparam_conv.bias": "conv4.bias",
    "model.decoder.rnn.weight_ih": "lstm_cell.weight_ih",
    "model.decoder.rnn.weight_hh": "lstm_cell.weight_hh",
    "model.decoder.rnn.bias_ih": "lstm_cell.bias_ih",
    "model.decoder.rnn.bias_hh": "lstm_cell.bias_hh",
    "model.decoder.decoder.2.weight": "final_conv.weight",
    "model.decoder.decoder.2.bias": "final_conv.bias",
}

# Field numbers of ONNX's protocol buffers.
MODEL_GRAPH, GRAPH_INITIALIZER, TENSOR_DIMS, TENSOR_NAME, TENSOR_RAW = 7, 5, 1, 8, 9


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data, begin, end):
    """Yields (field number, value or (begin, end)) of one protocol buffer message."""
    at = begin
    while at < end:
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
            yield key >> 3, value
        else:
            size, at = varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            yield key >> 3, (at, at + size)
            at += size


def initializers(model):
    """name -> (dims, begin, end) of the raw numbers inside the file's bytes."""
    found = {}
    for number, graph in fields(model, 0, len(model)):
        if number != MODEL_GRAPH:
            continue
        for number, tensor in fields(model, *graph):
            if number != GRAPH_INITIALIZER:
                continue
            dims, name, raw = [], "", None
            for number, value in fields(model, *tensor):
                if number == TENSOR_DIMS:
                    dims.append(value)
                elif number == TENSOR_NAME:
                    name = bytes(model[slice(*value)]).decode()
                elif number == TENSOR_RAW:
                    raw = value
            if raw:
                found[name] = (dims, *raw)
    return found


def safetensors_read(path):
    with open(path, "rb") as file:
        data = file.read()
    size = struct.unpack("<Q", data[:8])[0]
    return {
        name: data[8 + size :][slice(*entry["data_offsets"])]
        for name, entry in json.loads(data[8 : 8 + size]).items()
    }


def safetensors_write(path, tensors):
    header, data = {}, b""
    for name, (dims, raw) in tensors.items():
        offsets = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": "F32", "shape": dims, "data_offsets": offsets}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def probabilities(model, sound):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(bytes(model), options)
    state = np.zeros((2, 1, 128), np.float32)
    context = np.zeros(64, np.float32)
    for begin in range(0, len(sound) - 511, 512):
        chunk = sound[begin : begin + 512]
        feeds = {
            "input": np.concatenate([context, chunk])[None],
            "state": state,
            "sr": np.array(16000, np.int64),
        }
        probability, state = session.run(None, feeds)
        context = chunk[-64:]
        yield float(probability[0, 0])


def main(verb, onnx_path, safetensors_path, sound_path=None):
    with open(onnx_path, "rb") as file:
        model = bytearray(file.read())
    tensors = initializers(model)
    if verb == "extract":
        safetensors_write(
            safetensors_path,
            {
                ours: (tensors[theirs][0], bytes(model[slice(*tensors[theirs][1:])]))
                for theirs, ours in NAMES.items()
            },
        )
        return
    weights = safetensors_read(safetensors_path)
    for theirs, ours in NAMES.items():
        _, begin, end = tensors[theirs]
        assert end - begin == len(weights[ours]), ours
        model[begin:end] = weights[ours]
    for probability in probabilities(model, np.fromfile(sound_path, np.float32)):
        print(f"{probability:.6f}")


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] not in ("golden", "extract"):
        sys.exit(__doc__)
    main(*sys.argv[1:])
