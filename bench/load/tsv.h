#pragma once
// TSV: tables as text: a header line with the columns' names, then lines, fields separated by
// tabs.
//
// Threads: any one at a time.

#include <stddef.h>

#include "util/cleanup.h"
#include "util/error.h"

#define TSV_COLUMNS_MAX 8  // that a caller may ask for

struct tsv;

// Open, and look for the columns with these names (ended by NULL). -EINVAL when one is missing.
int tsv_open(struct tsv **ret, const char *path, const char *const *columns,
             struct error *error);

// Read the next line. Returns the fields in the order of the columns asked for, "" where the
// line is too short, valid until the next call; NULL at the end.
const char *const *tsv_next(struct tsv *tsv);

struct tsv *tsv_close(struct tsv *tsv);

DEFINE_CLEANUP(struct tsv *, tsv_close);
