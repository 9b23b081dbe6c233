#pragma once
// Alert list: what is in the lists of an alert's configuration.
//
// Threads: any; no state.

#include <stdbool.h>
#include <stddef.h>

// The next item of a list, a line each, without blanks around it; lines without anything are
// left out. `*at` is where to go on. Returns its length; 0 at the end. *line (from 1) may be
// NULL.
size_t alert_list_line(const char **at, const char **ret, size_t *line);

// Whether the name is in a list with blanks between, or matches a glob there (fnmatch). An
// absent list has all names.
bool alert_list_has(const char *list, const char *name);
