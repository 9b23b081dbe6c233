#include "source/source.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "audio/pcm.h"
#include "source/ffmpeg_child.h"
#include "source/source_url.h"
#include "util/log.h"
#include "util/mem.h"

#define STALL_TIMEOUT   (10 * NSEC_PER_SEC)
#define CONNECT_TIMEOUT (20 * NSEC_PER_SEC)  // HLS may need three segments before it begins
#define GOOD_STRETCH    (10 * NSEC_PER_SEC)  // of sound: the trouble before is over
#define FAILED_DELAY    (300 * NSEC_PER_SEC)

// How far sound may run ahead of the clock: live HLS begins with some 20 s at once. A recording
// behind an HTTP address would come whole in an instant; beyond the lead it is held to a
// little more than real time, which also covers a camera whose clock runs fast.
#define LEAD_MAX  (20 * NSEC_PER_SEC)
#define LEAD_REST (1 * NSEC_PER_SEC)  // how far below it the child is held back
#define LEAD_RATE 102                 // percent of real time

#define REASON_MAX 400

static const unsigned delays_s[] = {1, 1, 1, 1, 1, 5, 10, 20, 40, 60};

#define N_DELAYS (sizeof(delays_s) / sizeof(delays_s[0]))

struct source {
        struct loop *loop;
        char *name;
        char *url;
        char *ffmpeg;
        struct source_config config;  // its strings are the three above
        struct source_listener listener;

        enum source_state state;
        char reason[REASON_MAX];      // why the running child is being stopped; "" it is not
        struct ffmpeg_child *child;   // NULL between two runs
        struct loop_timer *start;     // the next run
        struct loop_timer *watchdog;  // on samples
        struct loop_timer *resume;    // after a rest, when sound came too fast
        nsec_t online_since;
        nsec_t last_samples;
        nsec_t lead;        // of the sound over the clock, at last_samples
        size_t n_failures;  // since the last good stretch
        unsigned n_starts;
        enum source_cause cause;  // of the next start
        unsigned n_restarts[SOURCE_CAUSE_COUNT];
        unsigned random;

        bool is_telling;  // within a call of on_state
        bool is_closed;   // closed within that call: free when it returns
};

const char *source_state_name(enum source_state state) {
        static const char *const names[] = {
                [SOURCE_CONNECTING] = "connecting", [SOURCE_ONLINE] = "online",
                [SOURCE_STALLED] = "stalled",       [SOURCE_OFFLINE] = "offline",
                [SOURCE_FAILED] = "failed",         [SOURCE_ENDED] = "ended",
        };

        return names[state];
}

const char *source_cause_name(enum source_cause cause) {
        static const char *const names[] = {
                [SOURCE_CAUSE_STALLED] = "stalled",
                [SOURCE_CAUSE_CLOSED] = "closed",
                [SOURCE_CAUSE_UNREACHABLE] = "unreachable",
                [SOURCE_CAUSE_CREDENTIALS] = "credentials",
                [SOURCE_CAUSE_NOT_FOUND] = "not_found",
                [SOURCE_CAUSE_NO_SOUND] = "no_sound",
                [SOURCE_CAUSE_OTHER] = "other",
        };

        return names[cause];
}

unsigned source_children(void) {
        return process_children();
}

enum source_state source_state(const struct source *source) {
        return source->state;
}

unsigned source_restarts(const struct source *source) {
        return source->n_starts > 0 ? source->n_starts - 1 : 0;
}

unsigned source_restarts_by(const struct source *source, enum source_cause cause) {
        return source->n_restarts[cause];
}

// --- telling --------------------------------------------------------------------

static void source_free(struct source *source) {
        free(source->name);
        free(source->url);
        free(source->ffmpeg);
        free(source);
}

// True while the source is still open afterwards: the listener may close it.
static bool source_state_set(struct source *source, enum source_state state,
                             const char *reason) {
        source->state = state;
        source->is_telling = true;
        source->listener.on_state(source->listener.context, state, reason);
        source->is_telling = false;
        if (!source->is_closed)
                return true;
        source_free(source);
        return false;
}

// --- back-off -------------------------------------------------------------------

// A delay of +-20 %. Marsaglia's xorshift: the streams only need to differ.
static nsec_t delay_jitter(struct source *source, nsec_t delay) {
        source->random ^= source->random << 13;
        source->random ^= source->random >> 17;
        source->random ^= source->random << 5;
        return delay / 1000 * (800 + (nsec_t)(source->random % 401));
}

static nsec_t source_delay_next(struct source *source) {
        size_t n = source->n_failures < N_DELAYS ? source->n_failures : N_DELAYS - 1;

        source->n_failures++;
        return delay_jitter(source, delays_s[n] * NSEC_PER_SEC);
}

// Nothing runs now; say so and try again later.
static void source_retry(struct source *source, enum source_state state, const char *reason) {
        nsec_t delay = state == SOURCE_FAILED ? delay_jitter(source, FAILED_DELAY)
                                              : source_delay_next(source);
        char text[REASON_MAX + 64];

        loop_timer_set(source->start, delay);
        snprintf(text, sizeof(text), "%s; next try in %.1f s", reason,
                 (double)delay / (double)NSEC_PER_SEC);
        (void)source_state_set(source, state, text);
}

