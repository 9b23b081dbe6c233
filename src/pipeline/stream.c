#include "pipeline/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/ring.h"
#include "pipeline/stream_clock.h"
#include "pipeline/stream_jobs.h"
#include "pipeline/stream_pace.h"
#include "transcript/assembler.h"
#include "util/budget.h"
#include "util/log.h"
#include "util/mem.h"

// Samples kept: the longest window with its padding, and a second of what came since.
#define STREAM_RING_SAMPLES ((size_t)32 * AUDIO_RATE)

// Sound is fed in pieces of at most this, so that a window is copied before the ring drops it.
#define STREAM_PIECE_SAMPLES (AUDIO_RATE / 2)

// An answer is wanted within this time.
#define STREAM_DEADLINE (1 * NSEC_PER_SEC)

// Sound not yet heard before whoever pours it in is asked to pause, and with how much it may go
// on: a window and a bit, so that the decoder always has work. While memory is tight nobody
// needs more than what follows next.
#define STREAM_UNHEARD_PAUSE  ((int64_t)30 * AUDIO_RATE)
#define STREAM_UNHEARD_RESUME ((int64_t)20 * AUDIO_RATE)
#define STREAM_UNHEARD_TIGHT  ((int64_t)2 * AUDIO_RATE)

// Files are decoded many windows at a time: this is their limit, in windows of the backlog.
#define STREAM_BACKLOG_PAUSE  16
#define STREAM_BACKLOG_RESUME 12

// Whoever pauses may go on for other reasons than an answer: looked at so often.
#define STREAM_RELIEF_TICK (NSEC_PER_SEC / 4)

#define STREAM_HISTORY_BYTES ((size_t)1024 * 1024)
#define STREAM_REASON_MAX    256

// One stream: sound enters at the top, text leaves at the bottom.
struct stream {
        char *name;
        struct stream_services services;
        struct stream_listener listener;
        bool is_file;

        struct source *source;        // brings samples; NULL when they are pushed
        struct ring *ring;            // keeps the last of them on a clock
        struct segmenter *segmenter;  // finds the speech
        struct flow *flow;            // our place at the decoder
        struct assembler *assembler;  // turns hypotheses into segments
        struct history *history;      // for those who come late
        struct observer *observers;   // for those who are here

        struct stream_clock clock;
        struct stream_pace pace;
        struct stream_jobs jobs;    // what the decoder is asked for
        uint32_t generation_least;  // answers to older generations are dropped
        int64_t origin;             // time zero of the recording
        int64_t judged_until;  // everything before it lies in a window or was counted silent

        size_t bytes_charged;        // for the ring, at the budget
        struct loop_timer *silence;  // fires when sound stops coming
        nsec_t pause;                // how long it must have stopped
        struct loop_timer *relief;   // while is_held
        bool is_held;                // who pushes was asked to pause

        enum source_state state;
        char reason[STREAM_REASON_MAX];
};

// --- who pours sound in ----------------------------------------------------------------------

// What has arrived and is neither text nor known to be none.
static int64_t samples_unheard(const struct stream *stream) {
        int64_t samples = (int64_t)flow_backlog_samples(stream->flow);
        struct window window;

        if (segmenter_open_window(stream->segmenter, &window))
                samples += ring_end(stream->ring) - window.begin;
        return samples;
}

// More has arrived than will be heard soon, and it can wait: who talks as people do is never
// held up, however late the decoder is.
static bool is_ahead(const struct stream *stream) {
        size_t backlog = flow_backlog(stream->flow);
        int64_t unheard = samples_unheard(stream);

        if (!stream->is_file && !scheduler_is_full(stream->services.scheduler) &&
            !stream_pace_is_flood(&stream->pace, loop_now(stream->services.loop)))
                return false;
        if (budget_is_tight(stream->services.budget))
                return unheard > STREAM_UNHEARD_TIGHT;
        if (stream->is_file)
                return backlog >=
                       (stream->is_held ? STREAM_BACKLOG_RESUME : STREAM_BACKLOG_PAUSE);
        // An open window alone waits for what follows, not for the decoder.
        return backlog > 0 &&
               unheard > (stream->is_held ? STREAM_UNHEARD_RESUME : STREAM_UNHEARD_PAUSE);
}

