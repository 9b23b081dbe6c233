#pragma once
// Decoder: one step for all live sequences. A sequence is a list of tokens with a KV cache, and
// a window that it listens to. A step takes rows: one token
// each, of any sequences, several of one sequence where a prompt is read. Sequences join and
// leave between any two steps.
//
// Threads: one decoder belongs to one engine.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/team.h"
#include "whisper/alignment_heads.h"
#include "whisper/cpu/cross_kv.h"
#include "whisper/cpu/kv_cache.h"
#include "whisper/model.h"

// Rows in one step.
#define DECODER_ROWS_MAX 64

struct decoder;

// How a row's token lies on the window: of some heads all cross-attention probabilities, for
// word timestamps, or the key that each heeds most.
struct decoder_alignment {
        const struct decoder_head *heads;
        size_t n_heads;
        float *ret;       // [n_heads, n_keys of the row's audio]; NULL: `peaks` are wanted
        uint16_t *peaks;  // [n_heads]
};

// One token at its position. Rows of the same sequence are in order of position, and all
// positions before the first of them are in the KV cache already.
struct decoder_row {
        int32_t token;
        bool wants_logits;
        size_t position;
        struct kv_cache *kv;
        const struct cross_kv *cross_kv;  // the window it listens to; rows of one side by side
                                          // are cheaper
        const struct decoder_alignment *alignment;  // NULL: not wanted
};

// The sequences may hold n_kv_blocks blocks in all. The team, which is lent, reckons; NULL: the
// caller alone. -ENOMEM.
int decoder_new(struct decoder **ret, const struct whisper_model *model, size_t n_kv_blocks,
                struct team *team);
struct decoder *decoder_free(struct decoder *decoder);

// Where the KV caches of its sequences come from; lent.
struct kv_pool *decoder_kv_pool(struct decoder *decoder);

// Get the KV caches ready for n rows; decoder_step() does so too, but cannot say whose cache
// failed. -ENOMEM, -EINVAL.
int decoder_reserve(struct decoder *decoder, const struct decoder_row *rows, size_t n);

// One step for n rows, at most DECODER_ROWS_MAX. *ret_logits is [n_vocabulary] for each row
// that wants them, in their order; the caller's to change until the next step. Errors as those
// of decoder_reserve(); then no row has advanced.
int decoder_step(struct decoder *decoder, const struct decoder_row *rows, size_t n,
                 float **ret_logits);

DEFINE_CLEANUP(struct decoder *, decoder_free);
