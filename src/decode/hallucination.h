#pragma once
// Hallucination: what a model makes up where nobody speaks. By faster-whisper's rule, a segment
// whose words are improbable or last strangely short or long is suspicious; one around which
// nothing else is said is not told, and the silence before it is skipped.
//
// For whoever goes through a recording in windows, each beginning where the one before says.
// Needs word times: segments without are left alone.
//
// Threads: any; plain data.

#include <stdint.h>

#include "decode/hypothesis.h"

// Where the hypothesis stands in the recording; positions in samples.
struct hallucination_place {
        int64_t begin, end;   // of the window that it is about
        int64_t sound_end;    // of the recording
        int64_t last_speech;  // where the last word before the window ended
        int64_t next;         // where the next window is to begin
        double threshold;     // seconds: longer silences are skipped
};

// Take out of the hypothesis what is probably made up. Returns where the next window begins
// now: behind `begin`, but for a silence that is shorter than a sample.
int64_t hallucination_skip(const struct hallucination_place *place,
                           struct hypothesis *hypothesis);
