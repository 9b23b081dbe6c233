#include "server/stream.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/ring.h"
#include "server/counts.h"
#include "server/stream_clock.h"
#include "transcript/assembler.h"
#include "util/log.h"
#include "util/mem.h"

// Samples kept: the longest window with its padding, and a second of what came since.
#define STREAM_RING_SAMPLES ((size_t)32 * AUDIO_RATE)

// Sound is fed in pieces of at most this, so that a window is copied before the ring drops it.
#define STREAM_PIECE_SAMPLES (AUDIO_RATE / 2)

// Tentative text from so much speech on, and again when there is so much more of it. How often
// in time is the scheduler's to say (decode/load.h).
#define STREAM_TENTATIVE_FIRST (0.5f * AUDIO_RATE)
#define STREAM_TENTATIVE_MORE  (AUDIO_RATE / 5)

// An answer is wanted within this time.
#define STREAM_DEADLINE (1 * NSEC_PER_SEC)

// A client may run ahead of the clock by so much before its silence counts: sound sent in
// bursts of seconds is not a pause.
#define STREAM_AHEAD_MAX (2 * NSEC_PER_SEC)

// Windows owed before whoever pushes faster than real time is asked to pause, and below which
// it may go on; and how far it must have run ahead of the clock.
#define STREAM_OWED_PAUSE  16
#define STREAM_OWED_RESUME 12
#define STREAM_FLOOD       (10 * NSEC_PER_SEC)

#define STREAM_HISTORY_BYTES ((size_t)1024 * 1024)
#define STREAM_REASON_MAX    256

// One stream: sound enters at the top, text leaves at the bottom.
struct stream {
        char *name;
        struct stream_services services;
        struct stream_listener listener;
        struct decode_options options;
        char language[LANGUAGE_CODE_MAX];  // as wished; options has the one found since
        bool is_file;

        struct source *source;        // brings samples; NULL when they are pushed
        struct ring *ring;            // keeps the last of them on a clock
        struct segmenter *segmenter;  // finds the speech
        struct lane *lane;            // our place at the decoder
        struct assembler *assembler;  // turns hypotheses into segments
        struct history *history;      // for those who come late
        struct sink *sinks;           // for those who are here

        struct stream_clock clock;
        uint32_t generation_least;  // answers to older generations are dropped
        int64_t origin;             // time zero of the recording
        int64_t tentative_end;      // of the last tentative job
        int32_t *draft;  // what was last heard in the window that begins at draft_begin
        size_t n_draft;
        int64_t draft_begin;
        int64_t owed_until;    // everything before it is settled or owed
        int64_t judged_until;  // everything before it lies in a window or was counted silent

        struct loop_timer *silence;  // fires when sound stops coming
        nsec_t pause;                // how long it must have stopped
        nsec_t played_until;         // when what has arrived would have been played, at most
                                     // STREAM_AHEAD_MAX from now
        nsec_t poured_until;         // the same without a limit

        enum source_state state;
        char reason[STREAM_REASON_MAX];
        uint64_t job_id_last;
};

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
        struct sink *next;

        for (size_t i = 0; i < update->n_finals; i++)
                history_append(stream->history, &update->finals[i]);
        for (struct sink *sink = stream->sinks; sink; sink = next) {
                next = sink->next;
                if (sink->counts)
                        sink->counts->n_updates++;
                sink->ops->on_update(sink->state, &facts, update);
        }
}

// The next pass over the same window, tentative or final, most likely begins with the same
// tokens.
static void draft_keep(struct stream *stream, const struct job *job,
                       const struct hypothesis *hypothesis) {
        size_t n = 0;

        for (size_t i = 0; i < hypothesis->n_segments; i++)
                n += hypothesis->segments[i].n_tokens;
        free(stream->draft);
        stream->draft = NULL;
        stream->n_draft = 0;
        stream->draft_begin = job->begin;
        if (n == 0)
                return;
        stream->draft = xcalloc(n, sizeof(*stream->draft));
        for (size_t i = 0; i < hypothesis->n_segments; i++) {
                const struct hypothesis_segment *segment = &hypothesis->segments[i];

                if (segment->n_tokens > 0)
                        memcpy(stream->draft + stream->n_draft, segment->tokens,
                               segment->n_tokens * sizeof(*stream->draft));
                stream->n_draft += segment->n_tokens;
        }
}

