#pragma once
// Context: which rows of a 30 s window the encoder keeps. Whisper was trained on windows padded
// to 30 s with silence, and goes astray without the padding; but the padding's rows are nearly
// alike, so a few of them can stand for all: each kept row stays at its true position and
// weighs in attention as much as the rows that it stands for (the logarithm of their number is
// added to its scores), in the encoder and in the decoder's cross-attention.
//
// Measured in bench/context.py; figures in docs/benchmarks.md.
//
// Threads: any; plain data.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/job.h"

// Frames of a full window, and rows that the encoder makes of them.
#define CONTEXT_FRAMES 3000
#define CONTEXT_ROWS   1500

struct audio_context {
        size_t n_rows;       // kept, at most CONTEXT_ROWS
        size_t n_plain;      // the first of them: every row of the sound and of its margin
        size_t n_convolved;  // the first of those: what the sound reaches; all others see
                             // silence
        uint16_t positions[CONTEXT_ROWS];  // [n_rows], among the window's CONTEXT_ROWS,
                                           // ascending
        float biases[CONTEXT_ROWS];        // [n_rows], log of how many rows each stands for
};

// The shape that is used, and the one that keeps every row.
extern const struct context_shape context_shape_short, context_shape_full;

// The rows for a sound of n_frames frames, 1 to CONTEXT_FRAMES.
void context_init(struct audio_context *ret, size_t n_frames,
                  const struct context_shape *shape);
