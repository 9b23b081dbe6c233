#pragma once
// OpenAI answer: a file's text in the forms of OpenAI's API, and of whisper.cpp's server, which
// differ in what they do with line ends, and where words stand.
//
// Threads: any; no state.
// Memory:  everything returned is zero-terminated, and the caller's to free. What is no UTF-8
//          becomes U+FFFD.

#include "dialect/openai/wish.h"
#include "transcript/segment.h"

// What was heard.
struct openai_told {
        const struct segment *segments;
        size_t n_segments;
        const char *language;        // code; "": nothing was said
        float language_probability;  // 0: unknown
        int64_t n_samples;           // of its sound
};

// All at once; *ret_type is its Content-Type (static).
char *openai_answer(const struct openai_wish *wish, const struct openai_told *told,
                    const char **ret_type);
char *openai_answer_whispercpp(const struct openai_wish *wish, const struct openai_told *told,
                               const char **ret_type);

// Events of an answer in pieces, each with the blank line that ends it: a further segment,
// which is the first of all; the end; what went wrong.
char *openai_event_delta(const struct segment *segment, bool is_first);
char *openai_event_done(const struct openai_told *told);
char *openai_event_error(int status, const char *words);

// {"error":{"message","type","param","code"}}, as the status has it. `field` NULL: none.
char *openai_error(int status, const char *field, const char *code, const char *words);

// {"error":"words"}
char *openai_error_whispercpp(const char *words);

// The models that there are by these names, which NULL ends; and one of them.
char *openai_models(const char *const *names);
char *openai_model(const char *name);
