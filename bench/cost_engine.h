#pragma once
// Cost engine: an engine that hears nothing and says nothing, but takes the time that the real
// one would. Whose turn it is, it decides as whisper/engine.c does; how long a step takes, a
// table of costs says. Retries, KV caches and what files give up for others are left out.
//
// Time is that of a clock which the loop's thread moves: a step waits at a gate until that
// thread says that it is over. The two threads never work at the same time, so that what comes
// of it is the same each time: the engine waits for the loop before a step, and then takes in
// what else the loop has put in.
//
// Threads: the gate's functions belong to the loop's thread; the engine's are its decode
//          thread's.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/engine.h"
#include "util/loop.h"

// Where a step of the engine waits for its end.
struct step_gate;

// The clock is lent. The gate is freed after the scheduler whose engine uses it.
struct step_gate *step_gate_new(const struct loop *loop);
struct step_gate *step_gate_free(struct step_gate *gate);

// Whether a step is under way; *ret_end is when it will be over.
bool step_gate_is_closed(struct step_gate *gate, nsec_t *ret_end);

// There is work that the engine has not taken in: wait for its step to begin, but a moment (of
// the machine's time) at most.
void step_gate_await_step(struct step_gate *gate);

// The step under way is over. Waits until the next one is under way, or the engine has given
// back all that it had.
void step_gate_open(struct step_gate *gate);

// No step takes time from now on: so that the decode thread can end.
void step_gate_leave_open(struct step_gate *gate);

// What was done, in seconds of the clock.
struct cost_counts {
        uint64_t n_encoder_runs, n_encoder_windows;
        uint64_t n_decoder_steps, n_decoder_rows;
        double encoder_seconds[JOB_RANK_BACKGROUND + 1];  // for jobs of each rank
        double decoder_seconds;
};

// The engine's model, of the machine that it is on. `counts` are read when the scheduler is
// closed.
struct cost_model {
        double scale;  // of all costs: 1 is the machine where they were measured
        struct step_gate *gate;
        struct cost_counts *counts;
};

extern const struct engine_ops engine_costed;
