#pragma once
// HTTP phrase: a refusal as one kind of client understands it.
//
// Threads: any; plain data.

#include <stdbool.h>
#include <stdlib.h>

struct http_request;

struct http_phrase {
        int status;                // as it was, unless another is set
        const char *content_type;  // static
        char *headers;             // more of them, each with its "\r\n"; NULL: none
        char *body;
};

// Put a refusal with these words (UTF-8 or not) into phrase, whose texts the caller frees.
// False: it is left to net/, whose words are plain text.
typedef bool http_phrase_fn(const struct http_request *request, int status, const char *words,
                            struct http_phrase *phrase);

static inline void http_phrase_deinit(struct http_phrase *phrase) {
        free(phrase->headers);
        free(phrase->body);
        *phrase = (struct http_phrase){0};
}