static void relief_give(struct stream *stream) {
        loop_timer_cancel(stream->relief);
        stream->is_held = false;
        if (stream->listener.on_relief)
                stream->listener.on_relief(stream->listener.context);
}

static void relief_consider(struct stream *stream) {
        if (stream->is_held && !is_ahead(stream))
                relief_give(stream);
}

static void stream_on_relief_tick(void *context) {
        struct stream *stream = context;

        loop_timer_set(stream->relief, STREAM_RELIEF_TICK);
        relief_consider(stream);
}

// Memory for the sound of the open window: what people say is never refused.
static void ring_charge(struct stream *stream) {
        size_t bytes = ring_size(stream->ring) * sizeof(float);

        if (bytes == stream->bytes_charged)
                return;
        budget_refund(stream->services.budget, BUDGET_SOUND, stream->bytes_charged);
        budget_charge_always(stream->services.budget, BUDGET_SOUND, bytes);
        stream->bytes_charged = bytes;
}

// --- text leaves -----------------------------------------------------------------------------

static struct stream_facts facts_of(const struct stream *stream, uint32_t generation) {
        struct clock_anchor anchor = stream_clock_anchor(&stream->clock, generation);

        return (struct stream_facts){
                .name = stream->name,
                .wall_epoch = anchor.wall_epoch,
                .epoch = anchor.epoch,
                .generation = generation,
        };
}

static void stream_on_update(struct stream *stream, uint32_t generation,
                             const struct update *update) {
        struct stream_facts facts = facts_of(stream, generation);

        for (size_t i = 0; i < update->n_finals; i++)
                history_append(stream->history, &update->finals[i]);
        observers_on_update(stream->observers, &facts, update);
}

// What was said in a window is lost.
static void stream_fail(struct stream *stream, size_t n_samples, const char *reason) {
        CLEANUP(mem_freep)
        char *words = xasprintf("%.1f s of speech could not be decoded: %s",
                                (double)n_samples / AUDIO_RATE, reason);

        log_error(stream->name, "decode-failed", "%s", words);
        if (stream->listener.on_failure)
                stream->listener.on_failure(stream->listener.context, words);
}

static void stream_on_hypothesis(void *context, const struct job *job, int result,
                                 struct hypothesis *hypothesis) {
        struct stream *stream = context;
        CLEANUP(hypothesis_deinit) struct hypothesis heard = {0};
        struct hypothesis nothing = {0};
        const struct update *update;
        size_t backlog = flow_backlog(stream->flow);  // with this one answered
        int64_t begin;

        if (job->generation < stream->generation_least)
                return;
        if (result < 0) {
                if (!job->is_final)
                        return;
                stream_fail(stream, job->n_samples, strerrordesc_np(-result));
                hypothesis = &nothing;
        }
        if (job->is_final) {
                update = assembler_on_final(stream->assembler, job->begin,
                                            job->begin + (int64_t)job->n_samples, hypothesis);
        } else if (stream_passes_hear(&stream->jobs.passes, job, hypothesis, &begin, &heard)) {
                update = assembler_on_partial(stream->assembler, begin, &heard);
        } else {
                return;
        }
        if (update->language_is_new)
                stream_jobs_follow_language(&stream->jobs, update->language);
        stream_on_update(stream, job->generation, update);

        relief_consider(stream);
        if (backlog == 0 && job->is_final && stream->listener.on_idle)
                stream->listener.on_idle(stream->listener.context);
}

// --- sound enters ----------------------------------------------------------------------------

