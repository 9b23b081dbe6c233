#pragma once
// Report: a measurement's figures for people, as lines of a table, and for programs, as JSON.
//
// Threads: any; no state.

#include <jansson.h>
#include <stdio.h>

#include "load/live.h"

// The table's head, and a line for each measurement. What is not known is "-".
void report_head(FILE *file);
void report_line(FILE *file, struct live_result *result);

// What the figures mean, below the table.
void report_notes(FILE *file, const struct corpus *corpus, const struct live_result *result);

// The same as an object: docs/operations.md explains its members. The caller decrefs it.
json_t *report_json(const struct corpus *corpus, struct live_result *result);
