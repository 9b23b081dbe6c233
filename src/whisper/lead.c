#include "whisper/lead.h"

#include <string.h>

#include "audio/pcm.h"
#include "util/mem.h"
#include "whisper/log_mel.h"

// The lead's frames are a whole number of the encoder's rows.
#define LEAD_STEP ((size_t)2 * LOG_MEL_HOP)

static bool tokens_are_valid(const struct job_lead *lead, const struct whisper_model *model) {
        if (lead->n_tokens == 0 || lead->n_tokens > JOB_LEAD_TOKENS_MAX)
                return false;
        for (size_t i = 0; i < lead->n_tokens; i++)
                if (lead->tokens[i] < 0 || lead->tokens[i] >= model->info.n_vocabulary)
                        return false;
        return true;
}

size_t lead_frames(const struct job *job, const struct whisper_model *model) {
        const struct job_lead *lead = &job->hints.lead;
        size_t n = lead->n_samples / LEAD_STEP * LEAD_STEP;

        if (job->settings->options.without_timestamps != DECODE_YES ||
            job->hints.is_single_pass || n > (size_t)JOB_SAMPLES_MAX - job->n_samples ||
            !tokens_are_valid(lead, model) || !pcm_is_finite(lead->samples, lead->n_samples))
                return 0;
        return n / LOG_MEL_HOP;
}

float *lead_join(const struct job *job, size_t n_frames) {
        const struct job_lead *lead = &job->hints.lead;
        size_t n_lead = n_frames * LOG_MEL_HOP;
        float *samples = xcalloc(n_lead + job->n_samples, sizeof(*samples));

        memcpy(samples, lead->samples + (lead->n_samples - n_lead), n_lead * sizeof(*samples));
        memcpy(samples + n_lead, job->samples, job->n_samples * sizeof(*samples));
        return samples;
}