// --- the end of a child -----------------------------------------------------------

// What its end means, in words.
static const char *end_reason(const struct source *source, const struct ffmpeg_end *end,
                              char text[static REASON_MAX]) {
        const struct ffmpeg_diagnosis *diagnosis = end->diagnosis;
        const char *diagnosed = ffmpeg_diagnosis_text(diagnosis);
        nsec_t silence = loop_now(source->loop) - source->last_samples;

        if (source->reason[0])
                return source->reason;
        if (end->exit.signal) {
                snprintf(text, REASON_MAX, "ffmpeg was ended by signal %d (%s)",
                         end->exit.signal, sigdescr_np(end->exit.signal));
                return text;
        }
        // ffmpeg calls an RTSP peer that does not answer "invalid data", too.
        if (diagnosis->fault == FFMPEG_FAULT_NOT_MEDIA && end->n_samples == 0 &&
            silence >= 4 * NSEC_PER_SEC)
                return "no answer in time, or none that makes sense";
        if (*diagnosed && (end->exit.status != 0 || end->n_samples == 0))
                return diagnosed;
        if (end->exit.status == 0)
                return end->n_samples ? "the far end closed the stream" : "no sound in it";
        snprintf(text, REASON_MAX, "ffmpeg ended with status %d", end->exit.status);
        return text;
}

static enum source_cause end_cause(const struct source *source, const struct ffmpeg_end *end) {
        bool is_diagnosed = end->exit.status != 0 || end->n_samples == 0;

        if (source->reason[0])  // the watchdog's
                return source->online_since >= 0 ? SOURCE_CAUSE_STALLED
                                                 : SOURCE_CAUSE_UNREACHABLE;
        switch (is_diagnosed ? end->diagnosis->fault : FFMPEG_FAULT_NONE) {
        case FFMPEG_FAULT_CREDENTIALS:
                return SOURCE_CAUSE_CREDENTIALS;
        case FFMPEG_FAULT_NOT_FOUND:
                return SOURCE_CAUSE_NOT_FOUND;
        case FFMPEG_FAULT_NAME:
        case FFMPEG_FAULT_REFUSED:
        case FFMPEG_FAULT_UNREACHABLE:
        case FFMPEG_FAULT_TIMEOUT:
                return SOURCE_CAUSE_UNREACHABLE;
        case FFMPEG_FAULT_NO_AUDIO:
        case FFMPEG_FAULT_INDEX_LAST:
        case FFMPEG_FAULT_PROTOCOL:
        case FFMPEG_FAULT_FORMAT:
        case FFMPEG_FAULT_NOT_MEDIA:
                return SOURCE_CAUSE_NO_SOUND;
        case FFMPEG_FAULT_OTHER:
        case FFMPEG_FAULT_NONE:
                break;
        }
        if (end->exit.signal || end->exit.status != 0)
                return SOURCE_CAUSE_OTHER;
        return end->n_samples > 0 ? SOURCE_CAUSE_CLOSED : SOURCE_CAUSE_NO_SOUND;
}

static void source_on_end(void *context, const struct ffmpeg_end *end) {
        struct source *source = context;
        bool is_file = source_url_file(source->url) != NULL;
        char text[REASON_MAX];
        const char *reason = end_reason(source, end, text);

        source->cause = end_cause(source, end);
        loop_timer_cancel(source->watchdog);
        loop_timer_cancel(source->resume);
        if (source->online_since >= 0 &&
            source->last_samples - source->online_since >= GOOD_STRETCH)
                source->n_failures = 0;
        if (is_file && !source->config.is_looped && end->exit.signal == 0 &&
            end->n_samples > 0 && !source->reason[0]) {
                source->child = ffmpeg_child_close(source->child);
                (void)source_state_set(source, SOURCE_ENDED,
                                       end->exit.status == 0 ? "end of the file" : reason);
                return;
        }
        if (end->diagnosis->fault == FFMPEG_FAULT_CREDENTIALS ||
            (is_file && end->n_samples == 0 && end->exit.status != 0))
                source_retry(source, SOURCE_FAILED, reason);
        else
                source_retry(source, SOURCE_OFFLINE, reason);
}

// --- a child's life ---------------------------------------------------------------

static nsec_t source_patience(const struct source *source) {
        nsec_t stall = source->config.stall_timeout;

        if (source->online_since >= 0)
                return stall;
        return stall > CONNECT_TIMEOUT ? stall : CONNECT_TIMEOUT;
}

