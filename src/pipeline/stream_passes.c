#include "pipeline/stream_passes.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

// A head is worth it from here on: a pass over two seconds costs half of one over eight
// (docs/benchmarks.md, encoder), and what Whisper hears is better for what it heard before.
#define HEAD_SAMPLES ((size_t)6 * AUDIO_RATE)
// Of the silence at a head's end, taken again by passes over the rest: where speech goes on is
// known to within a few of the detector's chunks.
#define REST_OVERLAP (AUDIO_RATE * 3 / 20)
// With less of it Whisper tends to make words up; then all of the window is taken once more.
#define REST_MIN (REST_OVERLAP + AUDIO_RATE / 2)

static void draft_free(struct draft *draft) {
        free(draft->tokens);
        *draft = (struct draft){0};
}

static void draft_keep(struct draft *draft, int64_t begin,
                       const struct hypothesis *hypothesis) {
        size_t n = 0;

        draft_free(draft);
        draft->begin = begin;
        for (size_t i = 0; i < hypothesis->n_segments; i++)
                n += hypothesis->segments[i].n_tokens;
        if (n == 0)
                return;
        draft->tokens = xcalloc(n, sizeof(*draft->tokens));
        for (size_t i = 0; i < hypothesis->n_segments; i++) {
                const struct hypothesis_segment *segment = &hypothesis->segments[i];

                if (segment->n_tokens > 0)
                        memcpy(draft->tokens + draft->n, segment->tokens,
                               segment->n_tokens * sizeof(*draft->tokens));
                draft->n += segment->n_tokens;
        }
}

static bool draft_tell(const struct draft *draft, struct job *job) {
        if (draft->n == 0 || draft->begin != job->begin)
                return false;
        job->options.draft_tokens = xcalloc(draft->n, sizeof(*draft->tokens));
        memcpy(job->options.draft_tokens, draft->tokens, draft->n * sizeof(*draft->tokens));
        job->options.n_draft_tokens = draft->n;
        return true;
}

static bool has_head(const struct stream_passes *passes, int64_t window_begin) {
        return passes->head.n_segments > 0 && passes->head_begin == window_begin;
}

int64_t stream_passes_begin(struct stream_passes *passes, int64_t window_begin, int64_t end,
                            bool is_speculative) {
        if (is_speculative || !has_head(passes, window_begin) ||
            end - passes->rest_begin < REST_MIN)
                return window_begin;
        passes->asked_begin = passes->rest_begin;
        return passes->rest_begin;
}

void stream_passes_tell(const struct stream_passes *passes, struct job *job) {
        if (!draft_tell(&passes->whole, job))
                draft_tell(&passes->rest, job);
        if (job->begin == passes->asked_begin && passes->head.language[0] != '\0')
                memcpy(job->options.language, passes->head.language,
                       sizeof(job->options.language));
}

static void head_keep(struct stream_passes *passes, const struct job *job,
                      const struct hypothesis *hypothesis) {
        hypothesis_deinit(&passes->head);
        hypothesis_add(&passes->head, hypothesis, 0);
        memcpy(passes->head.language, hypothesis->language, sizeof(passes->head.language));
        passes->head_begin = job->begin;
        passes->rest_begin = job->begin + (int64_t)job->n_samples - REST_OVERLAP;
}

bool stream_passes_hear(struct stream_passes *passes, const struct job *job,
                        const struct hypothesis *hypothesis, int64_t *ret_begin,
                        struct hypothesis *ret) {
        bool is_rest = passes->asked_begin > 0 && job->begin == passes->asked_begin;

        *ret = (struct hypothesis){0};
        *ret_begin = job->begin;
        if (is_rest) {
                if (passes->head.n_segments == 0 || passes->rest_begin != job->begin)
                        return false;
                *ret_begin = passes->head_begin;
                hypothesis_add(ret, &passes->head, 0);
                draft_keep(&passes->rest, job->begin, hypothesis);
        } else if (job->is_speculative && job->n_samples >= HEAD_SAMPLES) {
                head_keep(passes, job, hypothesis);
        }
        hypothesis_add(ret, hypothesis, job->begin - *ret_begin);
        draft_keep(&passes->whole, *ret_begin, ret);
        return true;
}

void stream_passes_close_window(struct stream_passes *passes) {
        hypothesis_deinit(&passes->head);
        draft_free(&passes->rest);
        passes->asked_begin = 0;
}

void stream_passes_deinit(struct stream_passes *passes) {
        stream_passes_close_window(passes);
        draft_free(&passes->whole);
}
