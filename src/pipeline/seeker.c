#include "pipeline/seeker.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "decode/hallucination.h"
#include "util/mem.h"

// A rest shorter than one mel frame is no sound.
#define FRAME_SAMPLES 160

// A reader that is so far ahead of the window has to wait: a window and what judging it takes
// (hallucination_silence_threshold, at most 30 s).
#define AHEAD_SAMPLES ((int64_t)60 * AUDIO_RATE)

// As many tokens as Whisper's prompt has room for, n_text_context / 2.
#define CONTEXT_MAX 224

static int64_t min_i64(int64_t a, int64_t b) {
        return a < b ? a : b;
}

// The clip that the position is in, or the next one, at whose beginning it is then; NULL when
// all are done.
static const struct clip *clip_find(struct seeker *seeker) {
        const struct clips *clips = seeker->clips;

        while (seeker->clip < clips->n) {
                if (clips->items[seeker->clip].end - seeker->position >= FRAME_SAMPLES)
                        return &clips->items[seeker->clip];
                if (++seeker->clip < clips->n)
                        seeker->position = clips->items[seeker->clip].begin;
        }
        return NULL;
}

void seeker_init(struct seeker *seeker, const struct clips *clips,
                 const struct decode_options *options) {
        float threshold = options->hallucination_silence_threshold;

        *seeker = (struct seeker){
                .clips = clips,
                .position = clips->items[0].begin,
                .beyond = isinf(threshold) ? 0 : llroundf(threshold * AUDIO_RATE),
        };
        clip_find(seeker);
}

bool seeker_next(struct seeker *seeker, int64_t n_samples, bool is_whole, int64_t *ret_begin,
                 int64_t *ret_end) {
        const struct clip *clip = clip_find(seeker);
        int64_t end;

        if (!clip)
                return false;
        end = min_i64(seeker->position + JOB_SAMPLES_MAX, clip->end);
        if (!is_whole && n_samples < end + seeker->beyond)
                return false;
        *ret_begin = seeker->position;
        *ret_end = min_i64(end, n_samples);
        return *ret_end - *ret_begin >= FRAME_SAMPLES;
}

void seeker_pass(struct seeker *seeker, int64_t position) {
        seeker->position = position;
        clip_find(seeker);
}

bool seeker_is_ahead(const struct seeker *seeker, int64_t n_samples) {
        return seeker->clip < seeker->clips->n && n_samples - seeker->position >= AHEAD_SAMPLES;
}

// Add tokens to what the next window is told of the text so far; the oldest make room.
static void context_append(struct job_hints *next, const int32_t *tokens, size_t n) {
        size_t n_new = n < CONTEXT_MAX ? n : CONTEXT_MAX;
        size_t n_kept = next->n_previous_tokens;
        int32_t *context;

        if (n_new == 0)
                return;
        if (n_kept > CONTEXT_MAX - n_new)
                n_kept = CONTEXT_MAX - n_new;
        context = xcalloc(n_kept + n_new, sizeof(*context));
        if (n_kept > 0)
                memcpy(context, next->previous_tokens + next->n_previous_tokens - n_kept,
                       n_kept * sizeof(*context));
        memcpy(context + n_kept, tokens + n - n_new, n_new * sizeof(*context));
        free(next->previous_tokens);
        next->previous_tokens = context;
        next->n_previous_tokens = n_kept + n_new;
}

static void context_take(struct job_hints *next, const struct decode_options *options,
                         const struct hypothesis *hypothesis) {
        float temperature = 0;

        for (size_t i = 0; i < hypothesis->n_segments; i++) {
                context_append(next, hypothesis->segments[i].tokens,
                               hypothesis->segments[i].n_tokens);
                temperature = hypothesis->segments[i].temperature;
        }
        if (!options->condition_on_previous_text ||
            temperature > options->prompt_reset_on_temperature) {
                next->is_prompt_over = true;
                next->n_previous_tokens = 0;
        }
}

// Where what is told so far ends, by the last word where words have times.
static int64_t speech_end(const struct hypothesis *hypothesis) {
        for (size_t i = hypothesis->n_segments; i > 0; i--) {
                const struct hypothesis_segment *segment = &hypothesis->segments[i - 1];

                if (segment->n_words > 0)
                        return segment->words[segment->n_words - 1].end;
        }
        return hypothesis->segments[hypothesis->n_segments - 1].end;
}

void seeker_advance(struct seeker *seeker, const struct job *job, int64_t n_samples,
                    struct hypothesis *hypothesis, struct job_hints *next_job) {
        const struct decode_options *options = &job->settings->options;
        int64_t end = job->begin + (int64_t)job->n_samples;
        int64_t next = job->begin + hypothesis->n_consumed;

        if (next > end)
                next = end;
        if (isfinite(options->hallucination_silence_threshold)) {
                struct hallucination_place place = {
                        .begin = job->begin,
                        .end = end,
                        .sound_end = n_samples,
                        .last_speech = seeker->last_speech,
                        .next = next,
                        .threshold = (double)options->hallucination_silence_threshold,
                };

                next = hallucination_skip(&place, hypothesis);
        }
        // Whatever was said, the next window begins later than this one.
        seeker_pass(seeker, next > job->begin ? next : end);
        if (hypothesis->n_segments > 0)
                seeker->last_speech = job->begin + speech_end(hypothesis);
        context_take(next_job, options, hypothesis);
}
