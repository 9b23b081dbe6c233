// The sink "mqtt": rows as messages for a broker, how streams are as retained messages beside
// them, and the same announced to Home Assistant.
//
// The link to the broker is kept up whether or not there are rows: the last will, who is online
// and Home Assistant's birth need it. While a send waits, the sink's own back-off says when it
// is tried again; else a back-off of ours.

#include <errno.h>
#include <jansson.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <mosquitto.h>

#include "sink/home_assistant.h"
#include "sink/mqtt_address.h"
#include "sink/mqtt_batch.h"
#include "sink/mqtt_link.h"
#include "sink/mqtt_streams.h"
#include "sink/mqtt_topic.h"
#include "sink/sink_ops.h"
#include "util/mem.h"

#define PREFIX           "eavesdrop"
#define DISCOVERY_PREFIX "homeassistant"

#define RECONNECT_FIRST (1 * NSEC_PER_SEC)
#define RECONNECT_MOST  (60 * NSEC_PER_SEC)
#define RECONNECT_WELL  (30 * NSEC_PER_SEC)  // up for so long: the next attempt is a first one

// Home Assistant has just started, or many streams come at once: announced a little later.
#define ANNOUNCE_MOST (3 * NSEC_PER_SEC)

// A stream that goes is taken back when it has not come again by then, and so is one that the
// broker remembers from an earlier run. More than a server takes to stop: what it stops then is
// not gone for good.
#define SUSPECT_MOST   (40 * NSEC_PER_SEC)
#define SUSPECTS_COUNT ((size_t)1024)

// The rows' own patience: a broker that acknowledges all but them is none that takes them.
#define BATCH_PATIENCE (30 * NSEC_PER_SEC)

// Messages without an answer, beside what is said at once of each stream: a broker that lets
// them grow ever more is too slow for us.
#define UNANSWERED_MAX        1000
#define UNANSWERED_PER_STREAM 4

// Often enough that Home Assistant does not take long speech for ended.
#define SPEECH_AGAIN (HOME_ASSISTANT_OFF_DELAY / 2 * NSEC_PER_SEC)

struct mqtt {
        struct sink *sink;
        struct loop *loop;
        const struct sink_config *config;
        struct mqtt_address address;
        const char *prefix;
        char *client_id, *status_topic;
        char *device, *discovery_topic, *birth_topic;  // Home Assistant's; NULL: not wanted
        struct mqtt_link *link;                        // NULL: none
        bool is_up;
        bool is_hopeless;  // the broker cannot do what we need
        bool is_careful;   // one row at a time: one of several is to blame, but which?
        char trouble[256];
        nsec_t delay;  // of the next attempt
        nsec_t up_since;
        struct loop_timer *reconnect, *announce, *suspect, *speech, *deadline;
        struct mqtt_streams streams;
        struct mqtt_batch batch;
};

static void mqtt_connect(void *context);

// Between half of it and all.
static nsec_t delay_draw(nsec_t most) {
        uint32_t chance = 0;

        if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
                chance = 0;
        return most / 2 + most / 2 / UINT32_MAX * chance;
}

// --- rows: the end of a send ----------------------------------------------------------------

static void batch_answer(struct mqtt *mqtt, enum sink_outcome outcome, const char *trouble) {
        size_t n_taken = mqtt_batch_taken(&mqtt->batch);

        loop_timer_cancel(mqtt->deadline);
        mqtt_batch_clear(&mqtt->batch);
        sink_answer(mqtt->sink, outcome, n_taken, trouble, 0);
}

// This broker will never do.
static void mqtt_give_up(struct mqtt *mqtt, const char *trouble) {
        mqtt->is_hopeless = true;
        mqtt->is_up = false;
        mqtt->link = mqtt_link_close(mqtt->link);
        loop_timer_cancel(mqtt->reconnect);
        snprintf(mqtt->trouble, sizeof(mqtt->trouble), "%s", trouble);
        sink_tell(mqtt->sink, mqtt->trouble);
        if (mqtt->batch.n > 0)
                batch_answer(mqtt, SINK_BROKEN, mqtt->trouble);
}

// --- what is retained -----------------------------------------------------------------------

static void mqtt_on_down(void *context, enum mqtt_link_end end, const char *trouble);

static void message_send(struct mqtt *mqtt, const char *topic, const char *payload,
                         bool is_retained) {
        size_t most = UNANSWERED_MAX + UNANSWERED_PER_STREAM * mqtt->streams.n;

        if (!mqtt->is_up)
                return;
        if (mqtt_link_unanswered(mqtt->link) >= most)
                mqtt_on_down(mqtt, MQTT_LINK_LOST, "the broker acknowledges too slowly");
        else if (mqtt_link_publish(mqtt->link, topic, payload, is_retained) == -ENOTSUP)
                mqtt_give_up(mqtt, "the broker has no QoS 1, or keeps no messages");
}

