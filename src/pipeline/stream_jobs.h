#pragma once
// Stream jobs: what a stream asks of the decoder. A window becomes a final job when it is
// closed, and partial ones while it is open. Sound goes into one final job at most, and what
// one pass over a window heard is the draft of the next.
//
// Who makes a job's generation and deadline right, and submits it, is the stream.
//
// Threads: loop thread only.
// Memory:  jobs belong to the caller. Windows and the ring are lent for the call.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audio/ring.h"
#include "decode/hypothesis.h"
#include "decode/job.h"
#include "pipeline/stream_passes.h"
#include "vad/segmenter.h"

struct stream_settings;

// The options and the passes are owned.
struct stream_jobs {
        struct decode_options options;     // of the next job
        char language[LANGUAGE_CODE_MAX];  // as wished; options has the one found since
        int64_t backlog_until;             // everything before it is text or in the backlog
        int64_t partial_end;               // of the last partial job in the open window
        struct stream_passes passes;
        uint64_t id_last;
};

// With the settings' options, and what they leave open as it is best for live sound.
void stream_jobs_init(struct stream_jobs *jobs, const struct stream_settings *settings);
void stream_jobs_deinit(struct stream_jobs *jobs);

// The window is closed, and what of it was not in the backlog yet is from now on: *ret says
// what final job is wanted, but for the generation. False when nothing is left to decode.
// ret->language is lent until the language changes.
bool stream_jobs_close_window(struct stream_jobs *jobs, const struct ring *ring,
                              const struct window *window, struct job_window *ret);

// That final job. NULL when out of memory.
struct job *stream_jobs_final(struct stream_jobs *jobs, const struct ring *ring,
                              const struct job_window *wanted);

// Would a partial pass over the open window have something new to say?
bool stream_jobs_want_pass(const struct stream_jobs *jobs, const struct window *window);

// That pass, a partial job with the sound that there is up to now, from the window's begin or
// from a pause in it (stream_passes.h). NULL when there is none, or out of memory.
struct job *stream_jobs_partial(struct stream_jobs *jobs, const struct ring *ring,
                                const struct window *window);

// A language was found: later windows are taken to be in it, unless each is to be detected.
void stream_jobs_follow_language(struct stream_jobs *jobs, const char *language);

// Nothing before `position` is wanted any more; the language is as wished again.
void stream_jobs_forget(struct stream_jobs *jobs, int64_t position);
