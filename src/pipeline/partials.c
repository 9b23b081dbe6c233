#include "pipeline/partials.h"

#include <string.h>

#include "util/mem.h"

// Partial text from so much speech on, and again when there is so much more of it. How often
// in time is the scheduler's to say (decode/load.h).
#define FIRST_SAMPLES (0.5f * AUDIO_RATE)
#define MORE_SAMPLES  (AUDIO_RATE / 5)

// Committing is worth it from here on: a pass over two seconds costs half of one over eight
// (docs/benchmarks.md, encoder), and what Whisper hears is better for what it heard before.
#define COMMITTED_SAMPLES ((size_t)6 * AUDIO_RATE)
// Of the silence at the end of what is committed, taken again by passes over the rest: where
// speech goes on is known to within a few of the detector's chunks.
#define REST_OVERLAP (AUDIO_RATE * 3 / 20)
// With less of it Whisper tends to make words up; then all of the window is taken once more.
#define REST_MIN (REST_OVERLAP + AUDIO_RATE / 2)

// --- what is asked for -----------------------------------------------------------------------

bool partials_want(const struct partials *partials, const struct window *window) {
        if (window->is_paused)
                return window->end != partials->end;
        return window->speech_samples >= FIRST_SAMPLES &&
               window->end - partials->end >= MORE_SAMPLES;
}

static bool has_committed(const struct partials *partials, int64_t window_begin) {
        return partials->committed.n_segments > 0 && partials->committed_begin == window_begin;
}

static int64_t pass_begin(struct partials *partials, const struct window *window) {
        if (window->is_paused || !has_committed(partials, window->begin) ||
            window->end - partials->rest_begin < REST_MIN)
                return window->begin;
        partials->asked_begin = partials->rest_begin;
        return partials->rest_begin;
}

struct job *partials_job(struct partials *partials, struct windows *windows,
                         const struct window *window) {
        struct job *job = windows_job(windows, pass_begin(partials, window), window->end);

        if (!job)
                return NULL;
        partials_tell(partials, job);
        job->is_speculative = window->is_paused;
        // What may yet change gets no word times, which cost as much again, and is not searched
        // for speech that was missed.
        if (job->is_speculative)
                job->speech = window->speech;
        else
                job->hints.has_word_times = false;
        partials->end = window->end;
        return job;
}

// The tokens of what was heard, from segment `first` on, in a row.
static void draft_tell(const struct partials *partials, size_t first, struct job *job) {
        const struct hypothesis *heard = &partials->heard;
        size_t n = 0;

        for (size_t i = first; i < heard->n_segments; i++)
                n += heard->segments[i].n_tokens;
        if (n == 0)
                return;
        job->hints.draft_tokens = xcalloc(n, sizeof(*job->hints.draft_tokens));
        for (size_t i = first; i < heard->n_segments; i++) {
                const struct hypothesis_segment *segment = &heard->segments[i];

                if (segment->n_tokens > 0)
                        memcpy(job->hints.draft_tokens + job->hints.n_draft_tokens,
                               segment->tokens, segment->n_tokens * sizeof(*segment->tokens));
                job->hints.n_draft_tokens += segment->n_tokens;
        }
}

void partials_tell(const struct partials *partials, struct job *job) {
        if (job->begin == partials->heard_begin)
                draft_tell(partials, 0, job);
        else if (partials->n_committed > 0 && job->begin == partials->rest_begin)
                draft_tell(partials, partials->n_committed, job);
        if (job->begin == partials->asked_begin && partials->committed.language[0] != '\0')
                memcpy(job->hints.language, partials->committed.language,
                       sizeof(job->hints.language));
}

// --- what is heard ---------------------------------------------------------------------------

static void heard_clear(struct partials *partials, int64_t begin) {
        hypothesis_deinit(&partials->heard);
        partials->heard_begin = begin;
        partials->n_committed = 0;
}

// What was heard begins with what is committed, and nothing follows it.
static void heard_begin_committed(struct partials *partials) {
        if (partials->n_committed == 0) {
                heard_clear(partials, partials->committed_begin);
                hypothesis_add(&partials->heard, &partials->committed, 0);
                partials->n_committed = partials->heard.n_segments;
        }
        hypothesis_truncate(&partials->heard, partials->n_committed);
}

// All that was heard up to this pause is committed.
static void heard_commit(struct partials *partials, const struct job *job,
                         const struct hypothesis *hypothesis) {
        hypothesis_deinit(&partials->committed);
        hypothesis_add(&partials->committed, hypothesis, 0);
        memcpy(partials->committed.language, hypothesis->language,
               sizeof(partials->committed.language));
        partials->committed_begin = job->begin;
        partials->rest_begin = job->begin + (int64_t)job->n_samples - REST_OVERLAP;
}

bool partials_hear(struct partials *partials, const struct job *job,
                   const struct hypothesis *hypothesis) {
        bool is_rest = partials->asked_begin > 0 && job->begin == partials->asked_begin;

        if (is_rest &&
            (partials->committed.n_segments == 0 || partials->rest_begin != job->begin))
                return false;
        if (is_rest)
                heard_begin_committed(partials);
        else
                heard_clear(partials, job->begin);
        hypothesis_add(&partials->heard, hypothesis, job->begin - partials->heard_begin);
        if (!is_rest && job->is_speculative && job->n_samples >= COMMITTED_SAMPLES)
                heard_commit(partials, job, hypothesis);
        return true;
}

void partials_close_window(struct partials *partials) {
        hypothesis_deinit(&partials->committed);
        partials->n_committed = 0;
        partials->asked_begin = 0;
        partials->end = 0;
}

void partials_deinit(struct partials *partials) {
        partials_close_window(partials);
        heard_clear(partials, 0);
}
