#pragma once
// Tiny made-up Whisper models in memory, in both formats, for weights_test.c.
//
// Threads: main thread.

#include "whisper/weights/formats.h"

#define TINY_VOCABULARY 7

// 32 wide, so that ggml's blocks of 32 fit the rows.
extern const struct whisper_info tiny_shapes;

// A vocabulary.txt of as many tokens.
extern const char tiny_vocabulary[];

// Bytes on the heap; free `at`.
struct model_bytes {
        uint8_t *at;
        size_t n, n_allocated;
};

// Element i of a tensor: multiples of 1/64 in [-2, 2), which every float format holds exactly.
float tiny_value(const char *name, int64_t i);

// The plan of the tiny model: every tensor, none found. Free its tensors.
struct weights tiny_plan(void);

// A ggml file of f32.
struct model_bytes ggml_build(void);

// CTranslate2's numbers for types.
enum { TYPE_F32, TYPE_I8, TYPE_I16, TYPE_I32, TYPE_F16, TYPE_BF16 };

// A model.bin of that type and specification ("WhisperSpec").
struct model_bytes ctranslate2_build(const char *specification, int type);
