#include "pipeline/preceding.h"

#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "util/mem.h"

// A silence longer than this parts what is said: somebody else speaks, or of something else.
// Half of the pauses between sentences that are read out are shorter than 0.7 s, nearly all
// shorter than this.
#define SILENCE_MAX ((int64_t)3 * AUDIO_RATE)

// Tokens of text that are told as a prompt: about half a minute of speech. What is older says
// little, and each costs a row of the decoder.
#define TEXT_TOKENS_MAX 96

void preceding_init(struct preceding *preceding, enum decode_context context) {
        *preceding = (struct preceding){.context = context};
}

static void drop_first(struct preceding *preceding, size_t n) {
        for (size_t i = 0; i < n; i++)
                job_lead_deinit(&preceding->windows[i].heard);
        preceding->n -= n;
        memmove(preceding->windows, preceding->windows + n,
                preceding->n * sizeof(preceding->windows[0]));
}

void preceding_clear(struct preceding *preceding) {
        drop_first(preceding, preceding->n);
        preceding->language[0] = '\0';
}

void preceding_part(struct preceding *preceding, int64_t position) {
        preceding->parted_at = position;
}

void preceding_deinit(struct preceding *preceding) {
        preceding_clear(preceding);
}

static bool wants_sound(const struct preceding *preceding) {
        return preceding->context == DECODE_CONTEXT_SOUND ||
               preceding->context == DECODE_CONTEXT_BOTH;
}

static bool wants_text(const struct preceding *preceding) {
        return preceding->context == DECODE_CONTEXT_TEXT ||
               preceding->context == DECODE_CONTEXT_BOTH;
}

// --- what is heard ---------------------------------------------------------------------------

static bool is_doubtful(const struct job *job, const struct hypothesis *hypothesis) {
        const struct decode_options *options = &job->settings->options;

        if (hypothesis->n_segments == 0 || hypothesis->n_given_up > 0 ||
            hypothesis->n_unlikely > 0 || hypothesis->n_repeating > 0 ||
            hypothesis->n_no_speech > 0 || hypothesis->n_refused > 0)
                return true;
        for (size_t i = 0; i < hypothesis->n_segments; i++) {
                const struct hypothesis_segment *segment = &hypothesis->segments[i];

                if (segment->temperature > 0 ||
                    segment->avg_logprob < options->log_prob_threshold ||
                    segment->compression_ratio > options->compression_ratio_threshold)
                        return true;
        }
        return false;
}

// The text tokens of all segments in a row.
static void take_tokens(struct job_lead *ret, const struct hypothesis *hypothesis) {
        size_t n = 0;

        for (size_t i = 0; i < hypothesis->n_segments; i++)
                n += hypothesis->segments[i].n_tokens;
        ret->tokens = xcalloc(n + 1, sizeof(*ret->tokens));
        for (size_t i = 0; i < hypothesis->n_segments; i++) {
                const struct hypothesis_segment *segment = &hypothesis->segments[i];

                if (segment->n_tokens > 0)
                        memcpy(ret->tokens + ret->n_tokens, segment->tokens,
                               segment->n_tokens * sizeof(*ret->tokens));
                ret->n_tokens += segment->n_tokens;
        }
}

// What loops says the same again.
static bool says_the_same(const struct preceding *preceding, const struct job_lead *heard) {
        const struct job_lead *last =
                preceding->n > 0 ? &preceding->windows[preceding->n - 1].heard : NULL;

        return last && last->n_tokens == heard->n_tokens &&
               memcmp(last->tokens, heard->tokens, heard->n_tokens * sizeof(*heard->tokens)) ==
                       0;
}

// Without memory there is no sound, and so no lead: that is better than no server.
static void take_sound(struct job_lead *ret, const struct job *job) {
        ret->samples = try_calloc(job->n_samples, sizeof(*ret->samples));
        if (!ret->samples)
                return;
        ret->n_samples = job->n_samples;
        memcpy(ret->samples, job->samples, job->n_samples * sizeof(*job->samples));
}

// No later job's lead can reach back to sound that begins too long before `end`.
static void forget_sound(struct preceding *preceding, int64_t end) {
        for (size_t i = 0; i < preceding->n; i++) {
                struct preceding_window *window = &preceding->windows[i];

                if (end - window->begin <= PRECEDING_LEAD)
                        continue;
                free(window->heard.samples);
                window->heard.samples = NULL;
                window->heard.n_samples = 0;
        }
}

