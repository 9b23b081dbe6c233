#pragma once
// Multipart: a body of multipart/form-data (RFC 7578), read as it comes.
//
// Threads: any; a parser belongs to its caller.
// Memory:  MULTIPART_HEAD_MAX for each parser; what parts hold is handed on in pieces.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"

#define MULTIPART_HEAD_MAX     4096  // bytes of one part's head
#define MULTIPART_BOUNDARY_MAX 70    // RFC 2046
#define MULTIPART_PARTS_MAX    512   // a list has a part for each of its words

struct multipart;

// What is told of the parts, in their order.
struct multipart_listener {
        // A part begins: the name of its field, and what its sender calls the file in it (NULL:
        // it is none); both lent during the call. False: no more is to be read.
        bool (*on_part)(void *context, const char *name, const char *file);
        // A piece of it, not empty; lent. False: likewise.
        bool (*on_bytes)(void *context, const uint8_t *bytes, size_t n);
        // The part is whole. False: likewise.
        bool (*on_part_end)(void *context);
        void *context;
};

// For a body of this Content-Type. NULL: it is no multipart/form-data, or has no boundary.
struct multipart *multipart_new(const char *content_type,
                                const struct multipart_listener *listener);
struct multipart *multipart_free(struct multipart *multipart);

// Whether the Content-Type says that it is one, with a boundary or without.
bool multipart_is_meant(const char *content_type);

// Read the next bytes, cut anywhere. False: the listener wants no more, or the body makes no
// sense; multipart_trouble() tells which. No more may be fed then.
bool multipart_feed(struct multipart *multipart, const uint8_t *bytes, size_t n);

// Why the body makes no sense, in words (static); NULL: it does as far as it was read.
const char *multipart_trouble(const struct multipart *multipart);

// Whether its end has come.
bool multipart_is_whole(const struct multipart *multipart);

DEFINE_CLEANUP(struct multipart *, multipart_free);
