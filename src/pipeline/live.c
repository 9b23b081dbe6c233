#include "pipeline/live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "decode/scheduler.h"
#include "pipeline/partials.h"
#include "pipeline/preceding.h"
#include "pipeline/windows.h"
#include "util/mem.h"

// Samples kept: the longest window with its padding, and a second of what came since.
#define RING_SAMPLES ((size_t)32 * AUDIO_RATE)

// An answer is wanted within this time.
#define DEADLINE (1 * NSEC_PER_SEC)

// When no sound came for longer than this, what came before it is not what is spoken of now, as
// after a silence (preceding.c).
#define APART_MAX (3 * NSEC_PER_SEC)

// A window that is closed and not answered yet.
struct closed_window {
        int64_t begin, end;
        uint32_t generation;
        bool is_cut;
        bool is_lost;  // there was no memory for its job: nothing will answer it
        STAILQ_ENTRY(closed_window) link;
};

// Sound enters at the top, text leaves at the bottom.
struct live {
        struct stream_services services;
        struct live_listener listener;

        struct windows windows;               // keeps the sound and finds the speech
        struct partials partials;             // what was heard of the open window
        struct preceding preceding;           // what was heard before it
        nsec_t fed_at;                        // loop_now() of the last samples
        uint32_t fed_generation;              // and of which they were
        struct flow *flow;                    // our place at the decoder
        struct assembler *assembler;          // turns hypotheses into segments
        STAILQ_HEAD(, closed_window) closed;  // in their order

        const struct stream_clock *clock;
        uint32_t generation_least;  // answers to older generations are dropped
        nsec_t pause;               // that closes a window
        bool is_speech;             // a window is open, and that was told
        bool is_flushing;           // windows close since that was asked for
        int64_t begun;              // of the last window that was told to have begun; -1: none
};

// --- sound enters ----------------------------------------------------------------------------

static void live_submit(struct live *live, struct job *job) {
        job->generation = live->clock->generation;
        job->deadline = loop_now(live->services.loop) + DEADLINE;
        if (job->is_speculative)
                job->deadline += live->pause / 2;  // about what is left of the pause
        flow_submit(live->flow, job);
}

// Of a window whose sound is gone already there is nothing to keep.
static void sound_tell(struct live *live, const struct window *window) {
        CLEANUP(floats_freep) float *samples = NULL;

        if (!live->listener.on_sound)
                return;
        samples = windows_sound(&live->windows, window->begin, window->end);
        if (samples)
                live->listener.on_sound(live->listener.context, window->begin, samples,
                                        (size_t)(window->end - window->begin));
}

static void speech_tell(struct live *live) {
        bool is_speech = windows_open_samples(&live->windows) > 0;

        if (is_speech == live->is_speech)
                return;
        live->is_speech = is_speech;
        if (live->listener.on_speech)
                live->listener.on_speech(live->listener.context, is_speech);
}

static void window_tell(const struct live *live, const struct window *window) {
        const struct observer_window told = {
                .begin = window->begin,
                .end = window->end,
                .speech_end = window->speech_end,
                .is_closed = window->is_closed,
                .is_cut = window->is_cut,
                .is_flushed = live->is_flushing,
        };

        if (live->listener.on_window)
                live->listener.on_window(live->listener.context, &told);
}

// One that is cut is followed by the next at once.
static void begun_tell(struct live *live) {
        struct window window;

        if (!windows_open_one(&live->windows, &window) || live->begun >= 0)
                return;
        live->begun = window.begin;
        window_tell(live, &window);
}

static struct closed_window *closed_remember(struct live *live, const struct window *window) {
        struct closed_window *closed = xnew(struct closed_window);

        *closed = (struct closed_window){
                .begin = window->begin,
                .end = window->end,
                .generation = live->clock->generation,
                .is_cut = window->is_cut,
        };
        STAILQ_INSERT_TAIL(&live->closed, closed, link);
        return closed;
}

static void closed_drop(struct live *live) {
        struct closed_window *closed = STAILQ_FIRST(&live->closed);

        STAILQ_REMOVE_HEAD(&live->closed, link);
        free(closed);
}

// What was closed before it will not be answered any more.
static void closed_tell(struct live *live, const struct job *job, struct update *update) {
        const struct closed_window *closed;

        while ((closed = STAILQ_FIRST(&live->closed)) && closed->begin < job->begin)
                closed_drop(live);
        if (!closed || closed->begin > job->begin)
                return;
        update->closed_at = closed->end;
        update->is_pause = !closed->is_cut;
        closed_drop(live);
}

// The first window that is not answered yet, if it is a lost one; what was cancelled meanwhile
// nobody waits for.
static struct closed_window *lost_next(struct live *live) {
        struct closed_window *closed;