static void stream_send(struct mqtt *mqtt, const struct mqtt_stream *stream, const char *what,
                        const char *payload, bool is_retained) {
        CLEANUP(mem_freep) char *topic = mqtt_topic_of(mqtt->prefix, stream->name, what);

        message_send(mqtt, topic, payload, is_retained);
}

static void stream_send_online(struct mqtt *mqtt, const struct mqtt_stream *stream) {
        stream_send(mqtt, stream, "online", stream->is_online ? "ON" : "OFF",
                    !stream->is_session);
}

static void stream_send_speech(struct mqtt *mqtt, const struct mqtt_stream *stream) {
        stream_send(mqtt, stream, "speech", stream->is_speaking ? "ON" : "OFF", false);
}

static void announce_later(struct mqtt *mqtt) {
        loop_timer_set(mqtt->announce, delay_draw(ANNOUNCE_MOST));
}

// Take back what was said of streams that are gone, and tell Home Assistant of all.
static void mqtt_on_announce(void *context) {
        struct mqtt *mqtt = context;
        bool has_gone = false;

        if (!mqtt->is_up)
                return;
        for (size_t i = 0; i < mqtt->streams.n; i++) {
                const struct mqtt_stream *stream = &mqtt->streams.all[i];

                if (stream->presence != MQTT_STREAM_GONE || stream->is_session)
                        continue;
                has_gone = true;
                stream_send(mqtt, stream, "online", "", true);
        }
        if (mqtt->device) {
                CLEANUP(mem_freep)
                char *all =
                        mqtt_streams_announce(&mqtt->streams, mqtt->prefix, mqtt->device, true);
                CLEANUP(mem_freep)
                char *left = mqtt_streams_announce(&mqtt->streams, mqtt->prefix, mqtt->device,
                                                   false);

                if (all)
                        message_send(mqtt, mqtt->discovery_topic, all, true);
                if (has_gone)
                        message_send(mqtt, mqtt->discovery_topic, left ? left : "", true);
        }
        mqtt_streams_forget_gone(&mqtt->streams);
}

static void mqtt_on_suspect(void *context) {
        struct mqtt *mqtt = context;

        for (size_t i = 0; i < mqtt->streams.n; i++)
                if (mqtt->streams.all[i].presence == MQTT_STREAM_SUSPECT)
                        mqtt->streams.all[i].presence = MQTT_STREAM_GONE;
        announce_later(mqtt);
}

static void mqtt_on_speech(void *context) {
        struct mqtt *mqtt = context;

        for (size_t i = 0; i < mqtt->streams.n; i++)
                if (mqtt->streams.all[i].is_speaking)
                        stream_send_speech(mqtt, &mqtt->streams.all[i]);
        if (mqtt_streams_are_speaking(&mqtt->streams))
                loop_timer_set(mqtt->speech, SPEECH_AGAIN);
}

// --- rows -----------------------------------------------------------------------------------

// The broker has said why it does not take a row.
static void batch_answer_refused(struct mqtt *mqtt, int reason) {
        const struct row *row = &mqtt->batch.rows[mqtt_batch_taken(&mqtt->batch)];
        CLEANUP(mem_freep) char *topic = mqtt_batch_topic(row, mqtt->prefix);
        enum sink_outcome outcome = SINK_REFUSED;
        char trouble[512];

        // These pass; all others are about this message.
        if (reason == MQTT_RC_QUOTA_EXCEEDED || reason == MQTT_RC_PACKET_ID_IN_USE)
                outcome = SINK_RETRY;
        snprintf(trouble, sizeof(trouble), "the broker does not take a message: %s (topic %s)",
                 mosquitto_reason_string(reason), topic);
        batch_answer(mqtt, outcome, trouble);
}

static void batch_go_on(struct mqtt *mqtt) {
        size_t window = mqtt->is_careful ? 1 : MQTT_BATCH_MAX;
        int reason;

        if (mqtt->batch.n == 0)
                return;
        if (mqtt_batch_publish(&mqtt->batch, mqtt->link, mqtt->prefix, window) == -ENOTSUP) {
                mqtt_give_up(mqtt, "the broker has no QoS 1");
                return;
        }
        if (!mqtt_batch_is_done(&mqtt->batch))
                return;
        reason = mqtt_batch_reason(&mqtt->batch);
        if (reason) {
                batch_answer_refused(mqtt, reason);
                return;
        }
        mqtt->is_careful = false;
        batch_answer(mqtt, SINK_TAKEN, NULL);
}