// Nobody spoke from the last window, or from what was counted before, up to here.
static void silence_count(struct stream *stream, int64_t until) {
        if (until <= stream->judged_until)
                return;
        stream->services.counts->samples_silent += (uint64_t)(until - stream->judged_until);
        stream->judged_until = until;
}

static void stream_submit(struct stream *stream, struct job *job) {
        job->generation = stream->clock.generation;
        job->deadline = loop_now(stream->services.loop) + STREAM_DEADLINE;
        if (job->is_speculative)
                job->deadline += stream->pause / 2;  // about what is left of the pause
        flow_submit(stream->flow, job);
}

// A window is closed. Often what it holds was decoded when the pause in it began.
static void stream_on_window(struct stream *stream, const struct window *window) {
        struct job_window wanted;
        struct job *job;

        if (!stream_jobs_close_window(&stream->jobs, stream->ring, window, &wanted))
                return;
        wanted.generation = stream->clock.generation;
        silence_count(stream, wanted.begin);
        stream->judged_until = window->end;
        if (flow_promote(stream->flow, &wanted))
                return;
        job = stream_jobs_final(&stream->jobs, stream->ring, &wanted);
        if (job)
                stream_submit(stream, job);
        else
                stream_fail(stream, wanted.n_samples, strerrordesc_np(ENOMEM));
}

static void windows_take(struct stream *stream) {
        struct window window;

        while (segmenter_next(stream->segmenter, &window))
                stream_on_window(stream, &window);
}

// The open window, if a partial pass over it is worth it: not of a file or a flood, in which
// nobody is talking now.
static bool partial_window(const struct stream *stream, struct window *ret) {
        return !stream->is_file && observers_want_tail(stream->observers) &&
               !stream_pace_is_flood(&stream->pace, loop_now(stream->services.loop)) &&
               segmenter_open_window(stream->segmenter, ret) &&
               stream_jobs_want_pass(&stream->jobs, ret);
}

static void partial_consider(struct stream *stream) {
        struct window window;

        if (partial_window(stream, &window))
                flow_request_grant(stream->flow, window.is_paused);
}

// It is our turn: decode what was said up to now.
static void stream_on_grant(void *context) {
        struct stream *stream = context;
        struct window window;
        struct job *job = NULL;

        if (partial_window(stream, &window))
                job = stream_jobs_partial(&stream->jobs, stream->ring, &window);
        if (job)
                stream_submit(stream, job);
}

// Close the window at the sound there is.
static void window_end(struct stream *stream) {
        segmenter_flush(stream->segmenter);
        windows_take(stream);
}

// Sound that stops coming is silence, unless it was asked to, and goes on after an answer.
static void stream_on_silence(void *context) {
        struct stream *stream = context;

        if (stream->is_held && flow_backlog(stream->flow) > 0)
                loop_timer_set(stream->silence, stream->pause);
        else
                window_end(stream);
}

void stream_on_audio(struct stream *stream, const float *samples, size_t n) {
        assert(loop_is_current(stream->services.loop));
        if (n == 0)
                return;
        stream_clock_hear(&stream->clock, ring_end(stream->ring), n,
                          loop_wall(stream->services.loop), loop_now(stream->services.loop));
        loop_timer_set(stream->silence,
                       stream_pace_hear(&stream->pace, n, loop_now(stream->services.loop)) +
                               stream->pause);
        stream->services.counts->samples_in += n;
        while (n > 0) {
                size_t piece = n < STREAM_PIECE_SAMPLES ? n : STREAM_PIECE_SAMPLES;

                ring_append(stream->ring, samples, piece);
                segmenter_feed(stream->segmenter, samples, piece);
                windows_take(stream);
                samples += piece;
                n -= piece;
        }
        ring_release(stream->ring, segmenter_oldest_needed(stream->segmenter));
        ring_charge(stream);
        silence_count(stream, segmenter_oldest_needed(stream->segmenter));
        partial_consider(stream);
}

