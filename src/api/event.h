#pragma once
// Event: one thing that happens, encoded once for all who are told of it (events.h). It is
// counted: whoever keeps one holds it, and the last who releases it frees it.
//
// Threads: loop thread only.
// Memory:  charged to the budget that it is made with, which outlives it.

#include <stddef.h>
#include <stdint.h>

#include "journal/row.h"
#include "util/budget.h"

// Rows have their own kinds; these follow.
enum event_kind {
        EVENT_TAIL = ROW_KINDS,
        EVENT_LEVEL,
        EVENT_DURABLE,
        EVENT_BEGIN,  // from where on it is told
        EVENT_END,    // and that it ends, and why
        EVENT_KINDS,
};

// "segment", ..., "end"; NULL at the end.
extern const char *const event_kind_names[EVENT_KINDS + 1];

// As many of these names, from the first on, can be asked for.
#define EVENT_KINDS_WANTED EVENT_BEGIN

struct event {
        unsigned n_holders;
        unsigned kind;             // an enum row_kind or an enum event_kind
        struct row_cursor cursor;  // zeros: none
        uint8_t id[ROW_ID_BYTES];  // of the row; zeros: none
        struct budget *budget;
        const char *json;  // within `text`
        size_t n_json;
        size_t n;
        char text[];  // as server-sent events have it: "event:", "id:" and "data:" with the
                      // JSON
};

// Each is held once, by the caller.

struct event *event_of_row(const struct row *row, struct budget *budget);

// The row was shown as not durable before; now it is on disk.
struct event *event_of_durable(const struct row *row, struct budget *budget);

// Any other: `json` is one line, and `cursor` may be zeros.
struct event *event_of_json(enum event_kind kind, struct row_cursor cursor, const char *json,
                            struct budget *budget);

struct event *event_hold(struct event *event);

// NULL is fine. Returns NULL.
struct event *event_release(struct event *event);
