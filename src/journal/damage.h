#pragma once
// Damage: what is done with the files of a database that cannot be used any more.
//
// Threads: any.

#include <sqlite3.h>
#include <stddef.h>

#include "util/error.h"

// Rename the database's files: *ret_name, which the caller frees, is what the database is
// called then. No connection of ours may be open on them.
int damage_set_aside(const char *folder, char **ret_name, struct error *error);

// How many there are that were set aside, and the name of one, which the caller frees.
size_t damage_count(const char *folder, char **ret_name);

// Write all that the connection sees into the folder's database, which is a file of its own and
// in place at once.
int damage_copy(sqlite3 *from, const char *folder, struct error *error);

// Remove a copy that was not finished.
void damage_tidy(const char *folder);
