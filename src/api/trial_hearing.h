#pragma once
// Trial hearing: what an alert that somebody tries would have fired on, looked for in rows on a
// thread, since a pattern may take its time.
//
// Threads: loop thread only; it has threads of libuv's pool, one at a time.
// Memory:  TRIAL_FIRED_MAX rows, and those that are being looked at.

#include <jansson.h>
#include <stdbool.h>

#include "alert/alerts.h"
#include "journal/query.h"
#include "util/loop.h"

#define TRIAL_FIRED_MAX 100  // that are kept

struct trial_hearing;

// The alert is copied. It was checked (alert_check()).
struct trial_hearing *trial_hearing_new(struct loop *loop, const struct alert_config *alert);

// Look at the page's rows, the oldest first, behind those of the calls before; the page is
// taken. on_done(context) follows, later than this returns; not before it another call.
void trial_hearing_hear(struct trial_hearing *hearing, struct query_page *page,
                        void (*on_done)(void *context), void *context);

// It has fired more often than is kept: there is no need to go on.
bool trial_hearing_is_full(const struct trial_hearing *hearing);

// What came of it: {"fired": [{"time", "stream", "text", "found", "segment"}], "is_more",
// "segments": how many were looked at, "patterns_limited": on how many texts a pattern was
// given up, since it took too long}; the caller's. Not while it hears.
json_t *trial_hearing_json(const struct trial_hearing *hearing);

// Nobody wants to know any more: on_done is not called. NULL is fine. Returns NULL.
struct trial_hearing *trial_hearing_leave(struct trial_hearing *hearing);
