#include "dialect/session_channel.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "audio/resampler.h"
#include "dialect/session.h"
#include "pipeline/hub_admission.h"
#include "pipeline/hub_parking.h"
#include "util/log.h"
#include "util/mem.h"

// --- what happens to a stream ----------------------------------------------------------------

// While channels are flushed together, the session is idle when the last of them is.
static bool is_any_flushing(const struct session *session) {
        for (unsigned i = 0; i < session->n_channels; i++)
                if (session->channels[i].is_flushing)
                        return true;
        return false;
}

static void channel_on_idle(void *context) {
        struct session_channel *channel = context;
        struct session *session = channel->session;

        channel->is_flushing = false;
        if (is_any_flushing(session))
                return;
        if (session->dialect->on_idle)
                session->dialect->on_idle(session);
        if (session->is_leaving)
                session->dialect->goodbye(session, session->leaving_code);
}

static void channel_on_relief(void *context) {
        struct session_channel *channel = context;
        struct session *session = channel->session;

        if (channel->is_paused && --session->n_paused == 0 && !session->is_held)
                session_read(session, true);
        channel->is_paused = false;
        if (session_is_held_up(session))
                return;
        if (session->dialect->on_relief)
                session->dialect->on_relief(session);
}

// The warning comes once: where one window fails, others do, too.
static void channel_on_failure(void *context, const char *words) {
        const struct session_channel *channel = context;
        struct session *session = channel->session;

        if (session->dialect->on_failure)
                session->dialect->on_failure(session);
        if (session->is_failure_told || !session->dialect->on_warning)
                return;
        session->is_failure_told = true;
        session->dialect->on_warning(session, words);
}

static void channel_on_samples(void *context, const float *samples, size_t n) {
        stream_on_audio(context, samples, n);
}

// --- opening and closing ---------------------------------------------------------------------

static struct stream_listener listener_of(struct session_channel *channel) {
        return (struct stream_listener){
                .on_idle = channel_on_idle,
                .on_relief = channel_on_relief,
                .on_failure = channel_on_failure,
                .context = channel,
        };
}

// The next one; the session has it once it has a stream.
static struct session_channel *channel_new(struct session *session) {
        struct session_channel *channel = &session->channels[session->n_channels];

        assert(session->n_channels < SESSION_CHANNELS_MAX);
        *channel = (struct session_channel){.session = session, .index = session->n_channels};
        return channel;
}

// The session has it from now on.
static void channel_take(struct session_channel *channel, struct hub_stream *opened,
                         const struct request *request, const struct observer_ops *observer,
                         void *state) {
        struct session *session = channel->session;

        channel->opened = opened;
        channel->stream = opened->stream;
        channel->observer = (struct observer){
                .ops = observer,
                .state = state,
                .wants_tail = request->wants_partials,
                .counts = &session->base.reader->observers,
        };
        if (session->n_channels++ == 0)
                session->stream = channel->stream;
        stream_add_observer(channel->stream, &channel->observer);
}

// `state`: the observer's; NULL: the channel.
static int channel_open(struct session *session, struct request *request,
                        const struct observer_ops *observer, void *state, struct error *error) {
        struct session_channel *channel = channel_new(session);
        struct stream_listener listener = listener_of(channel);
        struct hub_stream *opened;
        int r = feed_init(&channel->feed, request, error);

        if (r == 0 && session_is_unnamed(session))
                r = error_set(error, -EACCES, "%s", session->base.principal->stranger);
        if (r == 0)
                r = hub_open(&opened, session->hub, request, &session->base, &listener, error);
        if (r != 0) {
                feed_deinit(&channel->feed);
                return r;
        }
        channel_take(channel, opened, request, observer, state ? state : channel);
        return 0;
}

int session_stream_open(struct session *session, struct request *request,
                        const struct observer_ops *observer, struct error *error) {
        return channel_open(session, request, observer, session, error);
}

int session_channel_open(struct session *session, struct request *request,
                         const struct observer_ops *observer, struct error *error) {
        return channel_open(session, request, observer, NULL, error);
}

int session_channels_open(struct session *session, const struct request *request,
                          const struct observer_ops *observer, struct error *error) {
        unsigned n = request->channels ? request->channels : 1;
        int r = 0;

        for (unsigned i = 1; r == 0 && i <= n; i++) {
                CLEANUP(mem_freep) char *side = xasprintf("%u", i);
                CLEANUP(mem_freep) char *name = xasprintf("%s:%s", request->name, side);
                struct request one = *request;

                one.name = name;
                one.side = side;
                one.channel = i;
                r = session_channel_open(session, &one, observer, error);
        }
        return r;
}

