#pragma once
// Status history: how the server was in the last hour, in steps of ten seconds.
//
// Threads: loop thread only.
// Memory:  bounded: STATUS_STEPS samples of plain data.

#include <jansson.h>

#include "decode/scheduler.h"
#include "util/loop.h"

#define STATUS_STEP  (10 * NSEC_PER_SEC)
#define STATUS_STEPS 360

// How it was in one step, or at its end.
struct status_sample {
        nsec_t wall;    // Unix time of its end
        double cores;   // processor time per second, all threads, without children
        double memory;  // bytes that the process held
        enum load_level level;
        double final_delay;      // seconds
        double backlog_seconds;  // of sound
        size_t n_streams;        // all
        size_t n_online;         // of which sound comes
        size_t n_speaking;       // on which somebody speaks
        size_t n_sessions;
};

// Zeroed is empty.
struct status_history {
        struct status_sample samples[STATUS_STEPS];
        size_t n;     // that there are
        size_t next;  // where the next one goes
};

// The oldest one goes where there is no room.
void status_history_add(struct status_history *history, const struct status_sample *sample);

// The latest one; NULL: there is none yet.
const struct status_sample *status_history_last(const struct status_history *history);

// {"step": 10, "time": [...], "cores": [...], ...}: a list for each figure, all equally long,
// the oldest sample first. The caller's.
json_t *status_history_json(const struct status_history *history);
