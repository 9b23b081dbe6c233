#pragma once
// Sink runner: one sink, from its cursor in the journal to its type and back.
//
// Threads: loop thread.
// Memory:  belongs to sink.c; the configuration is lent and outlives it.

#include <stddef.h>

#include "journal/journal.h"
#include "sink/sink.h"
#include "sink/sink_ops.h"

// Start it. One that cannot be started is there all the same, and stopped.
struct sink *sink_open(const struct sink_ops *const *types, struct loop *loop,
                       struct journal *journal, const struct sink_config *config);
struct sink *sink_close(struct sink *sink);

// There is a row in the journal.
void sink_on_row(struct sink *sink, const struct row *row);

// As sinks_...(), of this one.
void sink_on_event(struct sink *sink, const struct sink_event *event);
bool sink_wants_partials(const struct sink *sink);
void sink_reopen(struct sink *sink);
void sink_get(const struct sink *sink, struct sink_state *ret);
