#include "pipeline/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode/scheduler.h"
#include "pipeline/language_vote.h"
#include "pipeline/seeker.h"
#include "pipeline/windows.h"
#include "util/mem.h"

// Sound kept: a whole window, the start of the next one, and what a paused reader still brings.
#define RING_SAMPLES ((size_t)64 * AUDIO_RATE)

// An answer is wanted within this time, after those of live sound.
#define DEADLINE (1 * NSEC_PER_SEC)

// A window that waits until the language is known.
struct held_job {
        struct held_job *next;
        struct job *job;
};

// Sound enters at the top, text leaves at the bottom.
struct file {
        struct stream_services services;
        struct file_listener listener;

        struct windows windows;       // keeps the sound and finds the speech
        struct seeker seeker;         // without pauses: where the next window begins
        struct flow *flow;            // our place at the decoder
        struct assembler *assembler;  // turns hypotheses into segments

        bool is_seeking;
        bool awaits_language;
        bool is_watched;  // and the first window is not answered yet
        bool is_probing;  // a job is out that the others wait for
        bool is_voting;   // several windows shall detect it before any is decoded
        bool has_probe;   // one of them is out
        struct language_vote vote;
        struct held_job *held_first;
        struct held_job **held_last;

        int64_t position;  // everything before it is transcribed
        int64_t n_held;    // samples in jobs
        size_t n_jobs;     // made and not answered
        bool is_whole;     // all sound has come
};

static const struct decode_options *options_of(const struct file *file) {
        return &file->windows.settings->options;
}

// The language that is known; "" while it is not.
static char *language_of(struct file *file) {
        return file->windows.hints.language;
}

static void file_progress(struct file *file) {
        if (file_is_done(file))
                windows_release(&file->windows);
        if (file->listener.on_progress)
                file->listener.on_progress(file->listener.context);
}

// --- jobs ------------------------------------------------------------------------------------

static void probe_advance(struct file *file);

static void job_submit(struct file *file, struct job *job) {
        memcpy(job->hints.language, language_of(file), LANGUAGE_CODE_MAX);
        job->deadline = loop_now(file->services.loop) + DEADLINE;
        file->is_probing =
                file->is_watched || (file->awaits_language && language_of(file)[0] == '\0' &&
                                     options_of(file)->multilingual != DECODE_YES);
        flow_submit(file->flow, job);
}

// Samples [begin, end), of which some are known to be speech, become a job that runs now or
// when the language is known. False when they are lost.
static bool job_make(struct file *file, int64_t begin, int64_t end,
                     const struct activity *speech) {
        struct job *job = windows_job(&file->windows, begin, end);
        struct held_job *held;

        if (!job) {
                file->listener.on_failure(file->listener.context, begin, end, -ENOMEM);
                return false;
        }
        job->is_final = true;
        job->speech = *speech;
        file->n_held += end - begin;
        file->n_jobs++;
        if (!file->is_probing) {
                job_submit(file, job);
                return true;
        }
        held = xnew(struct held_job);
        held->job = job;
        *file->held_last = held;
        file->held_last = &held->next;
        probe_advance(file);
        return true;
}

// The language is known: all may go. It is not: the next one shall tell.
static void held_release(struct file *file) {
        while (file->held_first && !file->is_probing) {
                struct held_job *held = file->held_first;

                file->held_first = held->next;
                if (!file->held_first)
                        file->held_last = &file->held_first;
                job_submit(file, held->job);
                free(held);
        }
}

// Of the held windows the next one is asked for its language, or all go, since it is known (or
// will not be known better).
static void probe_advance(struct file *file) {
        const struct held_job *held = file->held_first;
        struct job *job;

        if (!file->is_voting || file->has_probe)
                return;
        for (size_t i = 0; i < file->vote.n && held; i++)
                held = held->next;
        if (file->vote.is_over || (!held && file->is_whole)) {
                memcpy(language_of(file), file->vote.language, LANGUAGE_CODE_MAX);
                file->is_voting = file->is_probing = false;
                held_release(file);
                return;
        }
        if (!held)
                return;
        job = windows_job_again(&file->windows, held->job);
        if (!job) {
                file->vote.is_over = true;  // what is known so far has to do
                probe_advance(file);
                return;
        }
        job->is_final = true;
        job->hints.only_detects_language = true;
        job->deadline = loop_now(file->services.loop) + DEADLINE;
        file->has_probe = true;
        flow_submit(file->flow, job);
}

static void probe_on_hypothesis(struct file *file, const struct hypothesis *hypothesis) {
        const struct decode_options *options = options_of(file);

        file->has_probe = false;
        language_vote_add(&file->vote, hypothesis->language, hypothesis->language_probability,
                          options->language_detection_threshold,
                          options->language_detection_segments);
        probe_advance(file);
}

// --- sound enters ----------------------------------------------------------------------------

static void file_on_window(void *context, const struct window *window) {
        job_make(context, window->begin, window->end, &window->speech);
}

// Seeking: the next window, if its sound is there and the one before is answered.
static void seeking_advance(struct file *file) {
        int64_t n_samples = windows_end(&file->windows), begin, end;

        while (file->n_jobs == 0 &&
               seeker_next(&file->seeker, n_samples, file->is_whole, &begin, &end))
                if (!job_make(file, begin, end, &(struct activity){0}))
                        seeker_pass(&file->seeker, end);
}

