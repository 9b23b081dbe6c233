#pragma once
// Tokenizer: what is a word to the journal's index. FTS5 knows it as "eavesdrop".
//
// Words are letters, digits and marks between other characters, without regard to case and to
// accents of Latin letters ("Zoë" is "zoe"). Of scripts without blanks between words
// (util/unspaced.h) each character with the marks behind it is a word of its own: a run of them
// that is searched for becomes a phrase, and words of any length are found.
//
// Threads: one at a time for each connection.

#include <sqlite3.h>

#include "util/error.h"

// Make the tokenizer known to this connection; each that writes or searches the index needs it.
// -ENOSYS when SQLite was built without FTS5.
int tokenizer_register(sqlite3 *db, struct error *error);