static void stream_on_hypothesis(void *context, const struct job *job, int result,
                                 struct hypothesis *hypothesis) {
        struct stream *stream = context;
        struct hypothesis nothing = {0};
        const struct update *update;
        size_t owed = lane_owed(stream->lane);

        if (job->generation < stream->generation_least)
                return;
        if (result < 0) {
                if (!job->is_final)
                        return;
                log_error(stream->name, "decode-failed",
                          "%.1f s of speech could not be decoded: %s",
                          (double)job->n_samples / AUDIO_RATE, strerrordesc_np(-result));
                hypothesis = &nothing;
        }
        if (!job->is_final)
                draft_keep(stream, job, hypothesis);
        if (job->is_final)
                update = assembler_on_final(stream->assembler, job->begin,
                                            job->begin + (int64_t)job->n_samples, hypothesis);
        else
                update = assembler_on_tentative(stream->assembler, job->begin, hypothesis);
        if (update->language_is_new && stream->options.multilingual != DECODE_YES)
                memcpy(stream->options.language, update->language,
                       sizeof(stream->options.language));
        stream_on_update(stream, job->generation, update);

        if (owed == STREAM_OWED_RESUME && stream->listener.on_relief)
                stream->listener.on_relief(stream->listener.context);
        if (owed == 0 && job->is_final && stream->listener.on_settled)
                stream->listener.on_settled(stream->listener.context);
}

// --- sound enters ----------------------------------------------------------------------------

// Nobody spoke from the last window, or from what was counted before, up to here.
static void silence_count(struct stream *stream, int64_t until) {
        if (until <= stream->judged_until)
                return;
        stream->services.counts->samples_silent += (uint64_t)(until - stream->judged_until);
        stream->judged_until = until;
}

// What of the window may go into a job: not what is gone or owed already.
static int64_t window_begin(const struct stream *stream, const struct window *window) {
        int64_t begin = window->begin;

        if (begin < ring_begin(stream->ring))
                begin = ring_begin(stream->ring);
        return begin < stream->owed_until ? stream->owed_until : begin;
}

static struct job *window_job(struct stream *stream, int64_t begin, int64_t end) {
        struct job *job = job_new((size_t)(end - begin));

        if (!job || ring_copy(stream->ring, begin, (size_t)(end - begin), job->samples) != 0) {
                log_error(stream->name, "window-lost", "%.1f s of speech lost: out of memory",
                          (double)(end - begin) / AUDIO_RATE);
                return job_free(job);
        }
        job->id = ++stream->job_id_last;
        job->generation = stream->clock.generation;
        job->begin = begin;
        job->deadline = loop_now(stream->services.loop) + STREAM_DEADLINE;
        job->options = decode_options_copy(&stream->options);
        if (stream->n_draft > 0 && stream->draft_begin == begin) {
                job->options.draft_tokens = xcalloc(stream->n_draft, sizeof(*stream->draft));
                memcpy(job->options.draft_tokens, stream->draft,
                       stream->n_draft * sizeof(*stream->draft));
                job->options.n_draft_tokens = stream->n_draft;
        }
        return job;
}

// A window is closed. Often what it holds was decoded when the pause in it began.
static void stream_on_window(struct stream *stream, const struct window *window) {
        int64_t begin = window_begin(stream, window), end = window->end;
        struct job_window wanted = {
                .generation = stream->clock.generation,
                .begin = begin,
                .n_samples = (size_t)(end - begin),
                .language = stream->options.language,
        };
        struct job *job;

        stream->tentative_end = 0;
        if (end <= begin)
                return;
        silence_count(stream, begin);
        stream->owed_until = stream->judged_until = end;
        if (lane_promote(stream->lane, &wanted))
                return;
        job = window_job(stream, begin, end);
        if (!job)
                return;
        job->is_final = true;
        lane_submit(stream->lane, job);
}

