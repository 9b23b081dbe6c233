#pragma once
// Tokenizer: what is a word to the journal's index. FTS5 knows it as "eavesdrop".
//
// A token is what util/fold.h says: a word without case and accents ("Zoë" is "zoe"), or, of
// scripts without blanks between words, one character with its marks: a run of them that is
// searched for becomes a phrase, and words of any length are found.
//
// Threads: one at a time for each connection.

#include <sqlite3.h>

#include "util/error.h"

// Make the tokenizer known to this connection; each that writes or searches the index needs it.
// -ENOSYS when SQLite was built without FTS5.
int tokenizer_register(sqlite3 *db, struct error *error);
