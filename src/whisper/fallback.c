#include "whisper/fallback.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "decode/filter.h"
#include "util/mem.h"

/* One hard window must not slow everybody, so how often it is
 * tried again depends on who waits for it (job.h, rank):
 *
 *     partial      never: its text is replaced in a moment
 *     final        as long as its allowance lasts; and not when the job is overdue
 *     background   as often as the options say, in the part of the time that such jobs have
 *
 * Allowances come out of a pot that all windows of an engine share and that their work fills
 * again: of ten hard windows that come together a few are tried again, and the others are
 * answered with what they have.
 */

#define POT_STEPS ((size_t)2 * FALLBACK_ALLOWANCE)

// Of the engine's work one step in so many may go into retries of live windows, over time.
#define POT_SHARE 4

// --- Attempts -----------------------------------------------------------------------------

// How much zlib makes of the text: repetition compresses well.
static float text_compression_ratio(const char *text) {
        static const char blanks[] = " \t\r\n\f\v";
        CLEANUP(mem_freep) char *compressed = NULL;
        size_t n;
        uLongf size;

        text += strspn(text, blanks);
        n = strlen(text);
        while (n > 0 && strchr(blanks, text[n - 1]))
                n--;
        size = compressBound(n);
        compressed = xcalloc(size, 1);
        if (compress((Bytef *)compressed, &size, (const Bytef *)text, n) != Z_OK)
                return 0;
        return (float)n / (float)size;
}

// Of a character that takes several tokens not all are there.
static bool ends_broken(const char *text) {
        static const char replacement[] = "\xef\xbf\xbd";
        size_t n = strlen(text), n_sign = sizeof(replacement) - 1;

        return n >= n_sign && strcmp(text + n - n_sign, replacement) == 0;
}

void attempt_init(struct attempt *ret, const struct search_text *text,
                  const struct tokenizer *tokenizer, const struct audio_context *context,
                  float temperature) {
        CLEANUP(mem_freep) char *words = NULL;

        *ret = (struct attempt){
                .n = text->n,
                .is_cut = text->is_cut,
                .avg_logprob = text->sum_logprob / (float)(text->n + 1),
                .temperature = temperature,
        };
        memcpy(ret->tokens, text->tokens, text->n * sizeof(text->tokens[0]));
        for (size_t i = 0; i < text->n; i++)
                ret->peaks[i] = (uint16_t)(2 * context->positions[text->peaks[i]]);
        words = tokenizer_decode(tokenizer, ret->tokens, ret->n);
        while (ret->is_cut && ret->n > 0 && ends_broken(words)) {
                free(words);
                words = tokenizer_decode(tokenizer, ret->tokens, --ret->n);
        }
        ret->compression_ratio = text_compression_ratio(words);
}

bool attempt_is_unlikely(const struct attempt *attempt, const struct decode_options *options) {
        return attempt->avg_logprob < options->log_prob_threshold;
}

// A text without timestamps is one segment: where it goes in circles, all of it is refused.
bool attempt_repeats(const struct attempt *attempt, const struct decode_options *options) {
        return attempt->compression_ratio > options->compression_ratio_threshold ||
               (options->without_timestamps == DECODE_YES &&
                filter_goes_in_circles(options, attempt->tokens, attempt->n));
}

bool attempt_is_silence(const struct attempt *attempt, const struct decode_options *options,
                        float no_speech_prob) {
        return no_speech_prob > options->no_speech_threshold &&
               attempt->avg_logprob <= options->log_prob_threshold;
}

bool attempt_is_refused(const struct attempt *attempt, const struct decode_options *options,
                        float no_speech_prob) {
        return attempt_is_silence(attempt, options, no_speech_prob) ||
               attempt_is_unlikely(attempt, options) ||
               attempt->compression_ratio > options->compression_ratio_threshold ||
               filter_goes_in_circles(options, attempt->tokens, attempt->n);
}

// --- One window's attempts ----------------------------------------------------------------

float fallback_temperature(const struct fallback *fallback,
                           const struct decode_options *options) {
        return options->temperatures[fallback->temperature_index];
}

bool fallback_accept(struct fallback *fallback, const struct attempt *attempt,
                     const struct decode_options *options, float no_speech_prob) {
        bool repeats = attempt_repeats(attempt, options);
        bool is_unlikely = attempt_is_unlikely(attempt, options);
        bool is_silent = is_unlikely && no_speech_prob > options->no_speech_threshold;
        bool stands = is_silent || (!repeats && !is_unlikely);

        if (stands || !fallback->has_best || attempt->avg_logprob > fallback->best.avg_logprob)
                fallback->best = *attempt;
        fallback->has_best = true;
        if (!repeats && (!fallback->has_unrepeated ||
                         attempt->avg_logprob > fallback->best_unrepeated.avg_logprob)) {
                fallback->best_unrepeated = *attempt;
                fallback->has_unrepeated = true;
        }
        return stands;
}

enum fallback_next fallback_next(const struct fallback *fallback,
                                 const struct decode_options *options, bool has_full_context) {
        if (!has_full_context)
                return FALLBACK_FULL_CONTEXT;
        return fallback->temperature_index + 1 < options->n_temperatures ? FALLBACK_TEMPERATURE
                                                                         : FALLBACK_END;
}

void fallback_settle(struct fallback *fallback) {
        if (fallback->has_unrepeated)
                fallback->best = fallback->best_unrepeated;
}

// --- The budget ---------------------------------------------------------------------------

void fallback_pot_fill(struct fallback_pot *pot) {
        *pot = (struct fallback_pot){.n_steps = POT_STEPS};
}

void fallback_pot_earn(struct fallback_pot *pot, size_t n_steps) {
        pot->n_work += n_steps;
        pot->n_steps += pot->n_work / POT_SHARE;
        pot->n_work %= POT_SHARE;
        if (pot->n_steps > POT_STEPS)
                pot->n_steps = POT_STEPS;
}

// A final, or what will be one if speech does not go on.
static bool is_awaited(const struct job *job) {
        return job->rank == JOB_RANK_FINAL || job->rank == JOB_RANK_SPECULATIVE;
}

bool fallback_budget_begin(struct fallback_budget *budget, const struct job *job) {
        if (job->rank == JOB_RANK_PARTIAL)
                return false;
        if (is_awaited(job)) {
                if (!budget->has_taken && budget->pot->n_steps >= FALLBACK_ALLOWANCE) {
                        budget->pot->n_steps -= FALLBACK_ALLOWANCE;
                        budget->n_left = FALLBACK_ALLOWANCE;
                        budget->has_taken = true;
                }
                if (budget->n_left == 0 || budget->is_overdue)
                        return false;
        }
        budget->is_retrying = true;
        return true;
}

void fallback_budget_charge(struct fallback_budget *budget, const struct job *job,
                            size_t n_steps) {
        if (!budget->is_retrying || !is_awaited(job))
                return;
        budget->n_left -= n_steps < budget->n_left ? n_steps : budget->n_left;
}

bool fallback_budget_is_over(const struct fallback_budget *budget, const struct job *job) {
        return budget->is_retrying && is_awaited(job) &&
               (budget->n_left == 0 || budget->is_overdue);
}

void fallback_budget_end(struct fallback_budget *budget) {
        if (budget->pot)
                fallback_pot_earn(budget->pot, POT_SHARE * budget->n_left);
        *budget = (struct fallback_budget){0};
}
