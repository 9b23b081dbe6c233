#pragma once
// Partials: jobs over the window in which somebody is speaking, and what they heard of it. Each
// pass has what was heard before as its draft. When speech went on after a pause, the text of
// the pass over all up to the pause is committed: it stands for that sound until the window is
// final, and later passes take only the rest behind it, so that a long sentence costs no more
// and more.
//
// Threads: loop thread only.
// Memory:  owns what it keeps; jobs and hypotheses are lent for the call.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/hypothesis.h"
#include "decode/job.h"
#include "pipeline/windows.h"

// Zeroed is nothing heard.
struct partials {
        struct hypothesis heard;  // of the window up to now; its times count from heard_begin
        int64_t heard_begin;
        size_t n_committed;           // of its first segments, that are the committed ones
        struct hypothesis committed;  // the text up to a pause; no segments: none
        int64_t committed_begin;      // where its window begins
        int64_t rest_begin;           // in that pause: where passes over the rest begin
        int64_t asked_begin;          // of the last pass over a rest that was asked for
        int64_t end;                  // of the last pass that was asked for; 0: none yet
};

// Would a pass over the open window have something new to say?
bool partials_want(const struct partials *partials, const struct window *window);

// A pass over the open window with the sound that there is up to now: a partial job from the
// window's begin, or from the pause behind what is committed. When speech has paused it takes
// the whole window, for its answer may become the final one. NULL when out of memory.
struct job *partials_job(struct partials *partials, struct windows *windows,
                         const struct window *window);

// Give a job its draft, if something was heard of sound that begins where the job's does; and a
// pass over a rest the language of what is committed.
void partials_tell(const struct partials *partials, struct job *job);

// The answer to a pass: partials->heard is now what is heard of the whole window. False when
// the answer is about the rest behind a text that is committed no more: nothing is new then.
bool partials_hear(struct partials *partials, const struct job *job,
                   const struct hypothesis *hypothesis);

// The window is closed: nothing is committed any more. What was heard stays as the draft of its
// final job.
void partials_close_window(struct partials *partials);

void partials_deinit(struct partials *partials);
