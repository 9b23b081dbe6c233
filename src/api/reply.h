#pragma once
// Reply: the answers that pages give. An answer that tells what was wrong: problem.h.
//
// Threads: loop thread only.

#include <jansson.h>

struct exchange;

// The JSON, which is taken, as application/json. `headers`: more of them, each with its "\r\n";
// NULL: none.
void reply_json(struct exchange *exchange, int status, json_t *json, const char *headers);

void reply_text(struct exchange *exchange, int status, const char *text, const char *headers);

// 204: done, and there is nothing to tell.
void reply_done(struct exchange *exchange);
