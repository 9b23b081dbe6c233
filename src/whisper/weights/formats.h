#pragma once
// Weights, inside: what the two file formats are read into. Private to weights/, its tests and
// the fuzz target.
//
// Threads: main thread at start.
// Memory:  bytes are lent by whoever calls; tensors point into them.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "whisper/weights/weights.h"
#include "whisper/whisper.h"

// Limits: well above large-v3 (1280 wide, 32 layers, 128 mels, 51866 tokens), small enough that
// products of them cannot overflow 64 bits.
#define WEIGHTS_STATE_MAX       8192
#define WEIGHTS_LAYERS_MAX      128
#define WEIGHTS_HEADS_MAX       128
#define WEIGHTS_MELS_MAX        512
#define WEIGHTS_CONTEXT_MAX     8192
#define WEIGHTS_VOCABULARY_MAX  131072
#define WEIGHTS_TOKEN_BYTES_MAX 1024  // of one token; Whisper's longest has 128
#define WEIGHTS_NAME_MAX        64    // of a tensor in OpenAI's words
#define WEIGHTS_DIMENSIONS_MAX  3
#define WEIGHTS_MEL_BINS        201  // of a 400 sample window's spectrum

enum element_type {
        ELEMENT_NONE,  // not in the file and known to be zero: the keys' bias
        ELEMENT_F32,
        ELEMENT_F16,
        ELEMENT_BF16,
        ELEMENT_I8,  // with scales: value / scale
        ELEMENT_I16,
        ELEMENT_Q4_0,
        ELEMENT_Q4_1,
        ELEMENT_Q5_0,
        ELEMENT_Q5_1,
        ELEMENT_Q8_0,
};

struct weights_tensor {
        char name[WEIGHTS_NAME_MAX];         // OpenAI's
        char ctranslate2[WEIGHTS_NAME_MAX];  // its name there; "" for a bias that is always
                                             // zero
        int part, n_parts;  // which of how many equal parts of that tensor this is
        int64_t shape[WEIGHTS_DIMENSIONS_MAX];  // row-major, PyTorch's orientation
        int n_dimensions;
        enum element_type type;
        bool has_row_scales;    // else one scale for the whole tensor
        const uint8_t *bytes;   // NULL until found; any alignment
        const uint8_t *scales;  // f32, any alignment; NULL when the type needs none
};

// Token bytes, end to end.
struct vocabulary {
        char *bytes;
        size_t n_bytes, n_bytes_allocated;
        size_t *ends;  // of token i in `bytes`
        size_t n, n_allocated;
};

struct weights {
        struct whisper_info info;
        struct weights_tensor *tensors;  // every one that the shapes ask for, sorted by name
        size_t n_tensors;
        float *mel_filters;  // NULL when the file has none
        struct vocabulary vocabulary;
        void *mapping;
        size_t n_mapping;
};

// What there is in memory of one model.
struct weights_source {
        const char *model_name;  // for error texts: the file's path
        const uint8_t *model;
        size_t n_model;
        const char *vocabulary_name;  // of a CTranslate2 folder; NULL for ggml
        const uint8_t *vocabulary;
        size_t n_vocabulary;
        bool vocabulary_is_json;
};

// Read either format from memory that must outlive the weights. weights_open() is this on
// mapped files.
int weights_from_memory(struct weights **ret, const struct weights_source *source,
                        struct error *error);

// Fill weights->info from the shapes in hand (all fields but n_parameters and format) and make
// the list of tensors that they ask for, none found yet. -EBADMSG when a shape is beyond the
// limits above or does not fit another.
int weights_plan(struct weights *weights, struct error *error);

// The tensor of that name, or NULL.
struct weights_tensor *weights_find(const struct weights *weights, const char *name);

// The two formats: fill info, tensors (via weights_plan), vocabulary and mel filters.
int weights_read_ctranslate2(struct weights *weights, const struct weights_source *source,
                             struct error *error);
int weights_read_ggml(struct weights *weights, const struct weights_source *source,
                      struct error *error);

// Elements of a shape; shapes within the limits cannot overflow.
int64_t shape_elements(const int64_t *shape, int n_dimensions);

// Bytes of `n` elements in rows of `row` elements; -1 when the type cannot hold such rows (the
// block types need rows that are a multiple of 32).
int64_t element_bytes(enum element_type type, int64_t n, int64_t row);

// The tensor's values as float.
void elements_to_float(const struct weights_tensor *tensor, float *ret, int64_t n);

// Append one token; -EBADMSG above the limits.
int vocabulary_append(struct vocabulary *vocabulary, const char *bytes, size_t n,
                      struct error *error);

// A vocabulary as CTranslate2 keeps it (one token per line, or a JSON list of strings), in
// GPT-2's printable alphabet for bytes.
int vocabulary_read(struct vocabulary *vocabulary, const struct weights_source *source,
                    struct error *error);
void vocabulary_deinit(struct vocabulary *vocabulary);

// A place in bytes that are not trusted. Each take is checked against the end; after one that
// did not fit, all further ones fail too.
struct cursor {
        const uint8_t *at, *end;
        bool is_short;
};

const uint8_t *cursor_take(struct cursor *cursor, size_t n);  // NULL when short
uint8_t cursor_u8(struct cursor *cursor);                     // 0 when short
uint16_t cursor_u16(struct cursor *cursor);
uint32_t cursor_u32(struct cursor *cursor);
int32_t cursor_i32(struct cursor *cursor);
size_t cursor_left(const struct cursor *cursor);
