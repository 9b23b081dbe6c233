#pragma once
// Engine: turns jobs into hypotheses, many at a time. The ops table that the scheduler's decode
// threads drive; engine_whisper (whisper/whisper.h) is the real one, engine_scripted says what
// a test tells it.
//
//     engine->submit(state, job)      while it has room: ENGINE_E_FULL is a normal answer
//     engine->step(state)             a bounded piece of work for all that is inside
//     engine->cancel(state, job)      before a step: what has changed about a job inside; so
//     engine->hurry(state, job)       that jobs are plain data
//     engine->promote(state, job)
//     engine->collect(state, ...)     finished jobs, in any order
//
// Threads: one engine belongs to one decode thread; the model behind it is immutable and shared
//          by all engines.

#include <stdbool.h>
#include <stddef.h>

#include "decode/hypothesis.h"
#include "decode/job.h"
#include "util/error.h"

enum {
        ENGINE_E_FULL = 1,  // submit: no free slot now
        ENGINE_E_IDLE,      // step: nothing to do
        ENGINE_E_NONE,      // collect: nothing finished
};

// --- For implementors ---------------------------------------------------------------------

struct engine_ops {
        const char *name;

        // Make an engine's state on `model` (the implementation's own type). Calls to one state
        // never overlap.
        int (*open)(void **ret, const void *model, struct error *error);
        void (*close)(void *state);

        // Turn the texts of options that many jobs will have into tokens, once instead of for
        // each job; they are freed. Texts that are too long for the model are cut
        // (decode_tokens.is_cut). Any thread. NULL: there is nothing to prepare. 0 or -ENOMEM,
        // then the texts are as they were.
        int (*prepare)(const void *model, struct decode_options *options);

        // Take in a job: borrowed until collected. 0, ENGINE_E_FULL, or negative: this job
        // cannot be decoded (empty, too long), the others are untouched.
        int (*submit)(void *state, const struct job *job);

        // Nobody wants the job any more, which is inside: it does no further work, and is
        // collected with -ECANCELED unless it is finished already.
        void (*cancel)(void *state, const struct job *job);

        // The job has been inside for long enough: what it says so far stands where that is a
        // whole text, and no further attempt is made. NULL: there are none to leave out.
        void (*hurry)(void *state, const struct job *job);

        // The job, of JOB_RANK_SPECULATIVE and inside, is one of JOB_RANK_FINAL from now on.
        // May be told again. NULL: the engine knows no ranks.
        void (*promote)(void *state, const struct job *job);

        // Work for at most about one encoder window or one token of all sequences.
        int (*step)(void *state);

        // One finished job: *ret_result is 0 (then *ret_hypothesis is filled and the caller's)
        // or the negative error of this job alone. Returns 0 or ENGINE_E_NONE.
        int (*collect)(void *state, const struct job **ret_job, int *ret_result,
                       struct hypothesis *ret_hypothesis);
};
