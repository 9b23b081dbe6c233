#pragma once
// Status: one look at everything, and how it was in the last hour.
//
// Threads: loop thread only.

#include "util/cleanup.h"
#include "util/loop.h"

struct api_view;
struct exchange;
struct status;

// The server starts now. `loop` outlives it.
struct status *status_new(struct loop *loop);

// NULL is fine. Returns NULL.
struct status *status_free(struct status *status);

// Whether a step of the history is over, and status_tick() is due.
bool status_is_due(const struct status *status);
void status_tick(struct status *status, const struct api_view *view);

// GET /api/v1/status, and GET /api/v1/status/history.
void status_answer(const struct status *status, struct exchange *exchange,
                   const struct api_view *view);
void status_answer_history(const struct status *status, struct exchange *exchange);
