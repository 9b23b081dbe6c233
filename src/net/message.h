#pragma once
// Message: a WebSocket message while it arrives, in frames and pieces of frames, compressed or
// not. What arrives is taken in by steps, so that a few bytes which grow by a thousand times
// are work for many rounds of the loop.
//
// Threads: loop thread only.
// Memory:  a text as far as it has come, or a piece of a binary message, and what was added and
//          not yet taken in; whatever a frame announces.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/bytes.h"

#define MESSAGE_STEP_MAX ((size_t)16 * 1024)  // bytes that a step makes

// How many bytes a message may have, decompressed.
struct message_limits {
        size_t text, binary;
        size_t piece;          // of a binary message
        bool has_text_pieces;  // a text comes in pieces as well
};

// Zeroed is no message yet, and counted nowhere.
struct message {
        struct bytes bytes;         // decompressed: a text so far, or a piece of the binary;
                                    // its budget is the inflater's too
        struct bytes arrived;       // and not yet taken in
        size_t n_taken;             // of them
        uint64_t n_before;          // bytes in pieces that have been handed on
        struct inflater *inflater;  // while a compressed one arrives
        bool is_open;               // a message has begun
        bool is_text;
        bool is_pieced;  // it is handed on in pieces
        bool is_compressed;
        bool is_complete;  // its last byte has arrived
        bool is_ready;     // message_step() has brought out something to hand on
        bool is_last;      // and nothing comes behind it
};

// No message yet; what it will take is charged to the budget.
void message_init(struct message *message, struct budget *budget);

// What is wrong with a message, as a close frame says it. `code` 0: nothing.
struct message_fault {
        uint16_t code;
        const char *reason;  // static
};

// How a message's first frame says what it is.
enum message_kind { MESSAGE_TEXT, MESSAGE_BINARY, MESSAGE_CONTINUED };

// A data frame with a payload of `n` bytes begins; the first one tells whether the message is
// compressed.
struct message_fault message_begin_frame(struct message *message, enum message_kind kind,
                                         bool is_compressed, uint64_t n,
                                         const struct message_limits *limits);

// A piece of the payload. Callers take in what they have added before they add more.
struct message_fault message_add(struct message *message, const uint8_t *bytes, size_t n);

// The last frame is over.
struct message_fault message_end(struct message *message);

// Whether there is something to take in, or to hand on at once.
bool message_has_work(const struct message *message);

// Take in what has arrived, until MESSAGE_STEP_MAX bytes were made or message->is_ready: then
// message->bytes are a whole text (valid UTF-8, a zero behind it) or a piece of a message that
// comes in pieces: `limits->piece` bytes, or fewer, even none, when it is the last. (Of a text
// in pieces whoever takes them looks for UTF-8.) *ret_cost: bytes that were looked at or made.
struct message_fault message_step(struct message *message, const struct message_limits *limits,
                                  size_t *ret_cost);

// What was ready has been handed on; behind the last of a message the next may begin.
void message_pass(struct message *message);

// Forget the message; a small buffer is kept.
void message_clear(struct message *message);

void message_deinit(struct message *message);
