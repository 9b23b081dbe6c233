#pragma once
// Hypothesis: the engine's raw answer for one job. Plain data; belongs to whoever holds it.
//
// Threads: any one at a time; moves from the decode thread to the loop.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"

#define LANGUAGE_CODE_MAX 8  // "en", "yue", with the final zero

// A word and when it was said.
struct hypothesis_word {
        int64_t begin;  // samples, as its segment's
        int64_t end;
        char *text;  // UTF-8 with its punctuation and, where there is one, the space before
        float probability;  // mean of its tokens'
};

// One stretch of text within the window.
struct hypothesis_segment {
        int64_t begin;  // samples from the start of the job's sound
        int64_t end;
        char *text;  // UTF-8, with Whisper's leading space as it came
        int32_t *tokens;
        size_t n_tokens;
        struct hypothesis_word *words;  // in order, not overlapping; none unless asked for
        size_t n_words;
        float avg_logprob;
        float no_speech_prob;
        float compression_ratio;
        float temperature;
};

struct hypothesis {
        struct hypothesis_segment *segments;  // in order, not overlapping; none for no speech
        size_t n_segments;
        char language[LANGUAGE_CODE_MAX];  // detected or given
        float language_probability;        // 1 when it was given
        bool was_detected;                 // the language was detected on this job
        // What it was taken for, when the text is in the language of the one before it all the
        // same; else "".
        char language_doubted[LANGUAGE_CODE_MAX];
        // Samples from the start of the job's sound that are dealt with. All of them, unless
        // the job is_single_pass: then up to the last pair of timestamps, where whoever seeks
        // by timestamps begins the next window (as faster-whisper's seek).
        int64_t n_consumed;
        // What the engine's own filters did (filter.h): windows in which nobody spoke, and
        // attempts given up since their text was improbable or repeated itself; and windows
        // whose doubtful text stands since the budget for such retries was spent.
        unsigned n_no_speech, n_unlikely, n_repeating;
        unsigned n_given_up;
        unsigned n_refused;  // segments that the output filters took out (filter.h)
};

// Append a zeroed segment and return it; valid until the next append.
struct hypothesis_segment *hypothesis_append(struct hypothesis *hypothesis);

// Insert a zeroed segment before number `at` and return it; valid until the next one.
struct hypothesis_segment *hypothesis_insert(struct hypothesis *hypothesis, size_t at);

// Append copies of the other's segments, `shift` samples later, without their words.
void hypothesis_add(struct hypothesis *hypothesis, const struct hypothesis *other,
                    int64_t shift);

// Drop all but the first `n` segments.
void hypothesis_truncate(struct hypothesis *hypothesis, size_t n);

// A deep copy of n words; the caller frees it. NULL for none.
struct hypothesis_word *hypothesis_words_copy(const struct hypothesis_word *words, size_t n);
void hypothesis_words_free(struct hypothesis_word *words, size_t n);

// Free what one segment holds; the segment itself stays where it is.
void hypothesis_segment_deinit(struct hypothesis_segment *segment);

// Free what it holds and zero it.
void hypothesis_deinit(struct hypothesis *hypothesis);
