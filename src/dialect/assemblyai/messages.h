#pragma once
// Messages: those of AssemblyAI's streaming API (v3). Its clients check each member's type:
// times are whole milliseconds.
//
// Threads: any one at a time.

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/http_phrase.h"
#include "transcript/segment.h"
#include "util/error.h"

enum assemblyai_command {
        ASSEMBLYAI_TERMINATE,
        ASSEMBLYAI_FORCE_ENDPOINT,
        ASSEMBLYAI_UPDATE,
        ASSEMBLYAI_KEEP_ALIVE,
        ASSEMBLYAI_UNKNOWN,
};

// Read what a client says: *ret_message, which the caller decrefs, is all of it. -EINVAL with
// words for what is no message of theirs; *ret_message is NULL then.
int assemblyai_command_read(enum assemblyai_command *ret, json_t **ret_message,
                            const char *text, size_t n, struct error *error);

// The words of a turn so far, as they are told. Zeroed is none.
struct assemblyai_words {
        json_t *list;
        size_t n;
};

// Add a segment's words, or take its text for words that are spread over its time where it has
// none. Times are those of `base` samples later.
void assemblyai_words_add(struct assemblyai_words *words, const struct segment *segment,
                          bool is_final, int64_t base);
void assemblyai_words_clear(struct assemblyai_words *words);

struct assemblyai_turn {
        uint64_t order;
        const char *transcript;  // of final words
        bool is_end, is_formatted;
        const char *language;  // "": unknown
        const struct assemblyai_words *finals, *tail;
};

// The texts of messages, which the caller frees.
char *assemblyai_encode_begin(const char *id, int64_t expires_at);
char *assemblyai_encode_speech(int64_t timestamp);
char *assemblyai_encode_turn(const struct assemblyai_turn *turn);
char *assemblyai_encode_termination(double audio_seconds, double session_seconds);
char *assemblyai_encode_error(int code, const char *words);

// A refusal by HTTP.
bool assemblyai_phrase(const struct http_request *request, int status, const char *words,
                       struct http_phrase *phrase);
