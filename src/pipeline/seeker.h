#pragma once
// Seeker: the windows of 30 s of one file, each beginning where the last complete segment of
// the one before ended, with the text so far as its context (as faster-whisper's transcribe()).
// Goes through the file's clips only.
//
// Threads: loop thread.

#include <stdbool.h>
#include <stdint.h>

#include "decode/job.h"
#include "pipeline/clips.h"

struct seeker {
        const struct clips *clips;  // lent
        size_t clip;                // the number of the one that `position` is in
        int64_t position;           // where the next window begins
        int64_t last_speech;        // where the last word told ended
        int64_t beyond;             // samples behind a window that judging it takes
};

// At the first clip. The options are those of all jobs of the file.
void seeker_init(struct seeker *seeker, const struct clips *clips,
                 const struct decode_options *options);

// The next window, if its sound is there: of `n_samples` so far, which is all when `is_whole`.
bool seeker_next(struct seeker *seeker, int64_t n_samples, bool is_whole, int64_t *ret_begin,
                 int64_t *ret_end);

// A window is given up: the next one begins at `position`.
void seeker_pass(struct seeker *seeker, int64_t position);

// More sound than the next window needs is there: its reader should wait.
bool seeker_is_ahead(const struct seeker *seeker, int64_t n_samples);

// The answer to the window: what is probably made up is taken out of it (decode/hallucination),
// `next_job` becomes what the next window is told of the text so far, and the position moves
// on. The sound ends at `n_samples`, as far as is known.
void seeker_advance(struct seeker *seeker, const struct job *job, int64_t n_samples,
                    struct hypothesis *hypothesis, struct job_hints *next_job);