static void windows_take(struct stream *stream) {
        struct window window;

        while (segmenter_next(stream->segmenter, &window))
                stream_on_window(stream, &window);
}

static bool stream_wants_tail(const struct stream *stream) {
        for (const struct sink *sink = stream->sinks; sink; sink = sink->next)
                if (sink->wants_tail)
                        return true;
        return false;
}

// The open window, if a tentative pass over it has something new to say.
static bool tentative_window(const struct stream *stream, struct window *ret) {
        if (stream->is_file || !stream_wants_tail(stream) ||
            !segmenter_open_window(stream->segmenter, ret))
                return false;
        if (ret->is_settled)
                return ret->end != stream->tentative_end;
        return ret->speech_samples >= STREAM_TENTATIVE_FIRST &&
               ret->end - stream->tentative_end >= STREAM_TENTATIVE_MORE;
}

static void tentative_consider(struct stream *stream) {
        struct window window;

        if (tentative_window(stream, &window))
                lane_want_turn(stream->lane, window.is_settled);
}

// It is our turn: decode what was said up to now.
static void stream_on_turn(void *context) {
        struct stream *stream = context;
        struct window window;
        int64_t begin;
        struct job *job;

        if (!tentative_window(stream, &window))
                return;
        begin = window_begin(stream, &window);
        if (window.end <= begin)
                return;
        job = window_job(stream, begin, window.end);
        if (!job)
                return;
        job->is_settling = window.is_settled;
        if (job->is_settling)
                job->deadline += stream->pause / 2;  // about what is left of the pause
        else  // What may yet change gets no word times: they cost as much again.
                job->options.word_timestamps = DECODE_NO;
        stream->tentative_end = window.end;
        lane_submit(stream->lane, job);
}

static void silence_expect(struct stream *stream, size_t n) {
        nsec_t now = loop_now(stream->services.loop);
        nsec_t length = (nsec_t)n * (NSEC_PER_SEC / AUDIO_RATE);

        if (stream->played_until < now)
                stream->played_until = now;
        stream->played_until += length;
        if (stream->played_until > now + STREAM_AHEAD_MAX)
                stream->played_until = now + STREAM_AHEAD_MAX;
        if (stream->poured_until < now)
                stream->poured_until = now;
        stream->poured_until += length;
        loop_timer_set(stream->silence, stream->played_until - now + stream->pause);
}

// Sound that stops coming is silence: close the window at the sound there is.
static void stream_on_silence(void *context) {
        struct stream *stream = context;

        segmenter_flush(stream->segmenter);
        windows_take(stream);
}

void stream_on_audio(struct stream *stream, const float *samples, size_t n) {
        assert(loop_is_current(stream->services.loop));
        if (n == 0)
                return;
        stream_clock_hear(&stream->clock, ring_end(stream->ring), n,
                          loop_wall(stream->services.loop), loop_now(stream->services.loop));
        silence_expect(stream, n);
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
        silence_count(stream, segmenter_oldest_needed(stream->segmenter));
        tentative_consider(stream);
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
        struct sink *next;

        if (stream->state == SOURCE_ONLINE && state != SOURCE_ONLINE &&
            state != SOURCE_STALLED) {
                stream_on_silence(stream);  // what was heard before the loss is owed
                generation_begin(stream);
        }
        stream->state = state;
        snprintf(stream->reason, sizeof(stream->reason), "%s", reason ? reason : "");
        state_log(stream);
        notice = stream_state(stream);
        facts = facts_of(stream, stream->clock.generation);
        for (struct sink *sink = stream->sinks; sink; sink = next) {
                next = sink->next;
                if (sink->ops->on_notice)
                        sink->ops->on_notice(sink->state, &facts, &notice);
        }
}

// --- controls --------------------------------------------------------------------------------

void stream_flush(struct stream *stream) {
        stream_on_silence(stream);
        if (lane_owed(stream->lane) == 0 && stream->listener.on_settled)
                stream->listener.on_settled(stream->listener.context);
}