static void source_on_samples(void *context, const float *samples, size_t n) {
        stream_on_audio(context, samples, n);
}

static void generation_begin(struct stream *stream) {
        stream_clock_begin(&stream->clock, ring_end(stream->ring),
                           loop_wall(stream->services.loop));
}

static void state_log(const struct stream *stream) {
        enum log_level level = LOG_WARNING;

        if (stream->state == SOURCE_CONNECTING)
                level = LOG_DEBUG;
        else if (stream->state == SOURCE_ONLINE || stream->state == SOURCE_ENDED)
                level = LOG_INFO;
        log_line(level, stream->name, "stream-state", "%s%s%s",
                 source_state_name(stream->state), stream->reason[0] ? ": " : "",
                 stream->reason);
}

static void source_on_state(void *context, enum source_state state, const char *reason) {
        struct stream *stream = context;
        struct stream_notice notice;
        struct stream_facts facts;

        if (stream->state == SOURCE_ONLINE && state != SOURCE_ONLINE &&
            state != SOURCE_STALLED) {
                window_end(stream);  // what was heard before the loss becomes text
                generation_begin(stream);
        }
        stream->state = state;
        snprintf(stream->reason, sizeof(stream->reason), "%s", reason ? reason : "");
        state_log(stream);
        notice = stream_state(stream);
        facts = facts_of(stream, stream->clock.generation);
        observers_on_notice(stream->observers, &facts, &notice);
}

// --- controls --------------------------------------------------------------------------------

void stream_flush(struct stream *stream) {
        window_end(stream);
        if (flow_backlog(stream->flow) == 0 && stream->listener.on_idle)
                stream->listener.on_idle(stream->listener.context);
}

void stream_cancel(struct stream *stream) {
        struct hypothesis nothing = {0};

        flow_cancel(stream->flow, false);
        segmenter_reset(stream->segmenter);
        stream_jobs_forget(&stream->jobs, ring_end(stream->ring));
        stream->judged_until = ring_end(stream->ring);
        generation_begin(stream);
        stream->generation_least = stream->clock.generation;
        stream_on_update(
                stream, stream->clock.generation,
                assembler_on_partial(stream->assembler, ring_end(stream->ring), &nothing));
        relief_give(stream);
}

void stream_restart(struct stream *stream) {
        stream_cancel(stream);
        stream->origin = ring_end(stream->ring);
        assembler_restart(stream->assembler, stream->origin);
        history_clear(stream->history);
}

void stream_stop(struct stream *stream) {
        if (stream->source)
                source_stop(stream->source);
        stream_flush(stream);
}

void stream_add_observer(struct stream *stream, struct observer *observer) {
        observers_add(&stream->observers, observer);
}

void stream_remove_observer(struct stream *stream, struct observer *observer) {
        observers_remove(&stream->observers, observer);
}

// --- what there is ---------------------------------------------------------------------------

const char *stream_name(const struct stream *stream) {
        return stream->name;
}

const struct history *stream_history(const struct stream *stream) {
        return stream->history;
}

const struct update *stream_current(struct stream *stream) {
        return assembler_current(stream->assembler);
}

struct stream_facts stream_facts(const struct stream *stream) {
        return facts_of(stream, stream->clock.generation);
}

struct stream_notice stream_state(const struct stream *stream) {
        return (struct stream_notice){
                .state = source_state_name(stream->state),
                .reason = stream->reason,
        };
}

const struct source *stream_source(const struct stream *stream) {
        return stream->source;
}

int64_t stream_position(const struct stream *stream) {
        return ring_end(stream->ring);
}

int64_t stream_origin(const struct stream *stream) {
        return stream->origin;
}

size_t stream_backlog(const struct stream *stream) {
        return flow_backlog(stream->flow);
}

bool stream_is_flood(const struct stream *stream) {
        return stream_pace_is_flood(&stream->pace, loop_now(stream->services.loop));
}

