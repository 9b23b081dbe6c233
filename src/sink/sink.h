#pragma once
// Sinks: who is told reliably? Each reads the journal from a cursor of its own, in order, at
// least once, and is in nobody's way: what it cannot take now it is given later.
//
// Threads: loop thread only.
// Memory:  sinks outlive what they are told of; configurations are lent and outlive the sinks.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/error.h"
#include "util/loop.h"

struct journal;
struct sinks;

enum sink_type { SINK_LINES, SINK_MQTT, SINK_NATS, SINK_WEBHOOK, SINK_POSTGRESQL, SINK_TYPES };
extern const char *const sink_type_names[SINK_TYPES + 1];

// One sink as it is configured. Texts that are not set are NULL; lists have blanks between.
struct sink_config {
        char *name;
        int type;           // enum sink_type; -1: not said
        char *url;          // mqtt, nats, webhook, postgresql
        char *path;         // lines
        char *subject;      // nats: template with fields of a row, "eavesdrop.{stream}"
        char *stream;       // nats: the JetStream stream
        bool can_create;    // nats: make that stream if it is absent
        char *credentials;  // nats: a credentials file
        char *prefix;       // mqtt: of topics
        bool has_home_assistant, wants_partials;  // mqtt
        char *discovery_prefix;                   // mqtt: Home Assistant's, "homeassistant"
        char *secret;                             // webhook: "whsec_..." or any text
        char *table;                              // postgresql
        char *authority;  // file of certificates that are trusted beside the system's

        char *streams;        // that it hears of: names or globs; NULL: all
        char *languages;      // NULL: all
        bool wants_sessions;  // clients' sessions too
        bool names_sessions;  // whoever configured it said so, or said not
        char *kinds;          // of "segment alert status"; NULL: all
        char *from;           // where a new sink begins: "now", "beginning", or a date
        int tries_max;        // of a row that is refused, before it is set aside
};

// What else a sink may tell, of streams as they are now: nothing of it is journaled or kept.
enum sink_event_kind {
        SINK_STREAM_ADDED,
        SINK_STREAM_REMOVED,  // or the server stops
        SINK_STREAM_STATE,
        SINK_SPEECH,   // somebody begins or ends to speak
        SINK_PARTIAL,  // the tail changed
};
struct sink_event {
        enum sink_event_kind kind;
        bool is_session;   // the stream is a client's
        bool is_speaking;  // SINK_SPEECH
        const char *stream;
        const char *state, *reason;   // SINK_STREAM_STATE (and _ADDED): as stream_notice
        const char *text, *language;  // SINK_PARTIAL
        size_t stable_bytes;          // of the text
};

// Whether the configuration makes sense for its type: 0, or -EINVAL and words that name the
// key. For `eavesdrop check`, too.
int sink_check(const struct sink_config *config, struct error *error);

// Start all of them. One that cannot start is logged and told by sinks_get(); the others run.
// "now" for a new sink is the journal's end when it starts.
struct sinks *sinks_open(struct loop *loop, struct journal *journal,
                         const struct sink_config *configs, size_t n);

// Close them at once: what is not acknowledged is delivered after the next start. NULL is fine.
// Returns NULL.
struct sinks *sinks_close(struct sinks *sinks);

// Tell those that care.
void sinks_on_event(struct sinks *sinks, const struct sink_event *event);

// Whether any of them wants partials of clients' or pulled streams.
bool sinks_want_partials(const struct sinks *sinks);

// Files are opened anew: they were renamed (SIGHUP).
void sinks_reopen(struct sinks *sinks);

// How each of them is.
enum sink_health { SINK_WELL, SINK_WAITING, SINK_STOPPED };
extern const char *const sink_health_names[];  // "ok", "retrying", "stopped"

struct sink_state {
        const char *name, *type;
        enum sink_health health;
        char trouble[256];     // the last one, in words without secrets; "" if there was none
        uint64_t lag_rows;     // behind the journal's end, an upper bound
        double lag_seconds;    // age of the oldest row it has not taken; 0: none
        uint64_t n_delivered;  // rows acknowledged
        uint64_t n_retries;    // sends that were to be made again
        uint64_t n_set_aside;  // rows that were refused for good
        uint64_t n_lost;       // rows that the journal removed before it took them
};
size_t sinks_count(const struct sinks *sinks);
void sinks_get(const struct sinks *sinks, size_t i, struct sink_state *ret);

DEFINE_CLEANUP(struct sinks *, sinks_close);