// Samples come many times a second; the timer is moved only when it fires.
static void source_on_watchdog(void *context) {
        struct source *source = context;
        nsec_t due = source->last_samples + source_patience(source);
        nsec_t now = loop_now(source->loop);

        if (now < due) {
                loop_timer_set(source->watchdog, due - now);
                return;
        }
        snprintf(source->reason, sizeof(source->reason), "no sound for %.0f s",
                 (double)(now - source->last_samples) / (double)NSEC_PER_SEC);
        process_stop(ffmpeg_child_process(source->child));
        if (source->online_since >= 0)
                (void)source_state_set(source, SOURCE_STALLED, source->reason);
}

static void source_on_resume(void *context) {
        struct source *source = context;

        process_resume(ffmpeg_child_process(source->child));
}

// Keep the sound from running far ahead of the clock. Called before last_samples moves.
static void source_pace(struct source *source, size_t n, nsec_t now) {
        source->lead -= (now - source->last_samples) / 100 * LEAD_RATE;
        if (source->lead < 0)
                source->lead = 0;
        source->lead += (nsec_t)n * NSEC_PER_SEC / AUDIO_RATE;
        if (source->lead <= LEAD_MAX)
                return;
        process_pause(ffmpeg_child_process(source->child));
        loop_timer_set(source->resume, source->lead - LEAD_MAX + LEAD_REST);
}

static void source_on_samples(void *context, const float *samples, size_t n) {
        struct source *source = context;
        nsec_t now = loop_now(source->loop);

        source_pace(source, n, now);
        source->last_samples = now;
        if (source->online_since < 0) {
                source->online_since = now;
                loop_timer_set(source->watchdog, source_patience(source));
                if (!source_state_set(source, SOURCE_ONLINE, ""))
                        return;
        }
        source->listener.on_samples(source->listener.context, samples, n);
}

static int source_child_open(struct source *source, struct error *error) {
        const char *path = source_url_file(source->url);
        const struct ffmpeg_child_listener listener = {
                .on_samples = source_on_samples,
                .on_end = source_on_end,
                .context = source,
        };
        struct ffmpeg_command command;
        int code;

        if (path)
                ffmpeg_command_init_file(&command, source->ffmpeg, path, true,
                                         source->config.is_looped);
        else
                ffmpeg_command_init_network(&command, &source->config);
        code = ffmpeg_child_open(&source->child, source->loop, &command, false, &listener,
                                 error);
        ffmpeg_command_deinit(&command);
        return code;
}

static void source_on_start(void *context) {
        struct source *source = context;
        struct error error = {0};

        source->child = ffmpeg_child_close(source->child);
        source->reason[0] = '\0';
        source->online_since = -1;
        source->last_samples = loop_now(source->loop);
        source->lead = 0;
        if (source->n_starts++ > 0)
                source->n_restarts[source->cause]++;
        if (!source_state_set(source, SOURCE_CONNECTING, ""))
                return;
        if (source_child_open(source, &error) < 0) {
                source->cause = SOURCE_CAUSE_OTHER;
                source_retry(source, SOURCE_OFFLINE, error.text);
                return;
        }
        loop_timer_set(source->watchdog, source_patience(source));
        log_debug(source->name, "source-start", "ffmpeg runs as process %d",
                  process_id(ffmpeg_child_process(source->child)));
}

// --- life -------------------------------------------------------------------------

int source_open(struct source **ret, struct loop *loop, const struct source_config *config,
                const struct source_listener *listener, struct error *error) {
        struct source *source;

        assert(loop_is_current(loop));
        // A file that is not there yet may come; everything else is a mistake.
        if (!source_url_file(config->url)) {
                int code = source_url_check(config->url, error);

                if (code < 0)
                        return code;
        }
        source = xnew(struct source);
        source->loop = loop;
        source->name = xstrdup(config->name);
        source->url = xstrdup(config->url);
        source->ffmpeg = xstrdup(config->ffmpeg);
        source->config = *config;
        source->config.name = source->name;
        source->config.url = source->url;
        source->config.ffmpeg = source->ffmpeg;
        if (source->config.stall_timeout <= 0)
                source->config.stall_timeout = STALL_TIMEOUT;
        source->listener = *listener;
        source->online_since = -1;
        if (getrandom(&source->random, sizeof(source->random), GRND_NONBLOCK) < 0 ||
            source->random == 0)
                source->random = 1;
        source->start = loop_timer_new(loop, source_on_start, source);
        source->watchdog = loop_timer_new(loop, source_on_watchdog, source);
        source->resume = loop_timer_new(loop, source_on_resume, source);
        loop_timer_set(source->start, 0);
        *ret = source;
        return 0;
}

void source_stop(struct source *source) {
        assert(loop_is_current(source->loop));
        source->child = ffmpeg_child_close(source->child);
        loop_timer_cancel(source->start);
        loop_timer_cancel(source->watchdog);
        loop_timer_cancel(source->resume);
        source->state = SOURCE_ENDED;
}

struct source *source_close(struct source *source) {
        if (!source)
                return NULL;
        source_stop(source);
        source->start = loop_timer_free(source->start);
        source->watchdog = loop_timer_free(source->watchdog);
        source->resume = loop_timer_free(source->resume);
        if (source->is_telling)
                source->is_closed = true;
        else
                source_free(source);
        return NULL;
}