        while ((closed = STAILQ_FIRST(&live->closed)) && closed->is_lost &&
               closed->generation < live->generation_least)
                closed_drop(live);
        return closed && closed->is_lost ? closed : NULL;
}

// Lost windows are told to be without text once all before them were answered: who groups
// windows would else wait for theirs. At the last of them, if it counts as an answer, whoever
// owns the stream may close it.
static void lost_tell(struct live *live, bool is_answer) {
        struct closed_window *closed = lost_next(live);

        while (closed) {
                uint32_t generation = closed->generation;
                struct hypothesis nothing = {0};
                struct update told = *assembler_on_final(live->assembler, closed->begin,
                                                         closed->end, &nothing);

                told.closed_at = closed->end;
                told.is_pause = !closed->is_cut;
                closed_drop(live);
                closed = lost_next(live);
                live->listener.on_update(live->listener.context, generation, &told,
                                         is_answer && !closed);
        }
}

// A window is closed. Often what it holds was decoded when the pause in it began.
static void live_on_window(void *context, const struct window *window) {
        struct live *live = context;
        struct job_window wanted = {
                .generation = live->clock->generation,
                .begin = window->begin,
                .n_samples = (size_t)(window->end - window->begin),
                .speech = window->speech,
                .language = live->windows.hints.language,
        };
        struct closed_window *closed;
        struct job *job;

        sound_tell(live, window);
        partials_close_window(&live->partials);
        closed = closed_remember(live, window);
        window_tell(live, window);
        live->begun = -1;
        if (flow_promote(live->flow, &wanted))
                return;
        job = windows_job(&live->windows, window->begin, window->end);
        if (!job) {
                live->listener.on_failure(live->listener.context, wanted.n_samples,
                                          strerrordesc_np(ENOMEM));
                closed->is_lost = true;
                preceding_part(&live->preceding, window->end);
                lost_tell(live, false);  // whoever flushes asks by itself what is owed
                return;
        }
        partials_tell(&live->partials, job);
        // A window in between that is not text yet would be a silence that was none.
        if (STAILQ_FIRST(&live->closed) == closed)
                preceding_tell(&live->preceding, job);
        job->is_final = true;
        job->speech = window->speech;
        live_submit(live, job);
}

// The open window, if a partial pass over it is worth it.
static bool partial_window(const struct live *live, struct window *ret) {
        return live->listener.wants_partials(live->listener.context) &&
               windows_open_one(&live->windows, ret) && partials_want(&live->partials, ret);
}

// Positions do not tell a connection that was lost, nor a client that sent nothing for long.
static void feed_note(struct live *live, size_t n) {
        nsec_t now = loop_now(live->services.loop);
        nsec_t apart = now - live->fed_at - (nsec_t)n * (NSEC_PER_SEC / AUDIO_RATE);

        if (apart > APART_MAX || live->fed_generation != live->clock->generation)
                preceding_part(&live->preceding, live_position(live));
        live->fed_at = now;
        live->fed_generation = live->clock->generation;
}

void live_feed(struct live *live, const float *samples, size_t n) {
        struct window window;

        feed_note(live, n);
        windows_feed(&live->windows, samples, n);
        begun_tell(live);
        speech_tell(live);
        if (partial_window(live, &window))
                flow_request_grant(live->flow, window.is_paused);
}

// The grant is there: decode what was said up to now.
static void live_on_grant(void *context) {
        struct live *live = context;
        struct window window;
        struct job *job = NULL;

        if (partial_window(live, &window))
                job = partials_job(&live->partials, &live->windows, &window);
        if (job && job->is_speculative && STAILQ_EMPTY(&live->closed))
                preceding_tell(&live->preceding, job);
        if (job)
                live_submit(live, job);
}

// --- text leaves -----------------------------------------------------------------------------

// A language was found: later windows are taken to be in it, unless each is to be detected.
static void language_follow(struct live *live, const char *language) {
        struct windows *windows = &live->windows;

        if (windows->settings->options.multilingual != DECODE_YES)
                snprintf(windows->hints.language, LANGUAGE_CODE_MAX, "%s", language);
}

// What a final window was in, and was taken for: what the next ones may turn to.
static void language_remember(struct live *live, const struct hypothesis *hypothesis) {
        struct job_hints *hints = &live->windows.hints;

        if (!hypothesis->was_detected || hypothesis->n_segments == 0)
                return;
        memcpy(hints->language_before, hypothesis->language, LANGUAGE_CODE_MAX);
        memcpy(hints->language_doubted, hypothesis->language_doubted, LANGUAGE_CODE_MAX);
}

