#pragma once
// Journaling: the text of a stream goes into the journal first, and is shown then. What is
// behind a final segment in the stream's order waits for it, too; all else is shown at once.
//
// Threads: loop thread only.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/journal.h"
#include "transcript/observer.h"
#include "util/cleanup.h"

struct journaling;

// Where rows go. All of it outlives the streams.
struct journaling_services {
        struct loop *loop;
        struct journal *journal;
        struct row_ids *ids;  // that all rows get theirs from
        const char *model;    // that hears
        bool has_sessions;    // clients' text is journaled, too
        // Who looks for alerts in final segments' rows, with their ids, and, while he wants
        // them, in the stable words of the tail, and is told when the text of another
        // generation begins, which does not follow what was said before; NULL: nobody.
        void (*on_segment)(void *context, const struct row *segment);
        bool (*wants_stable)(void *context);
        void (*on_stable)(void *context, const struct row *tail);
        // `name` is the session's, or the stream's where it has none.
        void (*on_break)(void *context, const char *name);
        void *context;
};

// What all rows of the stream say. Copied; texts may be NULL as in struct row.
struct journaling_facts {
        const char *stream, *session, *dialect, *channel, *principal;
};

// Show the update; its finals are journaled, or may be shown all the same. Lent.
typedef void journaling_show(void *context, const struct stream_facts *stream,
                             const struct update *update);

struct journaling *journaling_new(const struct journaling_services *services,
                                  const struct journaling_facts *facts, journaling_show *show,
                                  void *context);

// What waits is written all the same, but no longer shown. NULL is fine. Returns NULL.
struct journaling *journaling_free(struct journaling *journaling);

// New text of the stream. Whoever shows it is called within, or once it is in the journal.
void journaling_on_update(struct journaling *journaling, const struct stream_facts *stream,
                          const struct update *update);

// The source's state changed.
void journaling_on_notice(struct journaling *journaling, const struct stream_facts *stream,
                          const struct stream_notice *notice);

// Updates with finals that are not shown yet.
size_t journaling_waiting(const struct journaling *journaling);

// Show now what waits: the recording that it belongs to is over.
void journaling_release(struct journaling *journaling);

// Whether somebody looks at partial text.
bool journaling_wants_tail(const struct journaling *journaling);

DEFINE_CLEANUP(struct journaling *, journaling_free);
