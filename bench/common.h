#pragma once
// What the programs here share: a stopwatch and what to do with its
// figures, sounds as jobs, hypotheses as JSON,
// options.
//
// Threads: any; no state.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "decode/hypothesis.h"
#include "decode/job.h"
#include "whisper/compute.h"

// Of a clock that only goes forward.
double seconds_now(void);

// The smallest first.
void doubles_sort(double *values, size_t n);

// The next sound of a file as a final job: a count of samples (uint32, little endian), then so
// many float32. It holds the settings. NULL at the end, or where the file is broken.
struct job *job_read(FILE *file, const struct decode_settings *settings, uint64_t id);

// {"id", "result", "language", "segments": [{"text", "tokens", "begin", "end", ...}],
// "seconds"}; the caller's.
json_t *hypothesis_json(const struct job *job, int result, const struct hypothesis *hypothesis,
                        double seconds);

// One line on standard output; takes the object.
void json_print(json_t *object);

// "int8", as the configuration names it.
bool compute_parse(enum compute *ret, const char *text);
