#pragma once
// MQTT link: one connection to a broker, from connecting to its end. Whoever wants another one
// opens another link: nothing of an old one, such as messages without an answer, is carried
// over.
//
// libmosquitto's socket is on our loop, so its calls and callbacks are on our thread and need
// no lock, and a broker's answers wait in no queue between threads. Only connecting is on a
// thread of its own, one for each attempt: libmosquitto looks the name up and connects
// blocking, which takes two minutes with a host that says nothing. (Its own thread,
// mosquitto_loop_start(), would have to be joined at the end, after that time, or cancelled in
// the midst of OpenSSL.)
//
// Threads: loop thread.
// Memory:  copies what it is given. A link that is closed while it connects leaves the attempt
//          to its thread, which frees it.

#include <stdbool.h>
#include <stddef.h>

#include "sink/mqtt_address.h"
#include "util/cleanup.h"
#include "util/error.h"
#include "util/loop.h"

struct mqtt_link;

// How long a broker may take to let us in, and to answer while anything waits for an answer.
#define MQTT_LINK_PATIENCE (10 * NSEC_PER_SEC)

enum mqtt_link_end {
        MQTT_LINK_LOST,      // worth another attempt
        MQTT_LINK_BLAMED,    // likewise, but the broker said that a message was to blame
        MQTT_LINK_HOPELESS,  // the broker cannot do what we need
};

struct mqtt_link_config {
        const struct mqtt_address *address;
        const char *client_id;
        const char *authority;     // file of certificates trusted beside the system's; or NULL
        const char *status_topic;  // gets a retained "offline" when the link ends in any way
};

// None is called from within a function of the link's; each may close the link.
struct mqtt_link_listener {
        // The broker let us in.
        void (*on_up)(void *context);
        // It acknowledged what mqtt_link_publish() gave that number; from MQTT_RC_UNSPECIFIED
        // (128) on `reason` says that it does not take it.
        void (*on_ack)(void *context, int id, int reason);
        // A message came, zero-terminated.
        void (*on_message)(void *context, const char *topic, const char *payload,
                           bool is_retained);
        // It is over, or came to nothing: words without secrets. The last call.
        void (*on_down)(void *context, enum mqtt_link_end end, const char *trouble);
        void *context;
};

// Begin to connect. Fails where the machine does, or with a file of certificates that cannot be
// read.
int mqtt_link_open(struct mqtt_link **ret, struct loop *loop,
                   const struct mqtt_link_config *config,
                   const struct mqtt_link_listener *listener, struct error *error);

// Say goodbye and close. NULL is fine. Returns NULL.
struct mqtt_link *mqtt_link_close(struct mqtt_link *link);

// Publish with QoS 1. Returns the number that comes back with on_ack, or -EMSGSIZE: larger than
// the broker takes; -ENOTSUP: the broker has no QoS 1 or keeps no messages; -EINVAL: no topic;
// -EPIPE: the link is not up or about to end.
int mqtt_link_publish(struct mqtt_link *link, const char *topic, const char *payload,
                      bool is_retained);

// It has enough to do: what is soon out of date had better not be published.
bool mqtt_link_is_busy(const struct mqtt_link *link);

// How many messages have no answer: they are kept in memory.
size_t mqtt_link_unanswered(const struct mqtt_link *link);

// Ask for messages: of others, not of ours.
void mqtt_link_subscribe(struct mqtt_link *link, const char *filter);

DEFINE_CLEANUP(struct mqtt_link *, mqtt_link_close);
