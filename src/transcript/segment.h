#pragma once
// Segment: a stretch of text as readers see it. Plain data.
//
// Threads: loop thread.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/hypothesis.h"

struct segment {
        uint64_t id;    // finals: CRC-64/ECMA-182 of "<previous id><text>", from crc64("0")
        int64_t begin;  // position on the stream's clock, samples
        int64_t end;
        char *text;  // UTF-8, with Whisper's leading space; "" for an empty tail
        bool is_final;
        int32_t *tokens;
        size_t n_tokens;
        struct hypothesis_word
                *words;  // positions on the stream's clock; none unless asked for
        size_t n_words;
        float avg_logprob;
        float no_speech_prob;
        float compression_ratio;
        float temperature;
};

// The id of the segment that follows `previous` with this text; and the id before any segment.
uint64_t segment_id_next(uint64_t previous, const char *text);
uint64_t segment_id_first(void);

// A deep copy into *ret, and freeing what one holds.
void segment_copy(struct segment *ret, const struct segment *segment);
void segment_deinit(struct segment *segment);
