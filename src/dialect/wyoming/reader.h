#pragma once
// Reader: a connection's bytes as Wyoming's events. Each is a line of JSON, then as many bytes
// of JSON with more of its data as that says, then as many of payload.
//
// Threads: any one at a time.
// Memory:  bounded: a line, data; of a payload only what is lent.

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

// Bytes of a line, as much as the stock library takes of ours; and of the data behind it.
#define WYOMING_LINE_MAX ((size_t)64 * 1024)
#define WYOMING_DATA_MAX ((size_t)64 * 1024)

// Bytes of a payload: 87 s of the fattest sound there is. Real ones are 320 to some thousands.
#define WYOMING_PAYLOAD_MAX ((size_t)64 * 1024 * 1024)

// Zeroed it waits for the first line.
struct wyoming_reader {
        char *text;  // of the line or the data at hand
        size_t n_text, capacity;
        char *type;                // of the event whose data is being read
        json_t *inline_data;       // that its line had
        size_t n_data, n_payload;  // that are still to come
};

enum wyoming_found {
        WYOMING_NOTHING,  // more bytes are needed
        WYOMING_EVENT,    // an event, without its payload, which comes next
        WYOMING_PAYLOAD,  // a piece of the last event's payload
        WYOMING_BAD,      // no event of Wyoming's; nothing that follows can be understood
};

struct wyoming_piece {
        enum wyoming_found found;
        // Of an event; the reader's until the next call. `data` is an object.
        const char *type;
        const json_t *data;
        const uint8_t *bytes;  // of a payload; within those given
        size_t n;
};

// Take in bytes, of which there is at least one, up to the end of one such piece. Returns how
// many were taken: at least one. `error` is for WYOMING_BAD.
size_t wyoming_read(struct wyoming_reader *reader, const uint8_t *bytes, size_t n,
                    struct wyoming_piece *ret, struct error *error);

// Whether an event has begun, and is not whole.
bool wyoming_reader_is_within(const struct wyoming_reader *reader);

void wyoming_reader_deinit(struct wyoming_reader *reader);
