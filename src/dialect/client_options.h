#pragma once
// Client options: what clients wish of their streams, whatever their services call it, checked
// in one place. A dialect sets what its client says and lets the request have it.
//
// Threads: any; plain data.
// Memory:  owns its texts; a request borrows them.

#include <stdbool.h>

#include "pipeline/request.h"
#include "util/error.h"

// Zeroed wishes for nothing but defaults.
struct client_options {
        const char *language;  // code of Whisper's, static; "" detects; NULL: absent
        char *prompt;          // NULL: absent
        char *hotwords;        // joined with blanks; NULL: absent
        float pause;           // seconds; 0: absent
        float window_max;      // seconds; 0: absent
        bool wants_words;      // each word's times
        bool wants_partials;
};

void client_options_deinit(struct client_options *options);

// What the request has from now on, until the options change or are freed. What is absent stays
// as it is there.
void client_options_apply(const struct client_options *options, struct request *request);

// The setters return 0, or -EINVAL with words that name the value, or what was expected, and
// leave all as it was.

// A language as people and services write it: a code, a tag whose region is cut ("en-US"), a
// name ("English"); "auto" and "multi" detect it, "" is none in particular.
int client_options_set_language(struct client_options *options, const char *text,
                                struct error *error);

// Text before the first, of at most DECODE_TEXT_MAX bytes of UTF-8; "" is none.
int client_options_set_prompt(struct client_options *options, const char *text,
                              struct error *error);

// One more word or phrase to be expected; together they have at most DECODE_TEXT_MAX bytes.
int client_options_add_hotword(struct client_options *options, const char *text,
                               struct error *error);
void client_options_clear_hotwords(struct client_options *options);

// Milliseconds without speech that close a window, and seconds that one may be long: what is
// beyond HEARING_* (json_text.h) is taken as the limit; no number or 0 is absent.
void client_options_set_pause(struct client_options *options, double milliseconds);
void client_options_set_window(struct client_options *options, double seconds);
