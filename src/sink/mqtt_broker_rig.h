#pragma once
// MQTT broker rig: a broker on the test's loop that speaks as much of MQTT 5 as a sink hears,
// and misbehaves as it is told. It keeps all messages and hands none on. Only in tests.
//
// Threads: the test's.
// Memory:  owns what it keeps.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/row.h"
#include "util/loop.h"

struct mqtt_broker;

// How it is, to be changed at any time. Zeroed: well.
struct mqtt_manners {
        bool is_silent;          // acknowledges nothing that is published
        bool is_closing;         // closes when something is published
        bool is_acking_once;     // acknowledges one message, then closes
        uint8_t welcome;         // reason in CONNACK; 0: welcome
        const char *poison;      // a message with this in it ...
        uint8_t reason;          // ... is refused with this reason,
        bool is_blaming;         // in a DISCONNECT that does not say which message it was
        uint32_t packet_max;     // its limit, told in CONNACK; 0: none
        const char *ignored;     // a message with this in it is not acknowledged; NULL: none
        const char *remembered;  // topic of a retained "ON" for whoever subscribes; NULL: none
};

struct mqtt_broker_message {
        char *topic, *payload;
        bool is_retained;
        int qos;
};

// On a free port of this machine's.
struct mqtt_broker *mqtt_broker_new(struct loop *loop);
struct mqtt_broker *mqtt_broker_free(struct mqtt_broker *broker);

int mqtt_broker_port(const struct mqtt_broker *broker);
struct mqtt_manners *mqtt_broker_manners(struct mqtt_broker *broker);

// Close all connections and the port; and open the port again.
void mqtt_broker_set_down(struct mqtt_broker *broker, bool is_down);

// Publish to whoever is connected.
void mqtt_broker_say(struct mqtt_broker *broker, const char *topic, const char *payload);

// What it was told: the messages in their order; how many connections there were; who came
// last, as "USER:PASSWORD TOPIC-OF-WILL WILL RETAINED"; what was subscribed to, with blanks
// between.
size_t mqtt_broker_count(const struct mqtt_broker *broker);
const struct mqtt_broker_message *mqtt_broker_message(const struct mqtt_broker *broker,
                                                      size_t i);
unsigned mqtt_broker_connections(const struct mqtt_broker *broker);
const char *mqtt_broker_visitor(const struct mqtt_broker *broker);
const char *mqtt_broker_filters(const struct mqtt_broker *broker);

// The largest packet that whoever came last wants to be sent; 0: any.
uint32_t mqtt_broker_packet_max(const struct mqtt_broker *broker);

// The last message with that topic; NULL: none.
const struct mqtt_broker_message *mqtt_broker_last(const struct mqtt_broker *broker,
                                                   const char *topic);

// The ids of the rows that were acknowledged, events left out; as contract_peer wants them,
// with the broker as context.
size_t mqtt_broker_ids(void *context, char (*ret)[ROW_ID_TEXT_MAX], size_t n);
