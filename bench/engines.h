#pragma once
// Engines: jobs through one or several whole engines on one model, with a stopwatch at the
// encoder and at the decoder (the linker puts it there: --wrap).
//
// Threads: main; a run with several engines makes one thread for each.

#include <stddef.h>

#include <jansson.h>

#include "decode/job.h"
#include "util/cleanup.h"
#include "whisper/whisper.h"

struct engines;

// Open `n` engines. Negative error.
int engines_new(struct engines **ret, const struct whisper_model *model, size_t n,
                struct error *error);
struct engines *engines_free(struct engines *engines);

// All jobs, which are lent, until all are answered; one more thread of the program is busy for
// busy_percent of the time. {"seconds", "n_inside" (most jobs in one engine at a step),
// "decoder": {"n", "seconds", "p50", "p95", "max"} of its steps, "encoder": the same of its
// runs, "answers": [hypothesis_json() of each job, in their order]}; the caller's.
json_t *engines_run(struct engines *engines, struct job *const *jobs, size_t n_jobs,
                    unsigned busy_percent);

DEFINE_CLEANUP(struct engines *, engines_free);