// The first one last: it is the one by which the hub knows whether the session has any.
void session_channels_close(struct session *session) {
        while (session->n_channels > 0) {
                struct session_channel *channel = &session->channels[--session->n_channels];

                if (channel->opened) {
                        stream_remove_observer(channel->stream, &channel->observer);
                        hub_close(session->hub, channel->opened);
                }
                session->n_paused -= channel->is_paused;
                feed_deinit(&channel->feed);
        }
        session->stream = NULL;
        session->base.stream = NULL;
}

bool session_stream_claim(struct session *session, const struct request *request,
                          const struct observer_ops *observer) {
        struct session_channel *channel = channel_new(session);
        struct stream_listener listener = listener_of(channel);
        struct hub_stream *claimed;

        if (feed_init(&channel->feed, request, NULL) < 0)
                return false;
        claimed = hub_claim(session->hub, request, &session->base, &listener);
        if (claimed)
                channel_take(channel, claimed, request, observer, session);
        else
                feed_deinit(&channel->feed);
        return claimed;
}

void session_stream_park(struct session *session, nsec_t patience) {
        struct session_channel *channel = &session->channels[0];

        stream_remove_observer(channel->stream, &channel->observer);
        channel->stream = session->stream = NULL;
        channel->opened = NULL;
        hub_park(&session->base, patience);
}

void session_streams_finish(struct session *session) {
        for (unsigned i = 0; i < session->n_channels; i++) {
                struct session_channel *channel = &session->channels[i];

                feed_finish(&channel->feed, channel_on_samples, channel->stream);
                stream_remove_observer(channel->stream, &channel->observer);
                channel->stream = NULL;
                channel->opened = NULL;
        }
        session->stream = NULL;
        hub_finish(&session->base);
}

// --- sound -----------------------------------------------------------------------------------

// Whoever pours sound in is not read from while its address's backlog is too large; and is
// again when it is not.
static void session_hold(struct session *session, const struct stream *stream) {
        if (session->is_held || !stream_is_flood(stream) ||
            !hub_is_full_for(session->hub, &session->base))
                return;
        session->is_held = true;
        session_read(session, false);
}

int session_sound_change(struct session *session, const struct request *request,
                         struct error *error) {
        for (unsigned i = 0; i < session->n_channels; i++) {
                struct session_channel *channel = &session->channels[i];
                struct request own = *request;
                struct feed feed;
                int r;

                own.channel = channel->feed.channel;
                r = feed_init(&feed, &own, error);
                if (r < 0)
                        return r;
                if (channel->feed.resampler)
                        resampler_finish(channel->feed.resampler, channel_on_samples,
                                         channel->stream);
                feed_deinit(&channel->feed);
                channel->feed = feed;
        }
        return 0;
}

void session_channel_feed(struct session_channel *channel, const uint8_t *bytes, size_t n) {
        struct session *session = channel->session;

        if (feed_push(&channel->feed, bytes, n, channel_on_samples, channel->stream)) {
                log_warning(
                        session->base.about, "sound-implausible",
                        "the sound is no float32: nearly all samples are beyond -1..1, far too "
                        "small or not finite; the client probably sends int16");
                if (session->dialect->on_implausible)
                        session->dialect->on_implausible(session);
        }
        if (stream_is_backlogged(channel->stream) && !channel->is_paused) {
                channel->is_paused = true;
                session->n_paused++;
                session_read(session, false);
        }
        session_hold(session, channel->stream);
}

void session_feed(struct session *session, const uint8_t *bytes, size_t n) {
        for (unsigned i = 0; i < session->n_channels; i++)
                session_channel_feed(&session->channels[i], bytes, n);
}

// What is told when the last one is done may close the session, but frees nothing.
void session_flush(struct session *session) {
        unsigned n = session->n_channels;

        for (unsigned i = 0; i < n; i++)
                session->channels[i].is_flushing = true;
        for (unsigned i = 0; i < n; i++)
                stream_flush(session->channels[i].stream);
}

void session_channel_settle(struct session_channel *channel) {
        feed_finish(&channel->feed, channel_on_samples, channel->stream);
}

void session_channel_flush(struct session_channel *channel) {
        channel->is_flushing = true;
        stream_flush(channel->stream);
}

void session_end_sound(struct session *session) {
        for (unsigned i = 0; i < session->n_channels; i++)
                session_channel_settle(&session->channels[i]);
        session_flush(session);
}

size_t session_recent_finals(const struct stream *stream, size_t n_new, size_t n_wished,
                             const struct segment ***ret) {
        const struct history *history = stream_history(stream);
        size_t length = history_length(history), n = n_wished > n_new ? n_wished : n_new;
        const struct segment **finals;

        if (n > length)
                n = length;
        finals = xcalloc(n, sizeof(struct segment *));
        for (size_t i = 0; i < n; i++)
                finals[i] = history_get(history, length - n + i);
        *ret = finals;
        return n;
}
