#pragma once
// Message: a WebSocket message while it arrives, in frames and pieces of frames, compressed or
// not. Memory follows the bytes that were really sent, and never exceeds the limit, whatever a
// frame announces.
//
// Threads: loop thread only.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/bytes.h"

// Zeroed is no message yet.
struct message {
        struct bytes bytes;         // so far, decompressed; not to be changed by others
        struct inflater *inflater;  // while a compressed one arrives
};

// What is wrong with a message, as a close frame says it. `code` 0: nothing.
struct message_fault {
        uint16_t code;
        const char *reason;  // static
};

// A data frame with a payload of `n` bytes begins; the first one tells whether the message is
// compressed. At most `limit` bytes may come in all, compressed or not.
struct message_fault message_begin_frame(struct message *message, uint64_t n,
                                         bool is_compressed, size_t limit);

// A piece of the payload.
struct message_fault message_add(struct message *message, const uint8_t *bytes, size_t n,
                                 size_t limit);

// All is here: then message->bytes holds the whole, with a zero behind it. Text that was
// compressed is checked to be UTF-8 (wslay checks what was not).
struct message_fault message_end(struct message *message, bool is_text, size_t limit);

// Ready for the next one; a small buffer is kept.
void message_clear(struct message *message);
void message_deinit(struct message *message);
