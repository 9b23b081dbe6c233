#pragma once
// Deepgram phrase: how a request is refused by HTTP, and its id.
//
// Threads: any; no state.

#include "dialect/deepgram/results.h"
#include "net/http_phrase.h"
#include "net/http_request.h"

// The id of a request, which its answer, its messages and its refusal have: made of what only
// this one request has (its WebSocket's key and where it came from), so that all who are asked
// say the same.
void deepgram_id_of(const struct http_request *request, char ret[DEEPGRAM_ID_MAX]);

// An http_phrase_fn: the service's JSON, with "dg-error" and "dg-request-id" among the headers.
bool deepgram_phrase(const struct http_request *request, int status, const char *words,
                     struct http_phrase *phrase);
