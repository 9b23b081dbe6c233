#pragma once
// WhisperLive client: the client's side of the WhisperLive protocol: its hello, and what a
// server says to it. Any server of the protocol is read, not only ours.
//
// Threads: any; no state.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define WHISPERLIVE_SEGMENTS_MAX 4096  // of one message

// What a server says; no message has a type field, so that the keys decide, in this order.
enum whisperlive_kind {
        WHISPERLIVE_OTHER,       // something that is no business of a reader of text
        WHISPERLIVE_WAIT,        // full: come back later
        WHISPERLIVE_ERROR,       // refused; `text` says why
        WHISPERLIVE_WARNING,     // `text`
        WHISPERLIVE_READY,       // sound may be sent
        WHISPERLIVE_DISCONNECT,  // the server says goodbye
        WHISPERLIVE_SEGMENTS,
};

struct whisperlive_segment {
        int64_t begin_ms;  // from the session's first sample
        int64_t end_ms;
        char *text;
        bool is_completed;
};

struct whisperlive_message {
        enum whisperlive_kind kind;
        double minutes;  // WAIT: until it may be worth to try again
        char *text;      // ERROR, WARNING
        struct whisperlive_segment *segments;
        size_t n_segments;
};

// The first text frame, for float32 sound and with the stock client's settings. A NULL language
// lets the server detect it. All are UTF-8. The caller frees the text, whose length is in
// *ret_n.
char *whisperlive_encode_hello(const char *uid, const char *language, const char *model,
                               size_t *ret_n);

// Read a message. Returns 0, or -EPROTO with words in *error; *ret is then untouched. Segments
// without text, or whose times are no numbers, are a mistake.
int whisperlive_message_parse(struct whisperlive_message *ret, const char *text, size_t n,
                              struct error *error);
void whisperlive_message_deinit(struct whisperlive_message *message);
