#pragma once
// Output: the records that a child writes: sound in even pieces, at once or in real time, and
// all others in their place between them.
//
// Threads: any one at a time. Waits for the reader.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media/records.h"

struct media_output {
        int descriptor;
        unsigned n_channels;
        bool is_paced;    // a second of sound takes a second
        int64_t started;  // then: when its first sample was due
        size_t piece;     // samples of each channel in a record
        int16_t *held;
        size_t n_held;
        int64_t position;  // of the first that is held
        int64_t written;   // when the last record was, by media_patience_now()
};

void media_output_init(struct media_output *output, int descriptor, unsigned n_channels);
void media_output_deinit(struct media_output *output);

// Before the first samples. Live sound is written in pieces of at most 100 ms: its reader is
// woken less often. What is there already is written in larger ones.
void media_output_begin(struct media_output *output, bool is_live, bool is_paced);

// All return 0 or a negative errno: nobody reads any more, or we were told to stop (-EINTR).

// `n` samples of each channel, interleaved; NULL: silence.
int media_output_samples(struct media_output *output, const int16_t *samples, int64_t n);

// Write what is held now, though there is room for more.
int media_output_flush(struct media_output *output);

// Another record, behind all samples so far.
int media_output_record(struct media_output *output, const struct media_record *record);

// Samples so far, of each channel.
int64_t media_output_position(const struct media_output *output);
