#pragma once
// Mosquitto rig: the real broker as a child process on a free port, and stock mosquitto_sub,
// which writes down what it receives. Only in tests; skips those on a machine without
// mosquitto.
//
// Threads: the test's.
// Memory:  a folder under /tmp, which goes with it.

#include <stdbool.h>
#include <stddef.h>

#include "journal/row.h"

struct mosquitto_rig;

struct mosquitto_rig_config {
        const char *lines;        // of its configuration, further ones; or NULL
        const char *credentials;  // "USER:PASSWORD" that it asks for; NULL: none
        bool is_tls;  // with a certificate for "localhost" of an authority of its own
};

struct mosquitto_rig *mosquitto_rig_new(const struct mosquitto_rig_config *config);
struct mosquitto_rig *mosquitto_rig_free(struct mosquitto_rig *rig);

int mosquitto_rig_port(const struct mosquitto_rig *rig);

// The file of the authority's certificate.
const char *mosquitto_rig_authority(const struct mosquitto_rig *rig);

// End the broker, which remembers its sessions, or start it again.
void mosquitto_rig_stop(struct mosquitto_rig *rig);
void mosquitto_rig_start(struct mosquitto_rig *rig);

// Let it stand still, or go on.
void mosquitto_rig_freeze(struct mosquitto_rig *rig, bool is_frozen);

// All that mosquitto_sub has received, once it has all that the broker has: a line for each
// message, "RETAINED TOPIC PAYLOAD". Lent until the next call.
const char *mosquitto_rig_received(struct mosquitto_rig *rig);

// What the broker is told to keep under that topic, as a new mosquitto_sub receives it; "" if
// it keeps nothing. The caller frees it.
char *mosquitto_rig_retained(struct mosquitto_rig *rig, const char *topic);

// The ids of the rows among it, events left out; as contract_peer wants them, with the rig as
// context.
size_t mosquitto_rig_ids(void *context, char (*ret)[ROW_ID_TEXT_MAX], size_t n);

// How many clients it has let in, or turned away.
unsigned mosquitto_rig_visits(const struct mosquitto_rig *rig);
