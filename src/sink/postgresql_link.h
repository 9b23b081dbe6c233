#pragma once
// PostgreSQL link: one connection to a server, on the loop, in libpq's pipeline mode: commands
// are queued with PQsendQueryParams() and its like, up to a PQpipelineSync(), and their results
// come in the same order.
//
// Threads: loop thread only.
// Memory:  nothing but the connection; the address is lent and outlives it.

#include "sink/postgresql_address.h"
#include "util/loop.h"

struct postgresql_link;
struct pg_conn;    // libpq's PGconn
struct pg_result;  // libpq's PGresult

struct postgresql_link_listener {
        void (*on_open)(void *context);
        // The result of the next command; freed afterwards.
        void (*on_result)(void *context, const struct pg_result *result);
        // All up to a PQpipelineSync() is answered.
        void (*on_sync)(void *context);
        // It could not be opened, or is no more: why, in words without secrets. Comes once,
        // last.
        void (*on_lost)(void *context, const char *trouble);
        void *context;
};

// Open it. The listener may close it from within each of its calls.
struct postgresql_link *postgresql_link_open(struct loop *loop,
                                             struct postgresql_address *address,
                                             const struct postgresql_link_listener *listener);

// No further calls. NULL is fine. Returns NULL.
struct postgresql_link *postgresql_link_close(struct postgresql_link *link);

// For queueing commands, once it is open. One that cannot be queued (memory) breaks the link in
// postgresql_link_flush().
struct pg_conn *postgresql_link_connection(struct postgresql_link *link);

// Send what was queued, `n_syncs` PQpipelineSync() with it.
void postgresql_link_flush(struct postgresql_link *link, unsigned n_syncs);
