#include "whisper/search.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

// --- Life ---------------------------------------------------------------------------------

static void sequences_release(struct search *search, struct kv_pool *pool) {
        for (size_t i = 0; i < search->n_sequences; i++)
                kv_cache_release(&search->sequences[i].kv, pool);
        search->n_sequences = 0;
}

static void make_room(struct search *search, size_t width) {
        if (search->capacity >= width)
                return;
        free(search->sequences);
        free(search->spare);
        free(search->candidates);
        search->sequences = xcalloc(width, sizeof(*search->sequences));
        search->spare = xcalloc(width, sizeof(*search->spare));
        search->candidates = xcalloc(width, 2 * width * sizeof(*search->candidates));
        search->capacity = width;
}

void search_start(struct search *search, const struct search_plan *plan, const int32_t *prompt,
                  size_t n_prompt, struct kv_pool *pool) {
        struct sequence *first;

        sequences_release(search, pool);
        make_room(search, plan->width);
        search->plan = *plan;
        search->n_prompt = n_prompt;
        search->n_ended = 0;
        search->has_top_ended = false;
        search->n_sequences = 1;
        first = &search->sequences[0];
        *first = (struct sequence){.n_tokens = n_prompt,
                                   .n_fed = search->prompt_kv.n_blocks * KV_BLOCK_POSITIONS,
                                   .is_live = true,
                                   .random = plan->seed,
                                   .candidates = search->candidates};
        memcpy(first->tokens, prompt, n_prompt * sizeof(*prompt));
        kv_cache_fork(&first->kv, &search->prompt_kv, first->n_fed);
}

void search_forget(struct search *search, struct kv_pool *pool) {
        sequences_release(search, pool);
        kv_cache_release(&search->prompt_kv, pool);
}

void search_clear(struct search *search, struct kv_pool *pool) {
        search_forget(search, pool);
        free(search->sequences);
        free(search->spare);
        free(search->candidates);
        *search = (struct search){0};
}

size_t search_blocks(size_t width) {
        // The text, which is at most half of all positions, is each one's own, with the block
        // where the prompt ends; the prompt's full blocks are shared.
        size_t own = KV_BLOCKS / 2 + 1;

        return KV_BLOCKS - own + width * own;
}

static size_t text_length(const struct search *search, const struct sequence *sequence) {
        return sequence->n_tokens - search->n_prompt;
}

// --- Rows ---------------------------------------------------------------------------------

// Tokens of the draft that may still be chosen and then need to be fed: a text's last is not.
static size_t draft_left(const struct search *search, const struct sequence *sequence) {
        const struct search_plan *plan = &search->plan;
        size_t n = text_length(search, sequence), end = plan->n_draft;

        if (end >= plan->n_text_max)
                end = plan->n_text_max > 0 ? plan->n_text_max - 1 : 0;
        return end > n ? end - n : 0;
}

size_t search_rows(struct search *search, struct decoder_row *rows,
                   struct sequence **ret_sequences, size_t room) {
        size_t n = 0;

        for (size_t i = 0; i < search->n_sequences; i++) {
                struct sequence *sequence = &search->sequences[i];

                size_t end = sequence->n_tokens + draft_left(search, sequence);

                for (size_t at = sequence->n_fed; sequence->is_live && at < end && n < room;
                     at++) {
                        rows[n] = (struct decoder_row){
                                .token = at < sequence->n_tokens
                                                 ? sequence->tokens[at]
                                                 : search->plan.draft[at - search->n_prompt],
                                .position = at,
                                .kv = &sequence->kv,
                                .wants_logits = at + 1 >= sequence->n_tokens,
                        };
                        ret_sequences[n++] = sequence;
                }
        }
        return n;
}

// --- Texts --------------------------------------------------------------------------------

// A text has ended: keep it if it is the best so far. It is the sequence's, and, unless that is
// negative, one token more.
static void offer(struct search *search, const struct sequence *sequence, int32_t more,
                  float sum_logprob, bool is_cut) {
        size_t n = text_length(search, sequence), n_all = n + (more >= 0);
        float score =
                sum_logprob / powf((float)(n_all > 0 ? n_all : 1), search->plan.length_penalty);
        struct search_text *best = &search->best;

        if (search->n_ended++ > 0 && score <= best->score)
                return;
        *best = (struct search_text){
                .n = n_all, .sum_logprob = sum_logprob, .score = score, .is_cut = is_cut};
        memcpy(best->tokens, sequence->tokens + search->n_prompt, n * sizeof(*best->tokens));
        if (more >= 0)
                best->tokens[n] = more;
        // A token is chosen by the row of the one before it.
        memcpy(best->peaks, sequence->peaks + search->n_prompt - 1,
               n_all * sizeof(*best->peaks));
}

