#pragma once
// NATS client rig: looks at a server's streams, and changes them. Only in tests.
//
// Threads: main thread.

#include <stddef.h>

#include "sink/broker_rig.h"

struct rig_nats_message {
        char *subject, *id, *body;  // id: its Nats-Msg-Id
};

// All messages of a stream in their order, `n` at most; returns how many.
size_t rig_nats_read(const struct rig_broker *broker, const char *stream,
                     struct rig_nats_message *ret, size_t n);
void rig_nats_messages_free(struct rig_nats_message *messages, size_t n);

// Ask JetStream's interface, "STREAM.CREATE.x" with its JSON; the answer is the caller's.
char *rig_nats_ask(const struct rig_broker *broker, const char *what, const char *json);
