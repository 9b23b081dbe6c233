#pragma once
// Stream passes: what partial passes have heard of the open window, for the next one to build
// on. The tokens are its draft. When speech went on after a pause, what the pass over all up to
// the pause heard stands for that sound until the window is final: later passes take only what
// follows (the head and what follows it, below), so that a long sentence costs no more and
// more.
//
// Threads: loop thread only.
// Memory:  owns what it keeps; jobs and hypotheses are lent for the call.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/hypothesis.h"
#include "decode/job.h"

// What was heard in a pass over sound from `begin` on.
struct draft {
        int64_t begin;
        int32_t *tokens;
        size_t n;
};

// Zeroed is nothing heard.
struct stream_passes {
        struct draft whole;      // of the window, up to now
        struct draft rest;       // of what follows the head
        struct hypothesis head;  // up to a pause; no segments: none
        int64_t head_begin;      // of its window
        int64_t rest_begin;      // in that pause: where passes over the rest begin
        int64_t asked_begin;     // of the last pass over a rest that was asked for
};

// Where the sound of the next partial pass over the window [window_begin, end) begins: there,
// or in a pause. A speculative pass takes the whole window, for its answer may become the
// final.
int64_t stream_passes_begin(struct stream_passes *passes, int64_t window_begin, int64_t end,
                            bool is_speculative);

// Give the job, whose sound begins at job->begin, its draft, and to a pass over a rest the
// language of its head.
void stream_passes_tell(const struct stream_passes *passes, struct job *job);

// What a partial job heard. *ret becomes what is now heard of the whole window, the caller's,
// and *ret_begin where that begins. False when the answer is about what follows a head that is
// no more: then there is nothing new.
bool stream_passes_hear(struct stream_passes *passes, const struct job *job,
                        const struct hypothesis *hypothesis, int64_t *ret_begin,
                        struct hypothesis *ret);

// The window is closed: its head is of no use any more, its draft is for the final job.
void stream_passes_close_window(struct stream_passes *passes);

void stream_passes_deinit(struct stream_passes *passes);
