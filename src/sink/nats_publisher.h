#pragma once
// NATS publisher: a connection to NATS, the JetStream stream behind it, and what it
// acknowledged. Everything here blocks.
//
// Threads: a worker's, one at a time.

#include "sink/nats_worker.h"

struct nats_publisher;

// The plan is lent. is_left(context) is asked while it waits: whether nobody does any more.
struct nats_publisher *nats_publisher_new(const struct nats_plan *plan,
                                          bool (*is_left)(void *context), void *context);
struct nats_publisher *nats_publisher_free(struct nats_publisher *publisher);

// Publish all of it, connecting before if need be, and fill in the answer.
void nats_publisher_publish(struct nats_publisher *publisher, struct nats_batch *batch);
