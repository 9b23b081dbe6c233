#pragma once
// Reply: the answers that pages give. An answer that tells what was wrong: problem.h.
//
// Threads: loop thread only.

#include <jansson.h>

#include "util/loop.h"

struct exchange;

// The JSON, which is taken, as application/json. `headers`: more of them, each with its "\r\n";
// NULL: none.
void reply_json(struct exchange *exchange, int status, json_t *json, const char *headers);

void reply_text(struct exchange *exchange, int status, const char *text, const char *headers);

// Values of an answer; the caller's. A text that is no UTF-8 is repaired; a time (Unix) is as
// rows have it, "2026-11-30T12:00:00.123Z"; seconds and other numbers are rounded to a
// thousandth.
json_t *reply_string(const char *text);
json_t *reply_time(nsec_t wall);
json_t *reply_seconds(nsec_t duration);
json_t *reply_number(double number);

// 204: done, and there is nothing to tell.
void reply_done(struct exchange *exchange);
