#pragma once
// Call: what dialects of telephones have in common. What is said in a call is for others than
// who brings it, so it is listed and kept as a camera's is, and becomes text also when the line
// goes dead.
//
// Threads: loop thread only.

#include <stdbool.h>

#include "dialect/session.h"

#define CALL_SAME_NAME_MAX 1000  // calls at a time

// Open the call's stream as requested, or one for each of its sides (NULL at the end), named
// NAME:SIDE; session->channels has them in that order. Where a stream of that name is there
// already, another call's or a camera's, it is "NAME 2", or as far as need be. False: the
// client was refused.
bool call_open(struct session *session, const struct request *request,
               const char *const *sides);

// For the dialect's `close`: what was heard becomes text.
void call_close(struct session *session);
