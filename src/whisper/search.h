#pragma once
// Search: from one prompt to one text: the sequences that are decoded side by side for it, and
// which of them wins. Three ways: the likeliest token each time (greedy), several samples drawn
// at a temperature, or beams, with CTranslate2's rules for when a beam search ends. Decisions
// only: it names rows for the decoder and is told their logits.
//
// Threads: belongs to one engine.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "whisper/cpu/decoder.h"
#include "whisper/cpu/kv_cache.h"
#include "whisper/prompt.h"
#include "whisper/sampler.h"

struct sequence {
        struct kv_cache kv;
        int32_t tokens[PROMPT_CONTEXT + 1];  // prompt, then text
        uint16_t peaks[PROMPT_CONTEXT + 1];  // where the row of each that was fed looked
        size_t n_tokens, n_fed;              // known, and in the KV cache
        float sum_logprob;                   // of the text
        bool is_live;
        uint64_t random;
        struct candidate *candidates;  // what may follow this beam, best first; lent
        size_t n_candidates;           // 0: not known yet
};

struct search_plan {
        size_t width;       // sequences side by side, at most DECODE_WIDTH_MAX
        bool is_beam;       // they are beams; else each goes its own way
        float temperature;  // of the drawing; 0 takes the likeliest
        float patience;     // a beam search ends when width * patience texts have ended
        float length_penalty;
        size_t n_text_max;  // tokens after the prompt
        uint64_t seed;
        // What the text probably is, for a width of 1 at temperature 0; lent while the search
        // goes on. Its tokens are fed before they are chosen; the first that is not chosen ends
        // it.
        const int32_t *draft;
        size_t n_draft;
};

// A text that has ended.
struct search_text {
        int32_t tokens[PROMPT_CONTEXT];
        // Where in the sound each was looked for when it was chosen, as the rows' alignment
        // says: the middle one of its heads' keys; 0 where the rows wanted none.
        uint16_t peaks[PROMPT_CONTEXT];
        size_t n;
        float sum_logprob;  // with the end's
        float score;        // by which texts are compared
        bool is_cut;        // its room ended, not what is said
};

// Zeroed is empty.
struct search {
        struct search_plan plan;
        struct sequence *sequences, *spare;  // [capacity]; the spare ones for the next beams
        struct candidate *candidates;        // [capacity, 2 * capacity]
        size_t capacity;
        size_t n_sequences;
        size_t n_prompt;
        struct kv_cache prompt_kv;  // full blocks of the prompt, for another search with it
        struct search_text best;    // of n_ended
        size_t n_ended;
        bool has_top_ended;  // the best beam of some step
};

// Begin with a prompt. What is left of the last search's prompt is used again: call
// search_forget() first when the prompt or the window is another.
void search_start(struct search *search, const struct search_plan *plan, const int32_t *prompt,
                  size_t n_prompt, struct kv_pool *pool);

// Let go of all blocks of the pool.
void search_forget(struct search *search, struct kv_pool *pool);

// Let go of all blocks of the pool and of all other memory.
void search_clear(struct search *search, struct kv_pool *pool);

// Fill rows (all but `audio`) with the tokens that the decoder has not seen, and those of the
// draft behind them, sequence by sequence, as far as `room` allows; returns how many.
// *ret_sequences names each row's.
size_t search_rows(struct search *search, struct decoder_row *rows,
                   struct sequence **ret_sequences, size_t room);

// The decoder has taken in one row; `logits` as far as it wanted them.
void search_on_row(struct search *search, const struct sampler_rules *rules,
                   struct sequence *sequence, const struct decoder_row *row, float *logits);

// After all rows of a step: beams go on where all of them know their candidates. True when
// nothing lives any more, and `best` stands.
bool search_on_step(struct search *search, const struct sampler_rules *rules,
                    struct kv_pool *pool);

// The text of the first sequence, or of the best beam, as far as it goes; lent.
const int32_t *search_text(const struct search *search, size_t *ret_n);

// End with that text, where no better one has ended: it leads nowhere.
void search_stop(struct search *search);

// KV blocks that a search of this width can hold at most.
size_t search_blocks(size_t width);
