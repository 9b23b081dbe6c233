#pragma once
// What tests of the journal begin with: a folder of their own, and rows to put into it.

#include <stdbool.h>
#include <stddef.h>

#include "journal/row.h"

// A new folder (under TMPDIR or /tmp); the caller frees the path. And: remove it with all that
// is in it.
char *journal_rig_folder(void);
void journal_rig_remove(const char *folder);

// The files in it that have these bytes somewhere; 0: none.
size_t journal_rig_search(const char *folder, const char *bytes);

// A final segment of that stream that says this and has its words; with an id if `number` is
// not 0. The caller owns it.
struct row *journal_rig_segment(const char *stream, const char *text, int64_t start,
                                unsigned number);

// Assert that both say the same, cursors and durability apart.
void journal_rig_assert_equal(const struct row *a, const struct row *b);
