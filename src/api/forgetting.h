#pragma once
// Forgetting: the requests that something be removed for good, each until it is done. A client
// that goes away does not stop it.
//
// Threads: loop thread only.

#include "journal/forget.h"

struct exchange;
struct forgettings;

struct forgettings *forgettings_new(void);

// Before what they forget in is closed. NULL is fine. Returns NULL.
struct forgettings *forgettings_free(struct forgettings *forgettings);

// Answer a DELETE with `from` and, optionally, `to` in its query (RFC 3339 or Unix seconds; the
// end is now otherwise) once what was said then in that stream is gone: 200 and
// {"removed": rows}; else what was wrong. Without a stream (NULL) it is that of `stream` in the
// query, or all.
void forgettings_answer(struct forgettings *forgettings, struct exchange *exchange,
                        const struct forget_place *place, const char *stream);
