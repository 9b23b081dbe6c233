#pragma once
// Byte range: which part of a thing a request wants (RFC 9110, sections 13 and 14).
//
// Threads: any; no state.

#include <stdbool.h>
#include <stddef.h>

struct byte_range {
        size_t first, n;
};

enum byte_range_answer {
        BYTE_RANGE_WHOLE,  // 200: all of it, since there is no range that is understood, or
                           // several
        BYTE_RANGE_PART,   // 206
        BYTE_RANGE_NONE,   // 416: it has none of these bytes
};

// What the header Range (NULL: absent) wants of `length` bytes, in *ret: all of them, but for
// BYTE_RANGE_PART.
enum byte_range_answer byte_range_read(const char *header, size_t length,
                                       struct byte_range *ret);

// Whether the header If-Range (NULL: absent) lets a range be answered: only the strong tag that
// the thing has, and no date, says that the client has a part of the same.
bool byte_range_may(const char *if_range, const char *tag);

// Whether the header If-None-Match (NULL: absent) says that the client has it already.
bool byte_range_has(const char *if_none_match, const char *tag);