// Begin to wait for what is to be acknowledged, anew.
static void batch_be_patient(struct mqtt *mqtt) {
        if (mqtt->batch.n > 0)
                loop_timer_set(mqtt->deadline, BATCH_PATIENCE);
}

static void mqtt_on_deadline(void *context) {
        struct mqtt *mqtt = context;

        if (mqtt->is_up)
                mqtt_on_down(mqtt, MQTT_LINK_LOST, "the broker acknowledges no row");
}

static void mqtt_send(void *state, const struct row *rows, size_t n) {
        struct mqtt *mqtt = state;

        mqtt_batch_start(&mqtt->batch, rows, n);
        if (mqtt->is_hopeless) {
                batch_answer(mqtt, SINK_BROKEN, mqtt->trouble);
        } else if (mqtt->is_up) {
                batch_be_patient(mqtt);
                batch_go_on(mqtt);
        } else {
                mqtt_connect(mqtt);
        }
}

// --- the link -------------------------------------------------------------------------------

static void mqtt_on_up(void *context) {
        struct mqtt *mqtt = context;
        CLEANUP(mem_freep) char *known = xasprintf("%s/+/online", mqtt->prefix);

        mqtt->is_up = true;
        mqtt->up_since = loop_now(mqtt->loop);
        sink_tell(mqtt->sink, NULL);
        // Rows first: a broker may take one message and close.
        batch_be_patient(mqtt);
        batch_go_on(mqtt);
        message_send(mqtt, mqtt->status_topic, "online", true);
        for (size_t i = 0; i < mqtt->streams.n; i++) {
                const struct mqtt_stream *stream = &mqtt->streams.all[i];

                if (stream->presence != MQTT_STREAM_HERE)
                        continue;
                stream_send_online(mqtt, stream);
                if (stream->is_speaking)
                        stream_send_speech(mqtt, stream);
        }
        if (!mqtt->is_up)
                return;
        mqtt_link_subscribe(mqtt->link, known);
        if (mqtt->birth_topic)
                mqtt_link_subscribe(mqtt->link, mqtt->birth_topic);
        announce_later(mqtt);
        loop_timer_set(mqtt->suspect, SUSPECT_MOST);
}

static void mqtt_on_ack(void *context, int id, int reason) {
        struct mqtt *mqtt = context;

        if (!mqtt_batch_on_ack(&mqtt->batch, id, reason))
                return;
        batch_be_patient(mqtt);
        batch_go_on(mqtt);
}

static void mqtt_on_message(void *context, const char *topic, const char *payload,
                            bool is_retained) {
        struct mqtt *mqtt = context;
        CLEANUP(mem_freep) char *name = NULL;

        if (mqtt->birth_topic && strcmp(topic, mqtt->birth_topic) == 0) {
                if (home_assistant_is_birth(payload))
                        announce_later(mqtt);
                return;
        }
        name = mqtt_topic_stream(mqtt->prefix, "online", topic);
        if (name && is_retained && payload[0] != '\0' && mqtt->streams.n < SUSPECTS_COUNT &&
            !mqtt_streams_find(&mqtt->streams, name))
                mqtt_streams_add(&mqtt->streams, name)->presence = MQTT_STREAM_SUSPECT;
}

// What becomes of the rows that were on their way. A message may be to blame, and whether or
// not the broker says so, its words may be lost with what it does not read any more. So the
// rows come one by one after that, and when only one was on its way it is known which.
static enum sink_outcome batch_outcome(struct mqtt *mqtt, enum mqtt_link_end end) {
        bool is_known = mqtt->is_careful && mqtt->batch.n_open > 0;

        if (mqtt->batch.n_open > 0)
                mqtt->is_careful = true;
        return is_known && end == MQTT_LINK_BLAMED ? SINK_REFUSED : SINK_RETRY;
}

static void mqtt_on_down(void *context, enum mqtt_link_end end, const char *trouble) {
        struct mqtt *mqtt = context;
        enum sink_outcome outcome = batch_outcome(mqtt, end);

        if (mqtt->is_up && loop_now(mqtt->loop) - mqtt->up_since > RECONNECT_WELL)
                mqtt->delay = RECONNECT_FIRST;
        loop_timer_cancel(mqtt->announce);
        loop_timer_cancel(mqtt->suspect);
        loop_timer_cancel(mqtt->deadline);
        if (end == MQTT_LINK_HOPELESS) {
                mqtt_give_up(mqtt, trouble);
                return;
        }
        mqtt->is_up = false;
        mqtt->link = mqtt_link_close(mqtt->link);
        loop_timer_set(mqtt->reconnect, delay_draw(mqtt->delay));
        mqtt->delay = mqtt->delay < RECONNECT_MOST ? mqtt->delay * 2 : RECONNECT_MOST;
        // Before the answer: what it brings about may be another connection.
        sink_tell(mqtt->sink, trouble);
        if (mqtt->batch.n > 0)
                batch_answer(mqtt, outcome, trouble);
}

