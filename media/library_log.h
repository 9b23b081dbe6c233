#pragma once
// Library log: where the lines of FFmpeg's libraries go: to the faults, and, redacted, a few of
// them to standard error.
//
// Threads: the libraries' own may log; what is kept is behind a lock.

#include "media/faults.h"

// From now on lines go there (lent), until it is NULL.
void media_library_log_set(struct media_faults *faults);
