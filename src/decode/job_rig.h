#pragma once
// Job rig: jobs whose settings a test chooses. Only in tests.
//
// Threads: main thread.

#include "decode/job.h"

// A job with the default settings and room for so many samples.
struct job *rig_new_job(size_t n_samples);

// The options of settings that the job has for itself from now on, to be changed before an
// engine has it. What its hints say stays.
struct decode_options *rig_options(struct job *job);