static void sequence_end(struct search *search, struct sequence *sequence, bool is_cut) {
        sequence->is_live = false;
        offer(search, sequence, -1, sequence->sum_logprob, is_cut);
}

// Begin an empty sequence as another one is, with the same KV cache.
static void sequence_fork(struct sequence *ret, const struct sequence *from) {
        struct candidate *candidates = ret->candidates;

        *ret = *from;
        ret->kv = (struct kv_cache){0};
        kv_cache_fork(&ret->kv, &from->kv, from->n_fed);
        ret->candidates = candidates;
        ret->n_candidates = 0;
}

// Keep the prompt's full blocks: what follows never writes to them.
static void keep_prompt(struct search *search, const struct sequence *sequence) {
        size_t n_blocks = (search->n_prompt - 1) / KV_BLOCK_POSITIONS;

        if (search->prompt_kv.n_blocks == 0)
                kv_cache_fork(&search->prompt_kv, &sequence->kv, n_blocks * KV_BLOCK_POSITIONS);
}

// --- Samples ------------------------------------------------------------------------------

// The next token of one sequence.
static void draw(struct search *search, const struct sampler_rules *rules,
                 struct sequence *sequence, const float *logits) {
        float logprob;
        int32_t token = sampler_choose(logits, rules->n_vocabulary, search->plan.temperature,
                                       &sequence->random, &logprob);

        sequence->sum_logprob += logprob;
        if (token == rules->specials->end_of_text) {
                sequence_end(search, sequence, false);
                return;
        }
        if (draft_left(search, sequence) > 0 &&
            search->plan.draft[text_length(search, sequence)] != token)
                search->plan.n_draft = 0;
        sequence->tokens[sequence->n_tokens++] = token;
        if (text_length(search, sequence) >= search->plan.n_text_max)
                sequence_end(search, sequence, true);
}

// After the prompt all samples begin, each with its own luck.
static void spread(struct search *search) {
        while (search->n_sequences < search->plan.width) {
                struct sequence *sequence = &search->sequences[search->n_sequences];

                *sequence = (struct sequence){0};
                sequence_fork(sequence, &search->sequences[0]);
                sequence->random = search->plan.seed + search->n_sequences++;
        }
}

// --- Beams --------------------------------------------------------------------------------

// A token that could follow a beam.
struct choice {
        const struct sequence *origin;
        int32_t token;
        float score;
};

// The best candidates of all beams, best first.
static size_t merge_candidates(const struct search *search, struct choice *ret, size_t max) {
        size_t next[DECODE_WIDTH_MAX] = {0}, n = 0;

        while (n < max) {
                const struct candidate *best = NULL;
                size_t from = 0;

                for (size_t i = 0; i < search->n_sequences; i++) {
                        const struct sequence *beam = &search->sequences[i];
                        const struct candidate *candidate = beam->candidates + next[i];

                        if (next[i] < beam->n_candidates &&
                            (!best || candidate->score > best->score)) {
                                best = candidate;
                                from = i;
                        }
                }
                if (!best)
                        break;
                ret[n++] = (struct choice){&search->sequences[from], best->token, best->score};
                next[from]++;
        }
        return n;
}

// A beam ends with this choice; its last token is part of the text unless it is the end's.
static void end_beam(struct search *search, const struct choice *choice, int32_t end_of_text) {
        bool is_end = choice->token == end_of_text;

        offer(search, choice->origin, is_end ? -1 : choice->token, choice->score, !is_end);
}

// Make the beam of this choice the next of the spare ones.
static void grow_beam(struct search *search, const struct choice *choice, size_t index) {
        struct sequence *beam = &search->spare[index];

        *beam = (struct sequence){.candidates =
                                          search->candidates + index * 2 * search->plan.width};
        sequence_fork(beam, choice->origin);
        beam->tokens[beam->n_tokens++] = choice->token;
        beam->sum_logprob = choice->score;
}

