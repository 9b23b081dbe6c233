#pragma once
// Result: a job's hypothesis as it grows: the text of one window after the other, with its
// words where these are known, becomes segments within the sound and in order.
//
// Threads: belongs to one slot.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/hypothesis.h"
#include "decode/job.h"
#include "whisper/fallback.h"
#include "whisper/prompt.h"
#include "whisper/tokenizer.h"
#include "whisper/unheard.h"
#include "whisper/word_timestamps.h"

struct result {
        const struct job *job;              // borrowed
        const struct tokenizer *tokenizer;  // borrowed
        struct hypothesis hypothesis;
        int32_t *previous;   // tokens: what the job was told, then what was said in it
        size_t n_previous;   // of both
        size_t n_told;       // of the former
        double last_speech;  // seconds from the job's begin: the end of the last word
};

// Begin with what the job is told: `texts`' prompt and the job's previous tokens.
void result_init(struct result *ret, const struct job *job, const struct tokenizer *tokenizer,
                 const struct prompt_texts *texts);
// Give memory back. The hypothesis must have been taken or deinitialised.
void result_deinit(struct result *result);

// True when the text's room ended before what is said in the window did, and it is good enough
// to be told: what follows has to be heard as another window.
bool result_goes_on(const struct result *result, const struct attempt_window *window,
                    const struct attempt *attempt);

// Frames of the window up to where the text ends, roughly: all of them, unless it goes on.
size_t result_reach(const struct result *result, const struct attempt_window *window,
                    const struct attempt *attempt);

// Add the window's text as segments; `words` are NULL where the text was not aligned. A text
// that goes on loses the word that it may have left half said (seam.h). Speech that no word
// covers is added to `missed`. Returns the frames of the window that are done with.
size_t result_add(struct result *result, const struct attempt_window *window,
                  struct attempt *attempt, struct timed_words *words,
                  struct unheard_list *missed);

// What is added next was said at `position` (samples from the job's begin) and does not follow
// what was said in the job.
void result_jump(struct result *result, int64_t position);