static int link_open(struct mqtt *mqtt, struct error *error) {
        const struct mqtt_link_config config = {
                .address = &mqtt->address,
                .client_id = mqtt->client_id,
                .authority = mqtt->config->authority,
                .status_topic = mqtt->status_topic,
        };
        const struct mqtt_link_listener listener = {
                .on_up = mqtt_on_up,
                .on_ack = mqtt_on_ack,
                .on_message = mqtt_on_message,
                .on_down = mqtt_on_down,
                .context = mqtt,
        };

        loop_timer_cancel(mqtt->reconnect);
        return mqtt_link_open(&mqtt->link, mqtt->loop, &config, &listener, error);
}

static void mqtt_connect(void *context) {
        struct mqtt *mqtt = context;
        struct error error = {0};

        if (!mqtt->link && !mqtt->is_hopeless && link_open(mqtt, &error) < 0)
                mqtt_on_down(mqtt, MQTT_LINK_LOST, error.text);
}

// --- streams --------------------------------------------------------------------------------

static void stream_on_state(struct mqtt *mqtt, struct mqtt_stream *stream, const char *state) {
        bool is_online = state && strcmp(state, "online") == 0;

        if (stream->is_online == is_online)
                return;
        stream->is_online = is_online;
        stream_send_online(mqtt, stream);
}

static void stream_on_removed(struct mqtt *mqtt, struct mqtt_stream *stream) {
        if (stream->is_speaking) {
                stream->is_speaking = false;
                stream_send_speech(mqtt, stream);
        }
        stream->is_online = false;
        stream_send_online(mqtt, stream);
        // A client's leaves nothing behind that has to be taken back.
        if (stream->is_session) {
                stream->presence = MQTT_STREAM_GONE;
                mqtt_streams_forget_gone(&mqtt->streams);
        } else {
                stream->presence = MQTT_STREAM_SUSPECT;
                loop_timer_set(mqtt->suspect, SUSPECT_MOST);
        }
}

static void stream_on_speech(struct mqtt *mqtt, struct mqtt_stream *stream, bool is_speaking) {
        stream->is_speaking = is_speaking;
        stream_send_speech(mqtt, stream);
        if (is_speaking)
                loop_timer_set(mqtt->speech, SPEECH_AGAIN);
}

static void stream_on_partial(struct mqtt *mqtt, const struct mqtt_stream *stream,
                              const struct sink_event *event) {
        CLEANUP(mem_freep) char *payload = NULL;
        json_t *root;

        // What is said goes on: a partial that would only stand in line is out of date by then.
        if (!mqtt->config->wants_partials || !mqtt->is_up || mqtt_link_is_busy(mqtt->link))
                return;
        root = json_pack("{ss ss ss* ss ss%}", "kind", "partial", "stream", event->stream,
                         "language", event->language, "text", event->text, "stable",
                         event->text, event->stable_bytes);
        if (!root)
                return;
        payload = json_dumps(root, JSON_COMPACT);
        json_decref(root);
        stream_send(mqtt, stream, "partial", payload, false);
}

// A client's session is called as a pulled stream, which has the name.
static bool is_namesake(const struct mqtt_stream *stream, const struct sink_event *event) {
        return stream && !stream->is_session && event->is_session &&
               stream->presence != MQTT_STREAM_GONE;
}

// Whatever is told first of a stream adds it, or takes the name over from a session.
static struct mqtt_stream *stream_begin(struct mqtt *mqtt, const struct sink_event *event) {
        struct mqtt_stream *stream = mqtt_streams_add(&mqtt->streams, event->stream);

        if (stream->is_speaking) {
                stream->is_speaking = false;
                stream_send_speech(mqtt, stream);
        }
        stream->presence = MQTT_STREAM_HERE;
        stream->is_session = event->is_session;
        stream->is_online = event->state && strcmp(event->state, "online") == 0;
        stream_send_online(mqtt, stream);
        if (!stream->is_session)
                announce_later(mqtt);
        return stream;
}

