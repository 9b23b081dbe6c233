#pragma once
// Dialects: the tables of all that the server speaks.
//
// Threads: any; constant.

#include "dialect/dialect.h"

// In the order in which they are asked whether a client is theirs; NULL at the end. The first
// one also speaks to clients who have not shown yet what they are.
extern const struct dialect *const dialects[];

// The dialects that have a listener of their own each, where the setting listeners.NAME says:
// nobody else comes there, and its clients come nowhere else. NULL at the end.
extern const struct dialect *const dialects_apart[];

// All of both tables, counted from 0. NULL: there are no more.
const struct dialect *dialects_at(size_t i);

// The names that the log, the metrics and auth.anonymous.dialects have for all that is spoken,
// those of rest.h included, each once; counted from 0. NULL: there are no more.
const char *dialects_name(size_t i);

// What a request's key is (auth/visitors.h), and how a refusal is put to it (net/listener.h),
// as its dialect says.
enum visitors_key dialects_key(const struct http_request *request);
bool dialects_phrase(const struct http_request *request, int status, const char *words,
                     struct http_phrase *phrase);
