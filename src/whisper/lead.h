#pragma once
// Lead: the sound right before a job's (decode/job.h), as far as it is heard with the job's
// first window.
//
// Threads: any; no state.

#include <stddef.h>

#include "decode/job.h"
#include "whisper/model.h"

// Frames of the lead that are heard before the job's window: a whole number of the encoder's
// rows. 0 where it is left out, which job.h tells when, but for a language that is to be
// detected: that is the caller's to know.
size_t lead_frames(const struct job *job, const struct whisper_model *model);

// Samples of the last n_frames frames of the lead and of the job, one behind the other:
// n_frames * LOG_MEL_HOP + job->n_samples of them. The caller frees them.
float *lead_join(const struct job *job, size_t n_frames);
