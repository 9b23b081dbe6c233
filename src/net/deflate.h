#pragma once
// Deflate: the payloads of permessage-deflate (RFC 7692), both ways without context takeover:
// each message stands alone, so one compressor serves all connections, and a connection needs
// a decompressor only while a compressed message arrives.
//
// Threads: loop thread only.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/bytes.h"

// Our compressor's window, 4 KiB: messages are a few KiB of JSON, and a client may ask for
// windows no larger than it can hold.
#define DEFLATE_WINDOW_BITS 12

#define DEFLATE_WORTH 256  // bytes; shorter messages go as they are

struct deflater;
struct inflater;

struct deflater *deflater_new(void);
struct deflater *deflater_free(struct deflater *deflater);

// Compress a whole message into *ret (cleared first). False when there is no memory.
bool deflater_message(struct deflater *deflater, const uint8_t *bytes, size_t n,
                      struct bytes *ret);

// An empty stored block; both sides leave it out at a message's end (RFC 7692, 7.2.1).
extern const uint8_t deflate_tail[4];

enum {
        INFLATER_E_CORRUPT = 1,  // not what a compressor writes
        INFLATER_E_MEMORY,
};

// Memory that an inflater takes: the window, and zlib's state of 9.5 KiB.
#define INFLATER_BYTES ((size_t)42 * 1024)

// For one message. NULL when there is no memory.
struct inflater *inflater_new(void);
struct inflater *inflater_free(struct inflater *inflater);

// Decompress until the `*n` bytes at *bytes are used up or the `room` bytes at `ret` are full;
// both go on by what was used, and *ret_n is what was made. Returns 0 or INFLATER_E_*. A
// message ends with deflate_tail.
int inflater_step(struct inflater *inflater, const uint8_t **bytes, size_t *n, uint8_t *ret,
                  size_t room, size_t *ret_n);

// True if the last step may have left something inside for want of room.
bool inflater_has_more(const struct inflater *inflater);
