#pragma once
// Parameters: what a request's query says, checked. Each function that finds something wrong
// has answered the request with what it was, and returns false.
//
// Threads: loop thread only.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exchange;

// Whether the query has no other parameters than these (NULL at the end), each once at most:
// who writes "til" for "to" must not lose, or be shown, more than he meant to. A token may
// stand in any query (auth/).
bool parameters_known(struct exchange *exchange, const char *const *names);

// Whether the query has none at all, likewise.
bool parameters_none(struct exchange *exchange);

// A point in time: RFC 3339 or Unix seconds, as Unix ms. *ret is left as it was where the query
// has none.
bool parameters_time(struct exchange *exchange, const char *name, int64_t *ret);

// A stretch of time: `from` and `to`, as parameters_time() reads them; each may be absent.
bool parameters_stretch(struct exchange *exchange, int64_t *ret_from, int64_t *ret_to);

// A whole number within [least, most]; likewise.
bool parameters_count(struct exchange *exchange, const char *name, uint64_t least,
                      uint64_t most, uint64_t *ret);

// Refuse with 400: what is wrong with that parameter.
void parameters_refuse(struct exchange *exchange, const char *name, const char *detail);
