#pragma once
// Append: a client's JSON while it arrives in pieces. The sound in it, base64 in the string
// "audio" of the outermost object, is handed on as bytes and never kept; the rest is a text of
// an ordinary size. An event's type may stand behind its sound: that of any event is heard.
//
// Threads: any one at a time.
// Memory:  at most APPEND_TEXT_MAX bytes of the rest.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define APPEND_TEXT_MAX ((size_t)128 * 1024)
#define APPEND_STEP     3072  // bytes of sound that are handed on at a time, at most

struct append {
        char *text;  // the rest, with an empty string in the sound's place
        size_t n, capacity;
        unsigned depth;  // of brackets
        bool is_in_string;
        bool is_in_sound;   // which is the string "audio"
        bool is_escaped;    // the character before was a backslash
        bool is_key_next;   // of the outermost object
        bool is_audio_key;  // its last key was "audio"
        size_t string_at;   // where the string at hand begins in the text
        unsigned n_hex;     // digits of \uXXXX that are to come, in the sound
        unsigned escape;    // and what they were so far
        uint32_t bits;      // of the group of four letters at hand
        unsigned n_letters, n_padding;
        // What was wrong and what there was; of this text.
        bool has_sound;    // bytes, or at least the string
        bool is_damaged;   // the string is no base64
        bool is_too_long;  // the rest is
};

// Where the sound's bytes go.
typedef void append_sink(void *context, const uint8_t *bytes, size_t n);

// Zeroed is before the first text. Take in a piece.
void append_take(struct append *append, const char *piece, size_t n, append_sink *sink,
                 void *context);

// The text is over. append->text has the rest, zero-terminated unless it is too long, until
// append_clear() makes room for the next.
void append_end(struct append *append);
void append_clear(struct append *append);
void append_deinit(struct append *append);
