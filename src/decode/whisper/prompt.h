#pragma once
// Prompt: the tokens in front of the text, as faster-whisper builds them:
//     [sot_prev, hotwords, previous tokens,] sot, [language, task,] [no_timestamps,]
//     [the first timestamp unless there are none, prefix]
//
// Threads: any; plain data.

#include <stddef.h>
#include <stdint.h>

#include "decode/job.h"
#include "decode/whisper/tokenizer.h"

#define PROMPT_CONTEXT 448  // positions that every Whisper has for text

struct prompt {
        int32_t tokens[PROMPT_CONTEXT];
        size_t n;
        size_t start;    // where start_of_transcript stands
        size_t n_after;  // how many tokens may follow
};

// Tokens of " " and the stripped text; *ret is NULL for NULL or blank text.
int prompt_encode(const struct tokenizer *tokenizer, const char *text, int32_t **ret,
                  size_t *ret_n);

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
        int32_t language;
        enum decode_task task;
        bool without_timestamps;
        size_t n_text_max;  // tokens that may follow at most; 0: as many as fit
};

struct prompt prompt_build(const struct tokenizer_specials *specials,
                           const struct prompt_parts *parts);
