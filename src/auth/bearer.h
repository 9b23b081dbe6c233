#pragma once
// Bearer: how a request brings its token.
//
// Threads: loop thread only.

#include "net/http_request.h"
#include "util/cleanup.h"

// The sub-protocol that we answer to browsers, which send a token as another beside it:
// "eavesdrop.v1, eavesdrop.token.TOKEN".
#define BEARER_PROTOCOL_TOKEN "eavesdrop.token."

// The secret that the request has, in whichever way its client sends one: "Authorization:
// Bearer SECRET", "Token SECRET" or the secret alone; the sub-protocols
// "eavesdrop.token.SECRET", "openai-insecure-api-key.SECRET", or "token" or "bearer" with the
// secret as the next; or else ?token=, and at realtime paths ?api_key=. NULL: none. It is for
// tokens_find() and for nobody else to see; the caller frees it with bearer_free(), which
// leaves nothing of it in memory. *ret_is_foreign: it came in a way of other services, and may
// be theirs.
char *bearer_read(const struct http_request *request, bool *ret_is_foreign);
char *bearer_free(char *secret);

DEFINE_CLEANUP(char *, bearer_free);
