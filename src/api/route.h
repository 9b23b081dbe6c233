#pragma once
// Route: which function answers which request. A table has a row for each method of each path;
// `{name}` in a row's pattern stands for one part of a path, whatever it is, and what stood
// there is handed to the function. A name may have a "/", which is written "%2F" in a path.
//
// Threads: any; no state.

#include <stdbool.h>
#include <stddef.h>

#include "util/cleanup.h"

struct api;
struct exchange;

#define ROUTE_PARTS_MAX 2

// What stood for a pattern's names, in their order. Decoded: a part may be any text but "".
struct route_parts {
        char *texts[ROUTE_PARTS_MAX];
        size_t n;
};

// Whom it is for (auth/principal.h). Of several streams its function leaves out what the
// principal may not read; of one, it asks principal_may_read() first, and tells who may not
// what it would tell of a stream that is not there.
enum route_scope {
        ROUTE_OPEN,      // everybody
        ROUTE_READ,      // SCOPE_READ, of some streams at least
        ROUTE_READ_ALL,  // SCOPE_READ of all streams
        ROUTE_LISTEN,    // SCOPE_LISTEN
        ROUTE_MANAGE,    // SCOPE_MANAGE
};

struct route {
        const char *method;   // "GET" is for HEAD, too, which net/ takes care of
        const char *pattern;  // "/api/v1/streams/{name}/segments"
        enum route_scope scope;
        void (*answer)(struct api *api, struct exchange *exchange,
                       const struct route_parts *parts);
};

// The first of the table's rows, which one without a method ends, that answers the method at
// the path, with what stood for its names (which the caller frees). NULL: none. A path has the
// rows of the first pattern that fits it: one that is written out is nobody's name.
const struct route *route_find(const struct route *routes, const char *method, const char *path,
                               struct route_parts *ret_parts);

// The methods that the path has, as "GET, HEAD, DELETE"; the caller frees them. NULL: there is
// nothing at the path.
char *route_methods(const struct route *routes, const char *path);

// `n` bytes of a request's path as the text that they mean; the caller frees it.
char *route_text(const char *path, size_t n);

// Zeroed is empty.
void route_parts_deinit(struct route_parts *parts);
