#pragma once
// Roles: what the clients of the eavesdrop dialect come as, and what all of them are told
// alike.
//
// Threads: loop thread only.

#include "dialect/eavesdrop/messages.h"
#include "dialect/session.h"

// The role in the header X-Client-Type or, for browsers, which cannot set it, in the query's
// `type`. False for a name that is none.
bool eavesdrop_role_of(const struct http_request *request, enum eavesdrop_role *ret);

// Send an error message; `stream` may be NULL.
void eavesdrop_send_error(struct session *session, const char *stream, const char *words);

// A dialect's `refuse`: an error message without a stream.
void eavesdrop_refuse(struct session *session, const char *words, nsec_t retry);
