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

enum {
        INFLATER_E_CORRUPT = 1,  // not what a compressor writes
        INFLATER_E_TOO_BIG,      // more than `limit` bytes come out
        INFLATER_E_MEMORY,
};

// For one message. NULL when there is no memory.
struct inflater *inflater_new(void);
struct inflater *inflater_free(struct inflater *inflater);

// Decompress a piece of the message and append it to *ret, which never holds more than `limit`
// bytes. Returns 0 or INFLATER_E_*.
int inflater_add(struct inflater *inflater, const uint8_t *bytes, size_t n, size_t limit,
                 struct bytes *ret);

// The message is complete: bring out what is left.
int inflater_end(struct inflater *inflater, size_t limit, struct bytes *ret);
