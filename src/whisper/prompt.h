#pragma once
// Prompt: the tokens in front of the text, as faster-whisper builds them:
//     [sot_prev, hotwords, previous tokens,] sot, [language, task,] [no_timestamps,]
//     [the first timestamp unless there are none, prefix,] [the text of the lead]
//
// Threads: any; plain data.

#include <stddef.h>
#include <stdint.h>

#include "decode/job.h"
#include "whisper/tokenizer.h"

#define PROMPT_CONTEXT 448  // positions that every Whisper has for text

struct prompt {
        int32_t tokens[PROMPT_CONTEXT];
        size_t n;
        size_t start;    // where start_of_transcript stands
        size_t n_after;  // how many tokens may follow
};

// What the options say that every window is told.
struct prompt_texts {
        struct decode_tokens hotwords, prompt, prefix;
};

// The options' texts as tokens (" " and the stripped text), of each as many as a prompt
// has room for: the last ones of the initial prompt, the first ones of hotwords and prefix.
// What is tokens already is copied. The caller deinitialises. -ENOMEM.
int prompt_encode(const struct tokenizer *tokenizer, const struct decode_options *options,
                  struct prompt_texts *ret);
void prompt_texts_deinit(struct prompt_texts *texts);

// Turn the options' texts into tokens in place: engine_ops.prepare.
int prompt_prepare(const struct tokenizer *tokenizer, struct decode_options *options);

// Append n more tokens to a list on the heap.
void prompt_extend(int32_t **tokens, size_t *n_tokens, const int32_t *more, size_t n);

// What goes into a prompt. `language` is a token, or -1 for an English-only model.
struct prompt_parts {
        const int32_t *hotwords;
        size_t n_hotwords;
        const int32_t *previous;
        size_t n_previous;
        const int32_t *prefix;
        size_t n_prefix;
        const int32_t *lead;  // text of the sound before the window; at most
        size_t n_lead;        // JOB_LEAD_TOKENS_MAX
        int32_t language;
        enum decode_task task;
        bool without_timestamps;
        size_t n_text_max;  // tokens that may follow at most; 0: as many as fit
};

struct prompt prompt_build(const struct tokenizer_specials *specials,
                           const struct prompt_parts *parts);