void preceding_hear(struct preceding *preceding, const struct job *job,
                    const struct hypothesis *hypothesis) {
        struct preceding_window window = {.begin = job->begin,
                                          .end = job->begin + (int64_t)job->n_samples};

        if (preceding->context == DECODE_CONTEXT_NONE)
                return;
        if (is_doubtful(job, hypothesis)) {
                preceding_clear(preceding);
                return;
        }
        if (strcmp(preceding->language, hypothesis->language) != 0)
                preceding_clear(preceding);
        take_tokens(&window.heard, hypothesis);
        if (says_the_same(preceding, &window.heard)) {
                job_lead_deinit(&window.heard);
                preceding_clear(preceding);
                return;
        }
        if (wants_sound(preceding) && (int64_t)job->n_samples <= PRECEDING_LEAD)
                take_sound(&window.heard, job);
        if (preceding->n == PRECEDING_WINDOWS_MAX)
                drop_first(preceding, 1);
        preceding->windows[preceding->n++] = window;
        forget_sound(preceding, window.end);
        memcpy(preceding->language, hypothesis->language, LANGUAGE_CODE_MAX);
}

// --- what is told ----------------------------------------------------------------------------

// The first of the windows that, with all behind it, fits before the job as its lead; silence
// between two counts. All of them: none does.
static size_t find_lead(const struct preceding *preceding, const struct job *job) {
        size_t n_tokens = 0, first = preceding->n;

        for (; first > 0; first--) {
                const struct preceding_window *window = &preceding->windows[first - 1];
                int64_t n_samples = job->begin - window->begin;

                n_tokens += window->heard.n_tokens;
                if (window->heard.n_samples == 0 || n_samples > PRECEDING_LEAD ||
                    n_tokens > JOB_LEAD_TOKENS_MAX ||
                    n_samples + (int64_t)job->n_samples > JOB_SAMPLES_MAX)
                        break;
        }
        return first;
}

static void tell_sound(const struct preceding *preceding, size_t first, struct job *job) {
        const struct preceding_window *windows = preceding->windows;
        struct job_lead *lead = &job->hints.lead;
        size_t n_samples = (size_t)(job->begin - windows[first].begin);

        lead->samples = try_calloc(n_samples, sizeof(*lead->samples));
        if (!lead->samples)
                return;
        lead->n_samples = n_samples;
        lead->tokens = xcalloc(JOB_LEAD_TOKENS_MAX, sizeof(*lead->tokens));
        for (size_t i = first; i < preceding->n; i++) {
                const struct job_lead *heard = &windows[i].heard;

                memcpy(lead->samples + (windows[i].begin - windows[first].begin),
                       heard->samples, heard->n_samples * sizeof(*lead->samples));
                memcpy(lead->tokens + lead->n_tokens, heard->tokens,
                       heard->n_tokens * sizeof(*lead->tokens));
                lead->n_tokens += heard->n_tokens;
        }
}

// The last tokens of the first n windows.
static void tell_text(const struct preceding *preceding, size_t n, struct job *job) {
        struct job_hints *hints = &job->hints;
        size_t room = TEXT_TOKENS_MAX;

        hints->previous_tokens = xcalloc(room, sizeof(*hints->previous_tokens));
        for (; n > 0 && room > 0; n--) {
                const struct job_lead *heard = &preceding->windows[n - 1].heard;
                size_t n_told = MIN(heard->n_tokens, room);

                room -= n_told;
                memcpy(hints->previous_tokens + room, heard->tokens + heard->n_tokens - n_told,
                       n_told * sizeof(*heard->tokens));
        }
        hints->n_previous_tokens = TEXT_TOKENS_MAX - room;
        memmove(hints->previous_tokens, hints->previous_tokens + room,
                hints->n_previous_tokens * sizeof(*hints->previous_tokens));
}

// What was heard before a long silence, or overlaps with the job, says nothing of it.
static void forget_past(struct preceding *preceding, const struct job *job) {
        int64_t next = job->begin;

        for (size_t n = preceding->n; n > 0; n--) {
                const struct preceding_window *window = &preceding->windows[n - 1];

                if (window->end <= preceding->parted_at || next < window->end ||
                    next - window->end > SILENCE_MAX) {
                        drop_first(preceding, n);
                        return;
                }
                next = window->begin;
        }
}

void preceding_tell(struct preceding *preceding, struct job *job) {
        size_t first;

        forget_past(preceding, job);
        if (preceding->n == 0 || strcmp(job->hints.language, preceding->language) != 0)
                return;
        first = wants_sound(preceding) ? find_lead(preceding, job) : preceding->n;
        if (first < preceding->n)
                tell_sound(preceding, first, job);
        if (wants_text(preceding) && first > 0)
                tell_text(preceding, first, job);
}
