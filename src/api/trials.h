#pragma once
// Trials: POST /api/v1/alerts/test: what would fire, had there been such an alert, on a text or
// on what was said (docs/api.md).
//
// Threads: loop thread only.

#include "api/reading.h"

struct trials;

// At once, of all clients; one of them has one.
#define TRIALS_MAX 2

struct trials *trials_new(void);

// Behind readings_free(), which ends the ones there are. NULL is fine. Returns NULL.
struct trials *trials_free(struct trials *trials);

void trials_answer(struct trials *trials, struct readings *readings, struct exchange *exchange,
                   const struct reading_place *place);