static bool is_over(const struct search *search) {
        // Without a penalty a longer text can only be less likely.
        if (search->plan.length_penalty == 0)
                return search->has_top_ended;
        return search->n_ended >=
               (size_t)lroundf((float)search->plan.width * search->plan.patience);
}

// One step for all beams. Of twice as many candidates as beams the best become beams; where one
// of these ends its text, one of the others that does not takes its place.
static void advance_beams(struct search *search, int32_t end_of_text, struct kv_pool *pool) {
        struct choice choices[2 * DECODE_WIDTH_MAX];
        size_t width = search->plan.width, n_beams = 0, reserve = width;
        size_t n = merge_candidates(search, choices, 2 * width);
        bool is_last =
                text_length(search, &search->sequences[0]) + 1 >= search->plan.n_text_max;
        struct sequence *beams = search->spare;

        for (size_t i = 0; i < n && i < width; i++) {
                const struct choice *choice = &choices[i];

                if (choice->token == end_of_text || is_last) {
                        end_beam(search, choice, end_of_text);
                        search->has_top_ended = search->has_top_ended || i == 0;
                        while (reserve < n && choices[reserve].token == end_of_text)
                                reserve++;
                        choice = reserve < n ? &choices[reserve++] : NULL;
                }
                if (choice && !is_last)
                        grow_beam(search, choice, n_beams++);
        }
        sequences_release(search, pool);
        search->spare = search->sequences;
        search->sequences = beams;
        search->n_sequences = n_beams;
        if (is_over(search))
                sequences_release(search, pool);
}

const int32_t *search_text(const struct search *search, size_t *ret_n) {
        *ret_n = search->n_sequences > 0 ? text_length(search, &search->sequences[0]) : 0;
        return *ret_n > 0 ? search->sequences[0].tokens + search->n_prompt : NULL;
}

void search_stop(struct search *search) {
        sequence_end(search, &search->sequences[0], false);
        for (size_t i = 0; i < search->n_sequences; i++)
                search->sequences[i].is_live = false;
}

// --- Steps --------------------------------------------------------------------------------

// The middle one of the heads' peaks: some heads look elsewhere now and then.
static uint16_t middle_peak(const struct decoder_alignment *alignment) {
        uint16_t sorted[ALIGNMENT_HEADS_MAX];
        size_t n = alignment ? alignment->n_heads : 0;

        for (size_t i = 0; i < n; i++) {
                size_t at = i;

                for (; at > 0 && sorted[at - 1] > alignment->peaks[i]; at--)
                        sorted[at] = sorted[at - 1];
                sorted[at] = alignment->peaks[i];
        }
        return n > 0 ? sorted[n / 2] : 0;
}

void search_on_row(struct search *search, const struct sampler_rules *rules,
                   struct sequence *sequence, const struct decoder_row *row, float *logits) {
        // Of a draft: fed, but not chosen. What is fed next at its position replaces it.
        if (!sequence->is_live || row->position >= sequence->n_tokens ||
            row->token != sequence->tokens[row->position])
                return;
        sequence->n_fed = row->position + 1;
        sequence->peaks[row->position] = middle_peak(row->alignment);
        if (sequence->n_fed < sequence->n_tokens)
                return;
        if (sequence->n_tokens == search->n_prompt)
                keep_prompt(search, sequence);
        sampler_restrict(rules, sequence->tokens + search->n_prompt,
                         text_length(search, sequence), logits);
        if (search->plan.is_beam) {
                sequence->n_candidates =
                        sampler_candidates(logits, rules->n_vocabulary, sequence->sum_logprob,
                                           sequence->candidates, 2 * search->plan.width);
        } else if (sequence->n_tokens == search->n_prompt) {
                spread(search);
                for (size_t i = 0; i < search->n_sequences; i++)
                        draw(search, rules, &search->sequences[i], logits);
        } else {
                draw(search, rules, sequence, logits);
        }
}

bool search_on_step(struct search *search, const struct sampler_rules *rules,
                    struct kv_pool *pool) {
        bool is_ready = search->plan.is_beam, has_live = false;

        for (size_t i = 0; i < search->n_sequences; i++)
                is_ready = is_ready && search->sequences[i].n_candidates > 0;
        if (is_ready)
                advance_beams(search, rules->specials->end_of_text, pool);
        for (size_t i = 0; i < search->n_sequences; i++)
                has_live = has_live || search->sequences[i].is_live;
        return !has_live;
}