static void mqtt_on_event(void *state, const struct sink_event *event) {
        struct mqtt *mqtt = state;
        struct mqtt_stream *stream = mqtt_streams_find(&mqtt->streams, event->stream);

        if (is_namesake(stream, event))
                return;
        if (event->kind == SINK_STREAM_REMOVED) {
                if (stream && stream->is_session == event->is_session)
                        stream_on_removed(mqtt, stream);
                return;
        }
        if (!stream || stream->presence != MQTT_STREAM_HERE ||
            stream->is_session != event->is_session)
                stream = stream_begin(mqtt, event);
        if (event->kind == SINK_STREAM_STATE || event->kind == SINK_STREAM_ADDED)
                stream_on_state(mqtt, stream, event->state);
        else if (event->kind == SINK_SPEECH)
                stream_on_speech(mqtt, stream, event->is_speaking);
        else if (event->kind == SINK_PARTIAL)
                stream_on_partial(mqtt, stream, event);
}

// --- life -----------------------------------------------------------------------------------

static int mqtt_check(const struct sink_config *config, struct error *error) {
        struct mqtt_address address;
        int r;

        if (!config->url)
                return error_set(error, -EINVAL,
                                 "url: a sink of type mqtt needs one, such as "
                                 "mqtt://broker:1883");
        r = mqtt_address_read(&address, config->url, error);
        if (r < 0)
                return r;
        if (config->authority && !address.is_tls)
                r = error_set(error, -EINVAL, "authority: is for mqtts:// alone");
        mqtt_address_deinit(&address);
        if (r == 0 && config->prefix)
                r = mqtt_topic_check_prefix(config->prefix, "prefix", error);
        if (r == 0 && config->discovery_prefix)
                r = mqtt_topic_check_prefix(config->discovery_prefix, "discovery_prefix",
                                            error);
        return r;
}

// Two servers on one broker must not have the same, or each would throw the other out.
static char *client_id_make(const struct sink *sink) {
        uint64_t chance = 0;

        if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
                abort();
        return xasprintf("eavesdrop-%s-%016llx", sink_name(sink), (unsigned long long)chance);
}

static void *mqtt_close(void *state) {
        struct mqtt *mqtt = state;

        mqtt_link_close(mqtt->link);
        loop_timer_free(mqtt->reconnect);
        loop_timer_free(mqtt->announce);
        loop_timer_free(mqtt->suspect);
        loop_timer_free(mqtt->speech);
        loop_timer_free(mqtt->deadline);
        mqtt_streams_deinit(&mqtt->streams);
        mqtt_address_deinit(&mqtt->address);
        free(mqtt->client_id);
        free(mqtt->status_topic);
        free(mqtt->device);
        free(mqtt->discovery_topic);
        free(mqtt->birth_topic);
        free(mqtt);
        return NULL;
}

static int mqtt_open(void **ret, struct sink *sink, struct loop *loop,
                     const struct sink_config *config, struct error *error) {
        struct mqtt *mqtt = xnew(struct mqtt);
        int r = mqtt_address_read(&mqtt->address, config->url, error);

        if (r < 0) {
                free(mqtt);
                return r;
        }
        mqtt->sink = sink;
        mqtt->loop = loop;
        mqtt->config = config;
        mqtt->prefix = config->prefix ? config->prefix : PREFIX;
        mqtt->client_id = client_id_make(sink);
        mqtt->status_topic = xasprintf("%s/status", mqtt->prefix);
        mqtt->delay = RECONNECT_FIRST;
        if (config->has_home_assistant) {
                const char *discovery =
                        config->discovery_prefix ? config->discovery_prefix : DISCOVERY_PREFIX;

                mqtt->device = home_assistant_device(mqtt->prefix);
                mqtt->discovery_topic = home_assistant_topic(discovery, mqtt->device);
                mqtt->birth_topic = xasprintf("%s/status", discovery);
        }
        mqtt->reconnect = loop_timer_new(loop, mqtt_connect, mqtt);
        mqtt->announce = loop_timer_new(loop, mqtt_on_announce, mqtt);
        mqtt->suspect = loop_timer_new(loop, mqtt_on_suspect, mqtt);
        mqtt->speech = loop_timer_new(loop, mqtt_on_speech, mqtt);
        mqtt->deadline = loop_timer_new(loop, mqtt_on_deadline, mqtt);
        r = link_open(mqtt, error);
        if (r < 0)
                mqtt_close(mqtt);
        else
                *ret = mqtt;
        return r;
}

const struct sink_ops sink_mqtt = {
        .type = "mqtt",
        .batch_max = MQTT_BATCH_MAX,
        .check = mqtt_check,
        .open = mqtt_open,
        .send = mqtt_send,
        .on_event = mqtt_on_event,
        .close = mqtt_close,
};
