#pragma once
// Gate: must the detector look at these 32 ms at all? Most streams are silent most of the time,
// and a room's noise is steady: while it stays what it was when the detector last found nobody
// speaking in it, the detector is not asked.
//
// Whoever is in doubt asks the detector: the gate closes only after two seconds in which it was
// sure, and opens with the first chunk that is louder than those were, over all or in the
// treble. What came before is kept by the segmenter and judged then (see segmenter.c).
//
// Threads: one at a time. No memory of its own.

#include <stdbool.h>
#include <stddef.h>

#include "vad/silero.h"

// How loud a chunk is, without what is constant in it: mean squares of differences.
struct loudness {
        float treble;  // between neighbours: what rises with frequency
        float whole;   // over a millisecond: voices from their fundamental up
};

struct energy_gate {
        bool is_open;
        size_t n_quiet;           // chunks in a row that were quiet
        struct loudness loudest;  // of those
        struct loudness limit;    // what opens a closed gate
};

// Open, as at the start of a stream.
void energy_gate_init(struct energy_gate *gate);

struct loudness energy_gate_measure(const float samples[VAD_CHUNK]);

// The next chunk's loudness, before the detector is asked. True: ask it.
bool energy_gate_is_passed(struct energy_gate *gate, struct loudness loudness);

// How many chunks in a row must be quiet until an open gate closes.
size_t energy_gate_chunks_to_close(const struct energy_gate *gate);

// What the detector said of a chunk that passed. May close the gate.
void energy_gate_judge(struct energy_gate *gate, struct loudness loudness, float probability);
