#pragma once
// DTW (dynamic time warping): which token was said when, from the cross-attention of the heads
// that follow the sound. As OpenAI does it: each head's attention over the sound's frames,
// normalised over the tokens, smoothed by a median over seven frames, averaged over the heads;
// then the path through tokens and frames that gathers most of it.
//
// Threads: any; no state.

#include <stddef.h>
#include <stdint.h>

#include "util/team.h"

struct dtw_shape {
        size_t n_rows;  // tokens that were fed
        size_t n_heads;
        size_t stride;     // from one head's weights to the next one's
        size_t n_frames;   // of the sound, of 20 ms; at most the stride
        size_t n_skipped;  // rows at the beginning that stand for no time; so does the last one
};

// Find the frame in which each row but those begins: ret[n_rows - n_skipped - 1], ascending.
// `weights` are probabilities, [n_rows, n_heads, stride], and are overwritten. The team does
// it, or NULL: the caller alone.
void dtw_align(float *weights, const struct dtw_shape *shape, struct team *team, uint32_t *ret);

// The path alone: the frame in which each row begins, for the path from [0, 0] to the end that
// gathers most of matrix[n_rows, n_frames].
void dtw_path(const float *matrix, size_t n_rows, size_t n_frames, uint32_t *ret);