bool stream_is_backlogged(struct stream *stream) {
        if (!stream->is_held && is_ahead(stream)) {
                stream->is_held = true;
                loop_timer_set(stream->relief, STREAM_RELIEF_TICK);
        }
        return stream->is_held;
}

// --- life ------------------------------------------------------------------------------------

static struct segmenter_config segmenting(const struct stream_settings *settings) {
        struct segmenter_config config =
                settings->is_file ? segmenter_config_files() : segmenter_config_default();

        if (settings->is_file)
                return config;
        if (settings->pause > 0)
                config.pause = (int64_t)(settings->pause * AUDIO_RATE);
        if (settings->window_max > 0)
                config.window_max = (int64_t)(settings->window_max * AUDIO_RATE);
        return config;
}

// Once for all jobs of the stream.
static void texts_prepare(struct stream *stream) {
        CLEANUP(mem_freep)
        char *cuts = scheduler_prepare(stream->services.scheduler, &stream->jobs.options);

        if (cuts)
                log_warning(stream->name, "prompt-shortened",
                            "longer than the model has room for: %s", cuts);
}

int stream_open(struct stream **ret, const struct stream_services *services,
                const struct stream_settings *settings, const struct stream_listener *listener,
                struct error *error) {
        struct segmenter_config config = segmenting(settings);
        struct stream *stream = xnew(struct stream);
        int r = 0;

        stream->name = xstrdup(settings->name);
        stream->services = *services;
        stream->listener = *listener;
        stream_jobs_init(&stream->jobs, settings);
        texts_prepare(stream);
        stream->is_file = settings->is_file;
        // What a client pours in has no time of its own.
        stream->clock.is_followed = settings->source != NULL;
        stream->pause = (settings->is_file ? segmenter_config_default().pause : config.pause) *
                        (NSEC_PER_SEC / AUDIO_RATE);
        stream->silence = loop_timer_new(services->loop, stream_on_silence, stream);
        stream->relief = loop_timer_new(services->loop, stream_on_relief_tick, stream);
        stream->segmenter = segmenter_new(services->vad, &config);
        stream->flow = flow_open(services->scheduler, settings->owner, settings->is_file,
                                 stream_on_hypothesis, stream);
        flow_set_on_grant(stream->flow, stream_on_grant);
        stream->assembler = assembler_new();
        stream->history = history_new(settings->history_segments, STREAM_HISTORY_BYTES);
        stream->state = SOURCE_ONLINE;
        r = ring_new(&stream->ring, STREAM_RING_SAMPLES);
        if (r < 0)
                r = error_set(error, r, "stream '%s': no memory for its sound", settings->name);
        else
                ring_charge(stream);
        if (r == 0 && settings->source) {
                struct source_listener source_listener = {
                        .on_samples = source_on_samples,
                        .on_state = source_on_state,
                        .context = stream,
                };

                stream->state = SOURCE_CONNECTING;
                r = source_open(&stream->source, services->loop, settings->source,
                                &source_listener, error);
        }
        if (r < 0) {
                stream_close(stream);
                return r;
        }
        *ret = stream;
        return 0;
}

struct stream *stream_close(struct stream *stream) {
        if (!stream)
                return NULL;
        stream->source = source_close(stream->source);
        stream->history = history_free(stream->history);
        stream->assembler = assembler_free(stream->assembler);
        stream->flow = flow_close(stream->flow);
        stream->segmenter = segmenter_free(stream->segmenter);
        stream->ring = ring_free(stream->ring);
        budget_refund(stream->services.budget, BUDGET_SOUND, stream->bytes_charged);
        stream->silence = loop_timer_free(stream->silence);
        stream->relief = loop_timer_free(stream->relief);
        stream_jobs_deinit(&stream->jobs);
        free(stream->name);
        free(stream);
        return NULL;
}
