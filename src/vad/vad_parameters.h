#pragma once
// Voice-activity parameters: faster-whisper's vad_parameters, "name=value,name=value", as what
// the segmenter knows. What each means and its range: docs/configuration.md.
//
// Threads: any; no state.

#include "util/error.h"
#include "vad/segmenter.h"

// Set those that the text names; the others stay. -EINVAL, and *error says which one is wrong:
// then nothing is set.
int vad_parameters_apply(struct segmenter_config *config, const char *text,
                         struct error *error);
