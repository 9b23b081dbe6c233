#pragma once
// Event wish: which events somebody wants, and from where on, as a request says it:
// `?stream=` and `?kind=`, each as often as one likes or with commas, and `?after=` or the
// header Last-Event-ID.
//
// Threads: any; plain data.

#include <stdbool.h>

#include "journal/row.h"
#include "util/cleanup.h"

#define EVENT_WISH_STREAMS_MAX 64

struct event_wish {
        unsigned kinds;  // bits 1 << (kind), of enum row_kind and enum event_kind
        char **streams;  // names and globs, NULL at the end; NULL: all
        size_t n_streams;
        struct row_cursor after;
        bool has_after;
};

// What is wrong with a request, as a problem has it (problem.h).
struct event_wish_mistake {
        const char *field;  // static
        char detail[256];
};

// `query` as it came, and the header's value or NULL. False: *ret_mistake says what is wrong.
// event_wish_deinit() it in any case.
bool event_wish_read(const char *query, const char *last_event_id, struct event_wish *ret,
                     struct event_wish_mistake *ret_mistake);

// Whether it has that kind, of that stream (NULL: of no one stream).
bool event_wish_has(const struct event_wish *wish, unsigned kind, const char *stream);

// Whether it has any kind that the journal's rows are of.
bool event_wish_has_rows(const struct event_wish *wish);

void event_wish_deinit(struct event_wish *wish);
