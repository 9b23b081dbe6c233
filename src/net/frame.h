#pragma once
// Frame: where in the stream the frames of a WebSocket end. Whoever has no memory for more than
// a piece, and must be able to stop anywhere, gives wslay no bytes beyond it.
//
// Threads: any one at a time.

#include <stddef.h>
#include <stdint.h>

#define FRAME_PIECE ((size_t)4096)  // of a payload; as much as wslay hands on at a time

#define FRAME_HEAD_MAX 14  // bytes (RFC 6455, 5.2)

// Zeroed before the first byte.
struct frame {
        uint8_t head[FRAME_HEAD_MAX];  // of the frame that begins, as far as it is there
        size_t n_head;
        uint64_t n_payload;  // bytes that are still to come
};

// Of the next `n` (> 0) bytes of the stream, say how many belong to the present frame; at most
// the rest of its head and FRAME_PIECE of its payload.
size_t frame_next(struct frame *frame, const uint8_t *bytes, size_t n);
