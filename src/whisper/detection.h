#pragma once
// Detection: the language that a window is taken to be in, by what the decoder says
// after start_of_transcript: among those that the options allow; and, where each window's is
// detected, another one than that of the text before only when this window is sure, or the one
// before was taken for it too.
//
// Threads: any; plain data.

#include <stdbool.h>
#include <stdint.h>

#include "decode/hypothesis.h"
#include "decode/job.h"
#include "whisper/tokenizer.h"

// The language's token, by these logits, which are changed; the hypothesis is told of it.
// `is_following`: each window's is detected.
int32_t detection_decide(const struct tokenizer *tokenizer, const struct job *job,
                         bool is_following, float *logits, struct hypothesis *hypothesis);
