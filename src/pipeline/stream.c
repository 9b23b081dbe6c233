#include "pipeline/stream.h"
#include "journal/archive.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/file.h"
#include "pipeline/live.h"
#include "pipeline/stream_clock.h"
#include "pipeline/stream_pace.h"
#include "util/budget.h"
#include "util/log.h"
#include "util/mem.h"

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

// One sound: from whom it comes and who hears of its text. One of the two compositions makes
// the text.
struct stream {
        char *name;
        struct stream_services services;
        struct stream_listener listener;

        struct source *source;          // brings samples; NULL when they are pushed
        struct live *live;              // what makes text of sound that is being spoken,
        struct file *file;              // or of a file; the other one is NULL
        struct history *history;        // for those who come late
        struct observer *observers;     // for those who are here
        struct journaling *journaling;  // what text goes through first; NULL: nothing

        struct stream_clock clock;
        struct stream_pace pace;
        int64_t origin;  // time zero of the recording

        struct loop_timer *silence;  // fires when sound stops coming
        nsec_t pause;                // how long it must have stopped
        struct loop_timer *relief;   // while is_held
        bool is_held;                // who pushes was asked to pause

        struct level level;
        size_t n_since_level;  // samples since it was told
        enum source_state state;
        char reason[STREAM_REASON_MAX];
        nsec_t since;      // wall clock: of that state
        bool is_speaking;  // somebody is
};

// --- live or a file --------------------------------------------------------------------------

static void sound_feed(struct stream *stream, const float *samples, size_t n) {
        if (stream->file)
                file_feed(stream->file, samples, n);
        else
                live_feed(stream->live, samples, n);
}

// Close the window at the sound there is.
static void window_end(struct stream *stream) {
        if (stream->file)
                file_flush(stream->file);
        else
                live_flush(stream->live);
}

// What has arrived and is neither text nor known to be none.
static int64_t samples_unheard(const struct stream *stream) {
        return stream->file ? file_unheard(stream->file) : live_unheard(stream->live);
}

// Windows that the decoder has not answered.
static size_t windows_backlog(const struct stream *stream) {
        return stream->file ? file_backlog(stream->file) : live_backlog(stream->live);
}

size_t stream_backlog(const struct stream *stream) {
        size_t n = stream->journaling ? journaling_waiting(stream->journaling) : 0;

        return windows_backlog(stream) + n;
}

int64_t stream_position(const struct stream *stream) {
        return stream->file ? file_duration(stream->file) : live_position(stream->live);
}

int64_t stream_transcribed(const struct stream *stream) {
        return stream_position(stream) - samples_unheard(stream);
}

struct level_reading stream_level(const struct stream *stream) {
        if (stream->state == SOURCE_ONLINE)
                return level_read(&stream->level);
        return (struct level_reading){(double)NAN, (double)NAN};
}

const struct update *stream_current(struct stream *stream) {
        return stream->file ? file_current(stream->file) : live_current(stream->live);
}

// --- who pours sound in ----------------------------------------------------------------------

