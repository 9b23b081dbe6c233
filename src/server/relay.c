#include "server/relay.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "util/mem.h"

// One stream that is watched.
struct relayed {
        struct sinks *sinks;
        struct hub_stream *stream;
        struct observer observer;
        LIST_ENTRY(relayed) link;
};

struct relay {
        struct sinks *sinks;
        struct hub_watcher watcher;
        LIST_HEAD(, relayed) streams;
};

static struct sink_event event_of(const struct relayed *relayed, enum sink_event_kind kind) {
        struct stream_notice notice = stream_state(relayed->stream->stream);

        return (struct sink_event){
                .kind = kind,
                .stream = stream_name(relayed->stream->stream),
                .is_session = !stream_source(relayed->stream->stream),
                .state = notice.state,
                .reason = notice.reason,
        };
}

// --- what a stream does ----------------------------------------------------------------------

static void relayed_on_update(void *state, const struct stream_facts *stream,
                              const struct update *update) {
        const struct relayed *relayed = state;
        struct sink_event event = event_of(relayed, SINK_PARTIAL);

        (void)stream;
        event.text = update->tail->text;
        event.language = update->language;
        event.stable_bytes = update->stable_bytes;
        sinks_on_event(relayed->sinks, &event);
}

static void relayed_on_notice(void *state, const struct stream_facts *stream,
                              const struct stream_notice *notice) {
        const struct relayed *relayed = state;
        struct sink_event event = event_of(relayed, SINK_STREAM_STATE);

        (void)stream;
        event.state = notice->state;
        event.reason = notice->reason;
        sinks_on_event(relayed->sinks, &event);
}

static void relayed_on_speech(void *state, const struct stream_facts *stream,
                              bool is_speaking) {
        const struct relayed *relayed = state;
        struct sink_event event = event_of(relayed, SINK_SPEECH);

        (void)stream;
        event.is_speaking = is_speaking;
        sinks_on_event(relayed->sinks, &event);
}

static const struct observer_ops relayed_ops = {
        .name = "sinks",
        .on_update = relayed_on_update,
        .on_notice = relayed_on_notice,
        .on_speech = relayed_on_speech,
};

// --- streams come and go ---------------------------------------------------------------------

static void relay_add(struct relay *relay, struct hub_stream *stream) {
        struct relayed *relayed = xnew(struct relayed);
        struct sink_event event;

        relayed->sinks = relay->sinks;
        relayed->stream = stream;
        relayed->observer = (struct observer){
                .ops = &relayed_ops,
                .state = relayed,
                .wants_tail = sinks_want_partials(relay->sinks),
        };
        LIST_INSERT_HEAD(&relay->streams, relayed, link);
        stream_add_observer(stream->stream, &relayed->observer);
        event = event_of(relayed, SINK_STREAM_ADDED);
        sinks_on_event(relay->sinks, &event);
}

static void relay_remove(struct relay *relay, const struct hub_stream *stream) {
        struct relayed *relayed;

        LIST_FOREACH(relayed, &relay->streams, link) {
                struct sink_event event;

                if (relayed->stream != stream)
                        continue;
                event = event_of(relayed, SINK_STREAM_REMOVED);
                sinks_on_event(relay->sinks, &event);
                stream_remove_observer(stream->stream, &relayed->observer);
                LIST_REMOVE(relayed, link);
                free(relayed);
                return;
        }
}

static void relay_on_stream(void *context, struct hub_stream *stream, bool is_open) {
        struct relay *relay = context;

        if (!stream_is_journaled(stream->stream))
                return;
        if (is_open)
                relay_add(relay, stream);
        else
                relay_remove(relay, stream);
}

// --- life ------------------------------------------------------------------------------------

struct relay *relay_new(struct hub *hub, struct sinks *sinks) {
        struct relay *relay = xnew(struct relay);

        relay->sinks = sinks;
        LIST_INIT(&relay->streams);
        relay->watcher = (struct hub_watcher){.on_stream = relay_on_stream, .context = relay};
        hub_watch(hub, &relay->watcher);
        return relay;
}

struct relay *relay_free(struct relay *relay) {
        assert(!relay || LIST_EMPTY(&relay->streams));
        return mem_free(relay);
}
