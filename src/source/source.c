#include "source/source.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "audio/pcm.h"
#include "source/media_process.h"
#include "source/media_run.h"
#include "source/source_url.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/process.h"

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

// After an end that came to all sources at once: the process that reads them has a back-off of
// its own.
static const unsigned general_delays_s[] = {1, 1, 2, 5, 10};

#define N_DELAYS         (sizeof(delays_s) / sizeof(delays_s[0]))
#define N_GENERAL_DELAYS (sizeof(general_delays_s) / sizeof(general_delays_s[0]))

struct source {
        struct loop *loop;
        char *name;
        char *url;
        char *track;
        struct source_config config;  // its strings are the three above
        struct source_listener listener;

        enum source_state state;
        char reason[REASON_MAX];      // why the present run is being stopped; "" it is not
        struct media_run *run;        // NULL between two
        struct loop_timer *start;     // the next run
        struct loop_timer *watchdog;  // on samples
        struct loop_timer *resume;    // after a rest, when sound came too fast
        nsec_t online_since;
        nsec_t last_samples;
        nsec_t last_sign;   // that the run is alive, though no samples came
        bool is_recording;  // of the network: it has an end
        nsec_t lead;        // of the sound over the clock, at last_samples
        // Ends since the last good stretch: of its own, and general ones.
        size_t n_failures, n_general;
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
        return process_children() + media_process_children();
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
        free(source->track);
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

static nsec_t source_delay_next(struct source *source, bool is_general) {
        size_t *n = is_general ? &source->n_general : &source->n_failures;
        size_t most = (is_general ? N_GENERAL_DELAYS : N_DELAYS) - 1;
        size_t at = *n < most ? *n : most;

        ++*n;
        return delay_jitter(source,
                            (is_general ? general_delays_s : delays_s)[at] * NSEC_PER_SEC);
}

// Nothing runs now; say so and try again after `delay`.
static void source_retry(struct source *source, enum source_state state, nsec_t delay,
                         const char *reason) {
        char text[REASON_MAX + 64];

        loop_timer_set(source->start, delay);
        snprintf(text, sizeof(text), "%s; next try in %.1f s", reason,
                 (double)delay / (double)NSEC_PER_SEC);
        (void)source_state_set(source, state, text);
}

// --- the end of a run -------------------------------------------------------------

// Live sound is broken now and then: that is not what ended it.
static bool end_is_fault(const struct media_end *end) {
        return end->fault != MEDIA_FAULT_NONE && end->fault != MEDIA_FAULT_DAMAGED;
}

// What it means, in words.
static const char *end_reason(const struct source *source, const struct media_end *end) {
        if (source->reason[0])
                return source->reason;
        if (end_is_fault(end))
                return end->text;
        return end->n_samples ? "the far end closed the stream" : "no sound in it";
}

static enum source_cause end_cause(const struct source *source, const struct media_end *end) {
        if (source->reason[0])  // the watchdog's
                return source->online_since >= 0 ? SOURCE_CAUSE_STALLED
                                                 : SOURCE_CAUSE_UNREACHABLE;
        switch (end->fault) {
        case MEDIA_FAULT_CREDENTIALS:
                return SOURCE_CAUSE_CREDENTIALS;
        case MEDIA_FAULT_NOT_FOUND:
                return SOURCE_CAUSE_NOT_FOUND;
        case MEDIA_FAULT_NAME:
        case MEDIA_FAULT_REFUSED:
        case MEDIA_FAULT_UNREACHABLE:
        case MEDIA_FAULT_TIMEOUT:
                return SOURCE_CAUSE_UNREACHABLE;
        case MEDIA_FAULT_NO_AUDIO:
        case MEDIA_FAULT_INDEX_LAST:
        case MEDIA_FAULT_PROTOCOL:
        case MEDIA_FAULT_FORMAT:
        case MEDIA_FAULT_NOT_MEDIA:
                return SOURCE_CAUSE_NO_SOUND;
        case MEDIA_FAULT_ADDRESS:
        case MEDIA_FAULT_LIMIT:
        case MEDIA_FAULT_OTHER:
                return SOURCE_CAUSE_OTHER;
        case MEDIA_FAULT_DAMAGED:
        case MEDIA_FAULT_NONE:
                break;
        }
        return end->n_samples > 0 ? SOURCE_CAUSE_CLOSED : SOURCE_CAUSE_NO_SOUND;
}

// A recording of the network that broke off may be whole the next time; a file is what it is.
static bool end_is_last(const struct source *source, const struct media_end *end) {
        if (source->config.is_looped || end->has_died || end->n_samples == 0 ||
            source->reason[0])
                return false;
        return source_url_file(source->url) || (source->is_recording && !end_is_fault(end));
}

static void source_finish(struct source *source, const struct media_end *end) {
        const char *what = source_url_file(source->url) ? "file" : "recording";
        char text[REASON_MAX];

        if (end->fault == MEDIA_FAULT_NONE)
                snprintf(text, sizeof(text), "end of the %s", what);
        else if (end->fault == MEDIA_FAULT_DAMAGED)
                snprintf(text, sizeof(text), "end of the %s, which is damaged (%s)", what,
                         end->words);
        else
                snprintf(text, sizeof(text), "%s", end->text);
        source->run = media_run_close(source->run);
        (void)source_state_set(source, SOURCE_ENDED, text);
}

static void source_on_end(void *context, const struct media_end *end) {
        struct source *source = context;
        bool is_file = source_url_file(source->url) != NULL;
        const char *reason = end_reason(source, end);

        source->cause = end_cause(source, end);
        loop_timer_cancel(source->watchdog);
        loop_timer_cancel(source->resume);
        if (source->online_since >= 0 &&
            source->last_samples - source->online_since >= GOOD_STRETCH)
                source->n_failures = source->n_general = 0;
        if (end_is_last(source, end))
                source_finish(source, end);
        else if (end->fault == MEDIA_FAULT_CREDENTIALS || end->fault == MEDIA_FAULT_ADDRESS ||
                 (is_file && end->n_samples == 0 && end_is_fault(end) && !end->has_died))
                source_retry(source, SOURCE_FAILED, delay_jitter(source, FAILED_DELAY), reason);
        else
                source_retry(source, SOURCE_OFFLINE, source_delay_next(source, end->is_general),
                             reason);
}

// --- a run ------------------------------------------------------------------------

static nsec_t source_patience(const struct source *source) {
        nsec_t stall = source->config.stall_timeout;

        if (source->online_since >= 0)
                return stall;
        return stall > CONNECT_TIMEOUT ? stall : CONNECT_TIMEOUT;
}

// Samples come many times a second; the timer is moved only when it fires.
static void source_on_watchdog(void *context) {
        struct source *source = context;
        nsec_t heard = source->last_samples > source->last_sign ? source->last_samples
                                                                : source->last_sign;
        nsec_t due = heard + source_patience(source);
        nsec_t now = loop_now(source->loop);

        if (now < due) {
                loop_timer_set(source->watchdog, due - now);
                return;
        }
        snprintf(source->reason, sizeof(source->reason), "no sound for %.0f s",
                 (double)(now - source->last_samples) / (double)NSEC_PER_SEC);
        media_run_stop(source->run);
        if (source->online_since >= 0)
                (void)source_state_set(source, SOURCE_STALLED, source->reason);
}

static void source_on_resume(void *context) {
        struct source *source = context;

        media_run_resume(source->run);
}

// Keep the sound from running far ahead of the clock. Called before last_samples moves.
static void source_pace(struct source *source, size_t n, nsec_t now) {
        source->lead -= (now - source->last_samples) / 100 * LEAD_RATE;
        if (source->lead < 0)
                source->lead = 0;
        source->lead += (nsec_t)n * NSEC_PER_SEC / AUDIO_RATE;
        if (source->lead <= LEAD_MAX)
                return;
        media_run_pause(source->run);
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

// --- what else a run tells ----------------------------------------------------------

static void source_on_opened(void *context, const struct media_opened *opened) {
        static const struct media_track unknown;
        struct source *source = context;
        bool is_listed = opened->chosen >= 1 && opened->chosen <= opened->n_tracks;
        const struct media_track *track =
                is_listed ? &opened->tracks[opened->chosen - 1] : &unknown;

        source->is_recording = opened->is_finite;
        log_debug(source->name, "source-opened",
                  "%s, sound track %u of %u: %s, %u Hz, %u channels%s%s%s%s", opened->container,
                  opened->chosen, opened->n_tracks, track->codec, track->rate, track->channels,
                  track->language[0] ? ", " : "", track->language, opened->why[0] ? "; " : "",
                  opened->why);
}

static void source_on_gap(void *context, double seconds) {
        const struct source *source = context;

        log_debug(source->name, "source-gap", "%.1f s are missing, and are taken for silence",
                  seconds);
}

static void source_on_jump(void *context, double seconds) {
        struct source *source = context;

        log_debug(source->name, "source-jump", "the source's clock jumped by %.1f s", seconds);
        if (source->listener.on_jump)
                source->listener.on_jump(source->listener.context);
}

static void source_on_title(void *context, const char *title) {
        const struct source *source = context;

        log_debug(source->name, "source-title", "now playing: %s", title);
}

static void source_on_progress(void *context) {
        struct source *source = context;

        source->last_sign = loop_now(source->loop);
}

static void source_on_warning(void *context, const char *words) {
        const struct source *source = context;

        log_warning(source->name, "source-warning", "%s", words);
}

// --- its beginning --------------------------------------------------------------------

static int source_run(struct source *source, struct error *error) {
        const char *path = source_url_file(source->url);
        const struct media_run_config config = {
                .kind = path ? MEDIA_RUN_FILE : MEDIA_RUN_NETWORK,
                .url = source->url,
                .path = path,
                .transport = source->config.transport,
                .is_paced = path != NULL,
                .is_looped = source->config.is_looped,
                .is_untrusted = source->config.is_untrusted,
                .track = source->track,
        };
        const struct media_run_listener listener = {
                .on_opened = source_on_opened,
                .on_gap = source_on_gap,
                .on_jump = source_on_jump,
                .on_title = source_on_title,
                .on_progress = source_on_progress,
                .on_warning = source_on_warning,
                .on_samples = source_on_samples,
                .on_end = source_on_end,
                .context = source,
        };

        return media_run_open(&source->run, source->config.media, &config, &listener, error);
}

// A file that is not there will not come in a second, nor what may not be read be allowed.
static void source_unopened(struct source *source, int code, const char *words) {
        if (code == -EPERM ||
            (source_url_file(source->url) && source_url_check(source->url, NULL) < 0))
                source_retry(source, SOURCE_FAILED, delay_jitter(source, FAILED_DELAY), words);
        else
                source_retry(source, SOURCE_OFFLINE, source_delay_next(source, code == -EAGAIN),
                             words);
}

static void source_on_start(void *context) {
        struct source *source = context;
        struct error error = {0};
        int code;

        source->run = media_run_close(source->run);
        source->reason[0] = '\0';
        source->online_since = -1;
        source->last_samples = source->last_sign = loop_now(source->loop);
        source->is_recording = false;
        source->lead = 0;
        if (source->n_starts++ > 0)
                source->n_restarts[source->cause]++;
        if (!source_state_set(source, SOURCE_CONNECTING, ""))
                return;
        code = source_run(source, &error);
        if (code < 0) {
                source->cause = SOURCE_CAUSE_OTHER;
                source_unopened(source, code, error.text);
                return;
        }
        loop_timer_set(source->watchdog, source_patience(source));
        log_debug(source->name, "source-start", "it is read by %s",
                  source->config.media->ops->name);
}

// --- life -------------------------------------------------------------------------

int source_open(struct source **ret, struct loop *loop, const struct source_config *config,
                const struct source_listener *listener, struct error *error) {
        struct source *source;
        int code = 0;

        assert(loop_is_current(loop));
        // A file that is not there yet may come; everything else is a mistake.
        if (config->is_untrusted)
                code = source_url_check_untrusted(config->url, error);
        else if (!source_url_file(config->url))
                code = source_url_check(config->url, error);
        if (code < 0)
                return code;
        source = xnew(struct source);
        source->loop = loop;
        source->name = xstrdup(config->name);
        source->url = xstrdup(config->url);
        source->track = xstrdup(config->track);
        source->config = *config;
        source->config.name = source->name;
        source->config.url = source->url;
        source->config.track = source->track;
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
        source->run = media_run_close(source->run);
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
