#pragma once
// Sampler: from logits to the next token: which tokens are allowed (suppression lists,
// Whisper's timestamp rules as CTranslate2 applies them), then the likeliest, or one drawn at a
// temperature.
//
// Threads: any; no state but the caller's.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "whisper/tokenizer.h"

struct sampler_rules {
        const struct tokenizer_specials *specials;
        size_t n_vocabulary;
        const int32_t *suppressed;  // at every step
        size_t n_suppressed;
        int32_t blank;        // suppressed as first token, with the end of text; -1: neither
        bool has_timestamps;  // the timestamp rules apply
        int32_t max_initial_timestamp;  // in steps of 20 ms
        float repetition_penalty;       // tokens said before lose by it; 0 or 1: none
        size_t no_repeat_ngram_size;    // so many tokens never stand twice; 0: off
};

// A token that may come next.
struct candidate {
        int32_t token;
        float score;
};

// Set the logits of tokens that may not follow `tokens` (generated so far) to -INFINITY. Where
// none may, the text ends.
void sampler_restrict(const struct sampler_rules *rules, const int32_t *tokens, size_t n,
                      float *logits);

// The next token: the likeliest at temperature 0, else drawn with `*random`, which advances.
// *ret_logprob is its log probability at temperature 1.
int32_t sampler_choose(const float *logits, size_t n_vocabulary, float temperature,
                       uint64_t *random, float *ret_logprob);

// The n likeliest tokens, best first, each with `base` plus its log probability as its score;
// fewer where fewer are allowed. Returns how many.
size_t sampler_candidates(const float *logits, size_t n_vocabulary, float base,
                          struct candidate *ret, size_t n);
