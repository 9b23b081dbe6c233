#include "pipeline/stream_jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/stream.h"
#include "util/mem.h"

// Partial text from so much speech on, and again when there is so much more of it. How often
// in time is the scheduler's to say (decode/load.h).
#define PARTIAL_FIRST (0.5f * AUDIO_RATE)
#define PARTIAL_MORE  (AUDIO_RATE / 5)

void stream_jobs_init(struct stream_jobs *jobs, const struct stream_settings *settings) {
        struct decode_options *options = &jobs->options;

        *jobs = (struct stream_jobs){.options = decode_options_copy(settings->options)};
        memcpy(jobs->language, options->language, sizeof(jobs->language));
        // A window is a sentence or two; its place is known from the sound, and asked for
        // timestamps Whisper leaves more words out (docs/benchmarks.md).
        if (options->without_timestamps == DECODE_UNSET)
                options->without_timestamps = DECODE_YES;
        // A camera hears many people, a client is one.
        if (options->multilingual == DECODE_UNSET)
                options->multilingual = settings->source && options->language[0] == '\0'
                                                ? DECODE_YES
                                                : DECODE_NO;
}

void stream_jobs_deinit(struct stream_jobs *jobs) {
        decode_options_deinit(&jobs->options);
        stream_passes_deinit(&jobs->passes);
        *jobs = (struct stream_jobs){0};
}

// What of the window may go into a job: not what is gone or in the backlog already.
static int64_t begin_of(const struct stream_jobs *jobs, const struct ring *ring,
                        const struct window *window) {
        int64_t begin = window->begin;

        if (begin < ring_begin(ring))
                begin = ring_begin(ring);
        return begin < jobs->backlog_until ? jobs->backlog_until : begin;
}

static struct job *job_make(struct stream_jobs *jobs, const struct ring *ring, int64_t begin,
                            size_t n_samples) {
        struct job *job = job_new(n_samples);

        if (!job || ring_copy(ring, begin, n_samples, job->samples) != 0)
                return job_free(job);
        job->id = ++jobs->id_last;
        job->begin = begin;
        job->options = decode_options_copy(&jobs->options);
        stream_passes_tell(&jobs->passes, job);
        return job;
}

bool stream_jobs_close_window(struct stream_jobs *jobs, const struct ring *ring,
                              const struct window *window, struct job_window *ret) {
        int64_t begin = begin_of(jobs, ring, window);

        jobs->partial_end = 0;
        stream_passes_close_window(&jobs->passes);
        if (window->end <= begin)
                return false;
        jobs->backlog_until = window->end;
        *ret = (struct job_window){
                .begin = begin,
                .n_samples = (size_t)(window->end - begin),
                .speech = activity_from(&window->speech, begin - window->begin),
                .language = jobs->options.language,
        };
        return true;
}

struct job *stream_jobs_final(struct stream_jobs *jobs, const struct ring *ring,
                              const struct job_window *wanted) {
        struct job *job = job_make(jobs, ring, wanted->begin, wanted->n_samples);

        if (!job)
                return NULL;
        job->is_final = true;
        job->speech = wanted->speech;
        return job;
}

bool stream_jobs_want_pass(const struct stream_jobs *jobs, const struct window *window) {
        if (window->is_paused)
                return window->end != jobs->partial_end;
        return window->speech_samples >= PARTIAL_FIRST &&
               window->end - jobs->partial_end >= PARTIAL_MORE;
}

struct job *stream_jobs_partial(struct stream_jobs *jobs, const struct ring *ring,
                                const struct window *window) {
        int64_t begin = begin_of(jobs, ring, window);
        struct job *job;

        if (window->end <= begin)
                return NULL;
        begin = stream_passes_begin(&jobs->passes, begin, window->end, window->is_paused);
        job = job_make(jobs, ring, begin, (size_t)(window->end - begin));
        if (!job)
                return NULL;
        job->is_speculative = window->is_paused;
        // What may yet change gets no word times, which cost as much again, and is not searched
        // for speech that was missed.
        if (!job->is_speculative)
                job->options.word_timestamps = DECODE_NO;
        else
                job->speech = activity_from(&window->speech, begin - window->begin);
        jobs->partial_end = window->end;
        return job;
}

void stream_jobs_follow_language(struct stream_jobs *jobs, const char *language) {
        if (jobs->options.multilingual != DECODE_YES)
                snprintf(jobs->options.language, sizeof(jobs->options.language), "%s",
                         language);
}

void stream_jobs_forget(struct stream_jobs *jobs, int64_t position) {
        memcpy(jobs->options.language, jobs->language, sizeof(jobs->language));
        stream_passes_close_window(&jobs->passes);
        jobs->backlog_until = position;
}
