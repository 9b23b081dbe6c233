#pragma once
// Body: the JSON that a request brings, read whole before it is looked at.
//
// Threads: loop thread only.
// Memory:  at most BODY_BYTES_MAX for each request that is being read.

#include <jansson.h>

struct exchange;

#define BODY_BYTES_MAX ((size_t)256 * 1024)

// What these bytes of a request's body say, an object, which is the caller's. NULL: they are no
// JSON, or no object, and the request was refused for it. `bytes` may be NULL where `n` is 0.
json_t *body_parse(struct exchange *exchange, const char *bytes, size_t n);

// Read the request's body. on_json(context, exchange, json) gets it (lent), an object, and
// answers before it returns; what is too large, no JSON or no object is refused instead.
// `context` outlives the exchange. Call it before on_request returns.
void body_read(struct exchange *exchange,
               void (*on_json)(void *context, struct exchange *exchange, json_t *json),
               void *context);
