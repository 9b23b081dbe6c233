#pragma once
// Self-attention in int8, as the encoder needs it: softmax(queries * keys^T + biases) *
// values, head by head, each window within itself, all rows of a window at once. What comes in
// and goes out is bf16.
//
// Threads: those of the team that it is given.

#include <stddef.h>
#include <stdint.h>

#include "util/team.h"
#include "whisper/cpu/gemm/tall.h"

// A window: rows of queries, keys and values, 3 * n_heads * head_width columns. 64 of these lie
// side by side and the next 64 somewhere else: what a head reads lies together. Rows side by
// side are blocks of 64 one after the other; wanted for heads whose width does not divide 64.
// Queries come already divided by the root of the head's width.
struct self_attention_window {
        const uint16_t *projected;  // bf16
        size_t n_rows;
        size_t stride, block;  // elements from a row to the next, from 64 columns to the next
        const float *biases;   // [n_rows], added to the scores of each key but the first
        size_t n_unbiased;     // n_unbiased; not read when all are
        uint16_t *ret;         // [n_rows, n_heads * head_width], bf16
};

struct self_attention_limits {
        size_t n_rows, n_windows;
};

struct self_attention {
        size_t n_heads, head_width;  // the width is a multiple of 16, at most TALL_WIDTH_MAX
        struct team *team;
        uint8_t *memory;   // packed keys and values of all windows
        uint8_t *scratch;  // of each thread
        size_t scratch_size;
};

// For windows of at most limits.n_rows rows together. The team, which is lent, does the work;
// NULL: the caller alone. -ENOMEM; -EINVAL for too wide a head.
int self_attention_init(struct self_attention *ret, size_t n_heads, size_t head_width,
                        struct self_attention_limits limits, struct team *team);
void self_attention_deinit(struct self_attention *attention);

void self_attention_run(struct self_attention *attention,
                        const struct self_attention_window *windows, size_t n);