void file_feed(struct file *file, const float *samples, size_t n) {
        if (file->is_whole)
                return;
        windows_feed(&file->windows, samples, n);
        if (file->is_seeking)
                seeking_advance(file);
        file_progress(file);
}

void file_flush(struct file *file) {
        windows_flush(&file->windows);
}

void file_end(struct file *file) {
        if (file->is_whole)
                return;
        file->is_whole = true;
        if (file->is_seeking) {
                seeking_advance(file);
        } else {
                windows_flush(&file->windows);
                probe_advance(file);
        }
        file_progress(file);
}

// --- text leaves -----------------------------------------------------------------------------

// The language that windows waited for is the first in which something was said.
static void language_decide(struct file *file, const struct hypothesis *hypothesis) {
        if (language_of(file)[0] == '\0' && hypothesis->n_segments > 0)
                memcpy(language_of(file), hypothesis->language, LANGUAGE_CODE_MAX);
        file->is_probing = false;
        held_release(file);
}

// A window was sure of its language: later ones are taken to be in it, unless each is to be
// detected.
static void language_follow(struct file *file, const struct update *update) {
        if (update->language_is_new && options_of(file)->multilingual != DECODE_YES)
                snprintf(language_of(file), LANGUAGE_CODE_MAX, "%s", update->language);
}

static void file_on_hypothesis(void *context, const struct job *job, int result,
                               struct hypothesis *hypothesis) {
        struct file *file = context;
        struct hypothesis nothing = {.n_consumed = (int64_t)job->n_samples};
        int64_t end = job->begin + (int64_t)job->n_samples;
        const struct update *update;

        if (job->hints.only_detects_language) {
                probe_on_hypothesis(file, result < 0 ? &nothing : hypothesis);
                return;
        }
        file->n_held -= (int64_t)job->n_samples;
        file->n_jobs--;
        if (result < 0) {
                file->listener.on_failure(file->listener.context, job->begin, end, result);
                hypothesis = &nothing;
        }
        if (file->is_seeking)
                seeker_advance(&file->seeker, job, windows_end(&file->windows), hypothesis,
                               &file->windows.hints);
        if (file->awaits_language) {
                language_decide(file, hypothesis);
        } else if (file->is_watched) {
                file->is_watched = file->is_probing = false;
                held_release(file);
        }
        file->position = file->is_seeking ? file->seeker.position : end;
        update = assembler_on_final(file->assembler, job->begin, end, hypothesis);
        if (!file->awaits_language)
                language_follow(file, update);
        file->listener.on_update(file->listener.context, update);
        if (file->is_seeking)
                seeking_advance(file);
        file_progress(file);
}

// --- what there is ---------------------------------------------------------------------------

bool file_is_ahead(const struct file *file) {
        return file->is_seeking && seeker_is_ahead(&file->seeker, windows_end(&file->windows));
}

size_t file_backlog(const struct file *file) {
        return file->n_jobs;
}

int64_t file_held(const struct file *file) {
        return file->n_held;
}

int64_t file_unheard(const struct file *file) {
        return file->n_held + windows_open_samples(&file->windows);
}

bool file_is_done(const struct file *file) {
        return file->is_whole && file->n_jobs == 0;
}

int64_t file_duration(const struct file *file) {
        return windows_end(&file->windows);
}

int64_t file_position(const struct file *file) {
        return file->position;
}

const char *file_language(const struct file *file) {
        return file->windows.hints.language;
}

const struct update *file_current(struct file *file) {
        return assembler_current(file->assembler);
}

// --- life ------------------------------------------------------------------------------------

int file_open(struct file **ret, const struct stream_services *services,
              const struct file_settings *settings, const struct file_listener *listener) {
        CLEANUP(file_closep) struct file *file = xnew(struct file);
        struct windows_settings windows_settings = {
                .capacity = RING_SAMPLES,
                .pauses = settings->pauses,
                .clips = settings->clips,
                .options = settings->options,
                .on_window = file_on_window,
                .context = file,
        };
        const struct decode_options *options;
        int r;

        file->services = *services;
        file->listener = *listener;
        file->held_last = &file->held_first;
        file->awaits_language = settings->awaits_language;
        file->is_watched = settings->pauses && settings->pauses->window_early > 0 &&
                           !settings->awaits_language;
        r = windows_init(&file->windows, services, &windows_settings);
        if (r < 0)
                return r;
        options = options_of(file);
        file->is_seeking = !settings->pauses;
        if (file->is_seeking) {
                seeker_init(&file->seeker, settings->clips, options);
        } else {
                file->is_voting = file->awaits_language && options->language[0] == '\0' &&
                                  options->multilingual != DECODE_YES &&
                                  options->language_detection_segments > 1;
                file->is_probing = file->is_voting;
        }
        file->assembler = assembler_new();
        file->flow =
                flow_open(services->scheduler, settings->owner, true, file_on_hypothesis, file);
        if (settings->filters)
                flow_set_filters(file->flow, settings->filters);
        *ret = TAKE(file);
        return 0;
}

struct file *file_close(struct file *file) {
        if (!file)
                return NULL;
        file->flow = flow_close(file->flow);
        while (file->held_first) {
                struct held_job *next = file->held_first->next;

                job_free(file->held_first->job);
                free(file->held_first);
                file->held_first = next;
        }
        file->assembler = assembler_free(file->assembler);
        windows_deinit(&file->windows);
        return mem_free(file);
}
