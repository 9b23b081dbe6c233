#pragma once
// NATS worker: a thread that publishes batches to JetStream, one at a time, and waits for their
// acknowledgements. What libnats does may take seconds (names, TLS, a server that does not
// read), so that nothing of it is called on the loop.
//
// Threads: loop thread.
// Memory:  a batch belongs to whoever has it: it goes to the worker and comes back.

#include <stdbool.h>
#include <stddef.h>

#include "sink/nats_address.h"
#include "sink/sink_ops.h"
#include "util/loop.h"

struct nats_message {
        char *subject, *id, *body;
        size_t n_body;
};

struct nats_batch {
        struct nats_message *messages;
        size_t n;
        // The answer, as sink_answer() takes it; trouble.code is 0 with SINK_TAKEN.
        enum sink_outcome outcome;
        size_t n_taken;
        struct error trouble;
};

// Zeroed messages. nats_batch_free() takes NULL and returns NULL.
struct nats_batch *nats_batch_new(size_t n);
struct nats_batch *nats_batch_free(struct nats_batch *batch);

// What to connect to, and the stream that has to take the subjects.
struct nats_plan {
        struct nats_address address;
        char *authority, *credentials;  // files; NULL: none
        char *stream;                   // NULL: whichever takes the pattern
        char *pattern;                  // of all subjects
        bool can_create;
};

void nats_plan_deinit(struct nats_plan *plan);

struct nats_worker;

// Start it; the plan is taken over, also on failure. on_done(context, batch) gives each batch
// back on the loop.
int nats_worker_start(struct nats_worker **ret, struct loop *loop, struct nats_plan *plan,
                      void (*on_done)(void *context, struct nats_batch *batch), void *context,
                      struct error *error);

// Publish it (takes it). The one before has to be back.
void nats_worker_send(struct nats_worker *worker, struct nats_batch *batch);

// No further calls, at once. The thread ends by itself when what it waits for is over. NULL is
// fine. Returns NULL.
struct nats_worker *nats_worker_leave(struct nats_worker *worker);