static void live_on_hypothesis(void *context, const struct job *job, int result,
                               struct hypothesis *hypothesis) {
        struct live *live = context;
        struct hypothesis nothing = {0};
        const struct update *update;
        struct update told;
        bool is_followed;

        if (job->generation < live->generation_least || (result < 0 && !job->is_final))
                return;
        if (result < 0) {
                live->listener.on_failure(live->listener.context, job->n_samples,
                                          strerrordesc_np(-result));
                hypothesis = &nothing;
        }
        if (job->is_final) {
                preceding_hear(&live->preceding, job, hypothesis);
                language_remember(live, hypothesis);
        }
        if (job->is_final)
                update = assembler_on_final(live->assembler, job->begin,
                                            job->begin + (int64_t)job->n_samples, hypothesis);
        else if (partials_hear(&live->partials, job, hypothesis))
                update = assembler_on_partial(live->assembler, live->partials.heard_begin,
                                              &live->partials.heard);
        else
                return;
        // After a cancel it is found anew, and not new to the reader.
        if (update->language_is_new ||
            (job->is_final && live->windows.hints.language[0] == '\0'))
                language_follow(live, update->language);
        told = *update;
        if (job->is_final)
                closed_tell(live, job, &told);
        is_followed = job->is_final && lost_next(live);
        live->listener.on_update(live->listener.context, job->generation, &told,
                                 job->is_final && !is_followed);
        if (is_followed)
                lost_tell(live, true);
}

// --- controls --------------------------------------------------------------------------------

void live_flush(struct live *live) {
        live->is_flushing = true;
        windows_flush(&live->windows);
        live->is_flushing = false;
        speech_tell(live);
}

const struct update *live_cancel(struct live *live) {
        struct hypothesis nothing = {0};

        flow_cancel(live->flow, false);
        windows_forget(&live->windows);
        live->begun = -1;
        speech_tell(live);
        partials_close_window(&live->partials);
        preceding_clear(&live->preceding);
        memcpy(live->windows.hints.language, live->windows.settings->options.language,
               LANGUAGE_CODE_MAX);
        live->windows.hints.language_before[0] = live->windows.hints.language_doubted[0] = '\0';
        live->generation_least = live->clock->generation + 1;
        return assembler_on_partial(live->assembler, live_position(live), &nothing);
}

void live_restart(struct live *live) {
        assembler_restart(live->assembler, live_position(live));
}

// --- what there is ---------------------------------------------------------------------------

int64_t live_position(const struct live *live) {
        return windows_end(&live->windows);
}

size_t live_backlog(const struct live *live) {
        return flow_backlog(live->flow);
}

int64_t live_unheard(const struct live *live) {
        return (int64_t)flow_backlog_samples(live->flow) + windows_open_samples(&live->windows);
}

const struct update *live_current(struct live *live) {
        return assembler_current(live->assembler);
}

// --- life ------------------------------------------------------------------------------------

int live_open(struct live **ret, const struct stream_services *services,
              const struct live_settings *settings, const struct live_listener *listener) {
        CLEANUP(live_closep) struct live *live = xnew(struct live);
        struct windows_settings windows_settings = {
                .capacity = RING_SAMPLES,
                .pauses = &settings->pauses,
                .clips = &clips_whole,
                .options = settings->options,
                .is_many_voices = settings->is_many_voices,
                .on_window = live_on_window,
                .context = live,
        };
        int r;

        STAILQ_INIT(&live->closed);
        live->services = *services;
        live->listener = *listener;
        live->clock = settings->clock;
        live->begun = -1;
        live->pause = settings->pauses.pause * (NSEC_PER_SEC / AUDIO_RATE);
        r = windows_init(&live->windows, services, &windows_settings);
        if (r < 0)
                return r;
        // Where each window's language is detected, none is told what was heard before.
        preceding_init(&live->preceding,
                       live->windows.settings->options.multilingual == DECODE_YES
                               ? DECODE_CONTEXT_NONE
                               : settings->options->context);
        live->assembler = assembler_new();
        live->flow = flow_open(services->scheduler, settings->owner, false, live_on_hypothesis,
                               live);
        flow_set_on_grant(live->flow, live_on_grant);
        if (settings->filters)
                flow_set_filters(live->flow, settings->filters);
        *ret = TAKE(live);
        return 0;
}

struct live *live_close(struct live *live) {
        if (!live)
                return NULL;
        while (!STAILQ_EMPTY(&live->closed))
                closed_drop(live);
        live->assembler = assembler_free(live->assembler);
        live->flow = flow_close(live->flow);
        windows_deinit(&live->windows);
        preceding_deinit(&live->preceding);
        partials_deinit(&live->partials);
        return mem_free(live);
}