// More has arrived than will be heard soon, and it can wait: who talks as people do is never
// held up, however late the decoder is.
static bool is_ahead(const struct stream *stream) {
        size_t backlog = windows_backlog(stream);
        int64_t unheard = samples_unheard(stream);

        if (!stream->file && !scheduler_is_full(stream->services.scheduler) &&
            !stream_is_flood(stream))
                return false;
        if (budget_is_tight(stream->services.budget))
                return unheard > STREAM_UNHEARD_TIGHT;
        if (stream->file)
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

static void update_show(struct stream *stream, const struct stream_facts *facts,
                        const struct update *update) {
        for (size_t i = 0; i < update->n_finals; i++)
                history_append(stream->history, &update->finals[i]);
        observers_on_update(stream->observers, facts, update);
}

static void stream_on_update(struct stream *stream, uint32_t generation,
                             const struct update *update) {
        struct stream_facts facts = facts_of(stream, generation);

        if (stream->journaling)
                journaling_on_update(stream->journaling, &facts, update);
        else
                update_show(stream, &facts, update);
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

static void idle_consider(struct stream *stream) {
        if (stream_backlog(stream) == 0 && stream->listener.on_idle)
                stream->listener.on_idle(stream->listener.context);
}

// What was journaled may be shown; the stream may have waited for nothing else.
static void stream_on_journaled(void *context, const struct stream_facts *facts,
                                const struct update *update) {
        struct stream *stream = context;

        update_show(stream, facts, update);
        if (update->n_finals > 0)
                idle_consider(stream);
}

// The answer to a job is out.
static void stream_on_answer(struct stream *stream, bool is_final) {
        relief_consider(stream);
        if (is_final)
                idle_consider(stream);
}

static void live_on_update(void *context, uint32_t generation, const struct update *update,
                           bool is_final) {
        struct stream *stream = context;

        stream_on_update(stream, generation, update);
        stream_on_answer(stream, is_final);
}

static void live_on_failure(void *context, size_t n_samples, const char *reason) {
        stream_fail(context, n_samples, reason);
}

static void file_on_update(void *context, const struct update *update) {
        struct stream *stream = context;

        stream_on_update(stream, stream->clock.generation, update);
        stream_on_answer(stream, true);
}

static void file_on_failure(void *context, int64_t begin, int64_t end, int result) {
        stream_fail(context, (size_t)(end - begin), strerrordesc_np(-result));
}

// --- sound enters ----------------------------------------------------------------------------

// Partial text is shown to those who want it, but not of a flood, in which nobody is talking
// now.
static bool live_wants_partials(void *context) {
        const struct stream *stream = context;
        bool is_wanted = observers_want_tail(stream->observers) ||
                         (stream->journaling && journaling_wants_tail(stream->journaling));

        return is_wanted && !stream_is_flood(stream);
}

// Sound that stops coming is silence, unless it was asked to, and goes on after an answer.
static void stream_on_silence(void *context) {
        struct stream *stream = context;

        if (stream->is_held && stream_backlog(stream) > 0)
                loop_timer_set(stream->silence, stream->pause);
        else
                window_end(stream);
}

// Each second of sound its observers are told how loud it was.
static void level_hear(struct stream *stream, const float *samples, size_t n) {
        struct stream_facts facts = stream_facts(stream);
        struct level_reading reading;

        level_feed(&stream->level, samples, n);
        stream->n_since_level += n;
        if (stream->n_since_level < AUDIO_RATE)
                return;
        stream->n_since_level %= AUDIO_RATE;
        reading = level_read(&stream->level);
        observers_on_level(stream->observers, &facts, &reading);
}

void stream_on_audio(struct stream *stream, const float *samples, size_t n) {
        assert(loop_is_current(stream->services.loop));
        if (n == 0)
                return;
        stream_clock_hear(&stream->clock, stream_position(stream), n,
                          loop_wall(stream->services.loop), loop_now(stream->services.loop));
        loop_timer_set(stream->silence,
                       stream_pace_hear(&stream->pace, n, loop_now(stream->services.loop)) +
                               stream->pause);
        stream->services.counts->samples_in += n;
        level_hear(stream, samples, n);
        sound_feed(stream, samples, n);
}

static void source_on_samples(void *context, const float *samples, size_t n) {
        stream_on_audio(context, samples, n);
}

static void live_on_speech(void *context, bool is_speaking) {
        struct stream *stream = context;
        struct stream_facts facts = stream_facts(stream);

        stream->is_speaking = is_speaking;
        observers_on_speech(stream->observers, &facts, is_speaking);
}

static void live_on_speech_window(void *context, const struct observer_window *window) {
        observers_on_window(((struct stream *)context)->observers, window);
}

// What a window holds is kept.
static void live_on_sound(void *context, int64_t begin, const float *samples, size_t n) {
        const struct stream *stream = context;
        struct stream_facts facts = stream_facts(stream);

        archive_keep(stream->services.archive, stream->name,
                     observer_wall(&facts, begin) / NSEC_PER_MSEC, samples, n);
}

static void generation_begin(struct stream *stream) {
        stream_clock_begin(&stream->clock, stream_position(stream),
                           loop_wall(stream->services.loop));
}

// What was heard before the loss becomes text.
static void source_on_jump(void *context) {
        struct stream *stream = context;

        window_end(stream);
        generation_begin(stream);
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

        if (stream->state == SOURCE_ONLINE && state != SOURCE_ONLINE && state != SOURCE_STALLED)
                source_on_jump(stream);
        if (stream->state != state)
                stream->since = loop_wall(stream->services.loop);
        stream->state = state;
        snprintf(stream->reason, sizeof(stream->reason), "%s", reason ? reason : "");
        state_log(stream);
        notice = stream_state(stream);
        facts = facts_of(stream, stream->clock.generation);
        if (stream->journaling)
                journaling_on_notice(stream->journaling, &facts, &notice);
        observers_on_notice(stream->observers, &facts, &notice);
}

// --- controls --------------------------------------------------------------------------------

void stream_flush(struct stream *stream) {
        window_end(stream);
        idle_consider(stream);
}

void stream_cancel(struct stream *stream) {
        const struct update *update = live_cancel(stream->live);

        generation_begin(stream);
        stream_on_update(stream, stream->clock.generation, update);
        relief_give(stream);
}

void stream_restart(struct stream *stream) {
        stream_cancel(stream);
        if (stream->journaling)
                journaling_release(stream->journaling);
        stream->origin = stream_position(stream);
        live_restart(stream->live);
        history_clear(stream->history);
}

void stream_stop(struct stream *stream) {
        if (stream->source)
                source_stop(stream->source);
        stream_flush(stream);
}

void stream_end(struct stream *stream, const char *reason) {
        source_stop(stream->source);
        window_end(stream);
        source_on_state(stream, SOURCE_ENDED, reason);
        idle_consider(stream);
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

struct stream_facts stream_facts(const struct stream *stream) {
        return facts_of(stream, stream->clock.generation);
}

struct stream_notice stream_state(const struct stream *stream) {
        return (struct stream_notice){
                .state = source_state_name(stream->state),
                .reason = stream->reason,
        };
}

nsec_t stream_since(const struct stream *stream) {
        return stream->since;
}

bool stream_is_speaking(const struct stream *stream) {
        return stream->is_speaking;
}

const struct source *stream_source(const struct stream *stream) {
        return stream->source;
}

int64_t stream_origin(const struct stream *stream) {
        return stream->origin;
}

bool stream_is_journaled(const struct stream *stream) {
        return stream->journaling != NULL;
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

static struct segmenter_config pauses_of(const struct stream_settings *settings) {
        struct segmenter_config pauses = segmenter_config_default();

        if (settings->pause > 0)
                pauses.pause = (int64_t)(settings->pause * AUDIO_RATE);
        if (settings->window_max > 0)
                pauses.window_max = (int64_t)(settings->window_max * AUDIO_RATE);
        return pauses;
}

static int live_begin(struct stream *stream, const struct stream_settings *settings,
                      const struct decode_options *options) {
        struct live_settings live_settings = {
                .owner = settings->owner,
                .options = options,
                .filters = settings->filters,
                .pauses = pauses_of(settings),
                // A camera hears many people, a client is one.
                .is_many_voices = settings->source != NULL,
                .clock = &stream->clock,
        };
        struct live_listener listener = {
                .on_update = live_on_update,
                .on_failure = live_on_failure,
                .wants_partials = live_wants_partials,
                .on_speech = live_on_speech,
                .on_window = live_on_speech_window,
                .context = stream,
        };

        if (settings->has_archive && stream->services.archive)
                listener.on_sound = live_on_sound;
        stream->pause = live_settings.pauses.pause * (NSEC_PER_SEC / AUDIO_RATE);
        return live_open(&stream->live, &stream->services, &live_settings, &listener);
}

static int file_begin(struct stream *stream, const struct stream_settings *settings,
                      const struct decode_options *options) {
        struct segmenter_config pauses = segmenter_config_files();
        struct file_settings file_settings = {
                .owner = settings->owner,
                .options = options,
                .filters = settings->filters,
                .pauses = &pauses,
                .clips = &clips_whole,
        };
        struct file_listener listener = {
                .on_update = file_on_update,
                .on_failure = file_on_failure,
                .context = stream,
        };

        pauses.window_early = (int64_t)(settings->window_early * AUDIO_RATE);
        stream->pause = segmenter_config_default().pause * (NSEC_PER_SEC / AUDIO_RATE);
        return file_open(&stream->file, &stream->services, &file_settings, &listener);
}

// What all jobs of the stream have in common is made ready once.
static struct decode_options options_prepare(struct stream *stream,
                                             const struct decode_options *options) {
        struct decode_options prepared = decode_options_copy(options);
        CLEANUP(mem_freep)
        char *cuts = scheduler_prepare(stream->services.scheduler, &prepared);

        if (cuts)
                log_warning(stream->name, "prompt-shortened",
                            "longer than the model has room for: %s", cuts);
        return prepared;
}

static int source_begin(struct stream *stream, const struct source_config *source,
                        struct error *error) {
        struct source_listener source_listener = {
                .on_samples = source_on_samples,
                .on_state = source_on_state,
                .on_jump = source_on_jump,
                .context = stream,
        };

        stream->state = SOURCE_CONNECTING;
        return source_open(&stream->source, stream->services.loop, source, &source_listener,
                           error);
}

int stream_open(struct stream **ret, const struct stream_services *services,
                const struct stream_settings *settings, const struct stream_listener *listener,
                struct error *error) {
        CLEANUP(stream_closep) struct stream *stream = xnew(struct stream);
        CLEANUP(decode_options_deinit) struct decode_options options = {0};
        int r;

        stream->name = xstrdup(settings->name);
        stream->services = *services;
        stream->listener = *listener;
        options = options_prepare(stream, settings->options);
        // What a client pours in has no time of its own.
        stream->clock.is_followed = settings->source != NULL;
        stream->silence = loop_timer_new(services->loop, stream_on_silence, stream);
        stream->relief = loop_timer_new(services->loop, stream_on_relief_tick, stream);
        stream->history = history_new(settings->history_segments, STREAM_HISTORY_BYTES);
        stream->state = SOURCE_ONLINE;
        stream->since = loop_wall(services->loop);
        if (settings->journaled && services->journaling)
                stream->journaling = journaling_new(services->journaling, settings->journaled,
                                                    stream_on_journaled, stream);
        r = settings->is_file ? file_begin(stream, settings, &options)
                              : live_begin(stream, settings, &options);
        if (r < 0)
                return error_set(error, r, "stream '%s': no memory for its sound",
                                 settings->name);
        if (settings->source)
                r = source_begin(stream, settings->source, error);
        if (r < 0)
                return r;
        *ret = TAKE(stream);
        return 0;
}

void stream_set_listener(struct stream *stream, const struct stream_listener *listener) {
        stream->listener = *listener;
}

struct stream *stream_close(struct stream *stream) {
        if (!stream)
                return NULL;
        stream->source = source_close(stream->source);
        stream->journaling = journaling_free(stream->journaling);
        stream->live = live_close(stream->live);
        stream->file = file_close(stream->file);
        stream->history = history_free(stream->history);
        stream->silence = loop_timer_free(stream->silence);
        stream->relief = loop_timer_free(stream->relief);
        free(stream->name);
        free(stream);
        return NULL;
}
