#pragma once
// Row JSON: the one shape that a row has for everybody who reads it: lines, MQTT, NATS,
// webhooks, the database, export, search and the API (docs/journal.md has it as a table).
//
// Threads: any.

#include "journal/row.h"

// The row as one JSON object on one line, in the order of the table; fields without a value are
// left out. The caller frees it. `marked` (may be NULL) is the text with what was found marked
// (query.h), for a field of its own.
char *row_json(const struct row *row, const char *marked);

// Partial text, as a row of what it would be if it were final: its kind is "tail", and "stable"
// is the beginning of the text that will not change before it is final. It is no row of the
// journal.
char *row_json_tail(const struct row *tail, const char *stable);

// {"kind":"durable","id":...,"cursor":...}: the row, shown as not durable before, is written.
char *row_json_durable(const struct row *row);

// A field of the row by its name there, as text without quotes, for templates such as
// "eavesdrop.{stream}"; absent ones are "". NULL when there is no such field. The caller frees
// it.
char *row_field(const struct row *row, const char *name);

// "2026-11-30T12:00:00.123Z" of Unix milliseconds.
#define ROW_TIME_MAX 32
void row_time_format(int64_t ms, char ret[ROW_TIME_MAX]);
