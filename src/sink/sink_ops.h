#pragma once
// Sink ops: what a type of sink has to do; the rest (reading the journal, its filter, back-off,
// its cursor, counting) is done for it by sink.c. A new type is a file with such a table and
// one line in sink_types.c.
//
// Threads: loop thread. A library's own threads come back by loop_post().

#include <stddef.h>

#include "journal/row.h"
#include "sink/sink.h"
#include "util/error.h"
#include "util/loop.h"

struct sink;  // its runner

struct sink_ops {
        const char *type;
        size_t batch_max;  // rows of one send

        // Whether the configuration has what this type needs: 0 or -EINVAL with words.
        int (*check)(const struct sink_config *config, struct error *error);

        // Make it. It need not be connected on return, and a peer that is down is no error: it
        // connects by itself when rows are sent, or keeps a connection up if it likes.
        int (*open)(void **ret, struct sink *sink, struct loop *loop,
                    const struct sink_config *config, struct error *error);

        // Hand these rows over, in order. They are lent until sink_answer() is called, exactly
        // once for each send, from within or later. No second send comes before.
        void (*send)(void *state, const struct row *rows, size_t n);

        // NULL: does not care.
        void (*on_event)(void *state, const struct sink_event *event);
        void (*reopen)(void *state);

        // At once; no sink_answer() afterwards. Returns NULL.
        void *(*close)(void *state);
};

// All types, by enum sink_type.
extern const struct sink_ops *const sink_types[SINK_TYPES];
extern const struct sink_ops sink_lines, sink_mqtt, sink_nats, sink_webhook, sink_postgresql;

enum sink_outcome {
        SINK_TAKEN,    // all rows are acknowledged
        SINK_RETRY,    // not now: the rest comes again after a back-off
        SINK_REFUSED,  // the row behind those taken cannot be taken as it is
        SINK_BROKEN,   // wrongly configured, or told to stop (410): no more until a restart
};

// The answer to a send. `n_taken` rows, the first of them, are acknowledged (with SINK_TAKEN
// all of them, whatever it says); `trouble` says in words without secrets why the others are
// not (NULL with SINK_TAKEN); `retry` is when to come again if the peer said so (Retry-After),
// 0 if not.
void sink_answer(struct sink *sink, enum sink_outcome outcome, size_t n_taken,
                 const char *trouble, nsec_t retry);

// The name, for log lines and client ids.
const char *sink_name(const struct sink *sink);

// Something to tell that is no answer to a send: a connection came (trouble NULL) or was lost.
void sink_tell(struct sink *sink, const char *trouble);

// --- for sink.c and tests -------------------------------------------------------------------

#define SINK_TRIES 5  // of a row that is refused, where the configuration says 0

// Where a new sink begins.
enum sink_from { SINK_FROM_NOW, SINK_FROM_BEGINNING, SINK_FROM_DATE };

// 0, or -EINVAL; *ret_since (Unix ms) is set for a date only.
int sink_from_read(const char *from, enum sink_from *ret, int64_t *ret_since);

// As sink_check() and sinks_open(), with other types (SINK_TYPES of them) in the place of
// sink_types.
int sink_type_check(const struct sink_ops *const *types, const struct sink_config *config,
                    struct error *error);
struct sinks *sinks_open_types(const struct sink_ops *const *types, struct loop *loop,
                               struct journal *journal, const struct sink_config *configs,
                               size_t n);
