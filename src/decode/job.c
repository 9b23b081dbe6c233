#include "decode/job.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

// --- hints -----------------------------------------------------------------------------------

struct job_hints job_hints_of(const struct decode_options *options) {
        struct job_hints hints = {
                .beam_size = options->beam_size,
                .has_word_times = options->word_timestamps == DECODE_YES,
        };

        memcpy(hints.language, options->language, sizeof(hints.language));
        return hints;
}

static int32_t *tokens_copy(const int32_t *tokens, size_t n) {
        int32_t *copy = NULL;

        if (n > 0) {
                copy = xcalloc(n, sizeof(*copy));
                memcpy(copy, tokens, n * sizeof(*copy));
        }
        return copy;
}

static struct job_lead lead_copy(const struct job_lead *lead) {
        struct job_lead copy = *lead;

        copy.tokens = tokens_copy(lead->tokens, lead->n_tokens);
        copy.samples = NULL;
        if (lead->n_samples > 0) {
                copy.samples = xcalloc(lead->n_samples, sizeof(*copy.samples));
                memcpy(copy.samples, lead->samples, lead->n_samples * sizeof(*copy.samples));
        }
        return copy;
}

struct job_hints job_hints_copy(const struct job_hints *hints) {
        struct job_hints copy = *hints;

        copy.previous_tokens = tokens_copy(hints->previous_tokens, hints->n_previous_tokens);
        copy.lead = lead_copy(&hints->lead);
        copy.draft_tokens = tokens_copy(hints->draft_tokens, hints->n_draft_tokens);
        return copy;
}

void job_lead_deinit(struct job_lead *lead) {
        free(lead->samples);
        free(lead->tokens);
        *lead = (struct job_lead){0};
}

void job_hints_deinit(struct job_hints *hints) {
        free(hints->previous_tokens);
        free(hints->draft_tokens);
        job_lead_deinit(&hints->lead);
        *hints = (struct job_hints){0};
}

// --- jobs ------------------------------------------------------------------------------------

struct job *job_new(const struct decode_settings *settings, size_t n_samples) {
        CLEANUP(job_freep) struct job *job = try_calloc(1, sizeof(*job));

        if (!job)
                return NULL;
        job->samples = try_calloc(n_samples > 0 ? n_samples : 1, sizeof(*job->samples));
        if (!job->samples)
                return NULL;
        job->n_samples = n_samples;
        job->settings = decode_settings_ref(settings);
        job->hints = job_hints_of(&settings->options);
        return TAKE(job);
}

struct job *job_free(struct job *job) {
        if (!job)
                return NULL;
        job->settings = decode_settings_unref(job->settings);
        job_hints_deinit(&job->hints);
        free(job->samples);
        free(job);
        return NULL;
}

void job_drop_lead(struct job *job) {
        struct job_hints *hints = &job->hints;

        if (hints->lead.n_samples == 0)
                return;
        job_lead_deinit(&hints->lead);
        // Text that ends where the lead began would be a prompt with a hole behind it.
        free(hints->previous_tokens);
        hints->previous_tokens = NULL;
        hints->n_previous_tokens = 0;
}