void stream_cancel(struct stream *stream) {
        struct hypothesis nothing = {0};

        lane_cancel(stream->lane, false);
        segmenter_reset(stream->segmenter);
        memcpy(stream->options.language, stream->language, sizeof(stream->language));
        stream->owed_until = stream->judged_until = ring_end(stream->ring);
        generation_begin(stream);
        stream->generation_least = stream->clock.generation;
        stream_on_update(
                stream, stream->clock.generation,
                assembler_on_tentative(stream->assembler, ring_end(stream->ring), &nothing));
        if (stream->listener.on_relief)
                stream->listener.on_relief(stream->listener.context);
}

void stream_restart(struct stream *stream) {
        stream_cancel(stream);
        stream->origin = ring_end(stream->ring);
        assembler_restart(stream->assembler, stream->origin);
        history_clear(stream->history);
}

void stream_stop(struct stream *stream) {
        stream->source = source_close(stream->source);
        stream_flush(stream);
}

void stream_add_sink(struct stream *stream, struct sink *sink) {
        sink->next = stream->sinks;
        stream->sinks = sink;
}

void stream_remove_sink(struct stream *stream, struct sink *sink) {
        struct sink **place = &stream->sinks;

        while (*place && *place != sink)
                place = &(*place)->next;
        if (*place)
                *place = sink->next;
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

size_t stream_owed(const struct stream *stream) {
        return lane_owed(stream->lane);
}

bool stream_is_backlogged(const struct stream *stream) {
        nsec_t ahead = stream->poured_until - loop_now(stream->services.loop);

        // Who talks as people do is never held up, however late the decoder is.
        return lane_owed(stream->lane) >= STREAM_OWED_PAUSE &&
               (ahead > STREAM_FLOOD || scheduler_is_full(stream->services.scheduler));
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

int stream_open(struct stream **ret, const struct stream_services *services,
                const struct stream_settings *settings, const struct stream_listener *listener,
                struct error *error) {
        struct segmenter_config config = segmenting(settings);
        struct stream *stream = xnew(struct stream);
        int r = 0;

        stream->name = xstrdup(settings->name);
        stream->services = *services;
        stream->listener = *listener;
        stream->options = decode_options_copy(settings->options);
        // A window is a sentence or two; its place is known from the sound, and asked for
        // timestamps Whisper leaves more words out (docs/benchmarks.md).
        if (stream->options.without_timestamps == DECODE_UNSET)
                stream->options.without_timestamps = DECODE_YES;
        // A camera hears many people, a client is one.
        if (stream->options.multilingual == DECODE_UNSET)
                stream->options.multilingual =
                        settings->source && stream->options.language[0] == '\0' ? DECODE_YES
                                                                                : DECODE_NO;
        memcpy(stream->language, stream->options.language, sizeof(stream->language));
        stream->is_file = settings->is_file;
        // What a client pours in has no time of its own.
        stream->clock.is_followed = settings->source != NULL;
        stream->pause = (settings->is_file ? segmenter_config_default().pause : config.pause) *
                        (NSEC_PER_SEC / AUDIO_RATE);
        stream->silence = loop_timer_new(services->loop, stream_on_silence, stream);
        stream->segmenter = segmenter_new(services->vad, &config);
        stream->lane =
                lane_open(services->scheduler, settings->is_file, stream_on_hypothesis, stream);
        lane_set_turn(stream->lane, stream_on_turn);
        stream->assembler = assembler_new();
        stream->history = history_new(settings->history_segments, STREAM_HISTORY_BYTES);
        stream->state = SOURCE_ONLINE;
        r = ring_new(&stream->ring, STREAM_RING_SAMPLES);
        if (r < 0)
                r = error_set(error, r, "stream '%s': no memory for its sound", settings->name);
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
        stream->lane = lane_close(stream->lane);
        stream->segmenter = segmenter_free(stream->segmenter);
        stream->ring = ring_free(stream->ring);
        stream->silence = loop_timer_free(stream->silence);
        decode_options_deinit(&stream->options);
        free(stream->draft);
        free(stream->name);
        free(stream);
        return NULL;
}
