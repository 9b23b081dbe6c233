#pragma once
// Word list: words, such as names of streams, some of them globs, and whether a name is among
// them. NULL is at the end of a list; what NULL instead of a list means is its owner's to say.
//
// Threads: any one at a time.

#include <stdbool.h>

#include "util/cleanup.h"

// The words between blanks and line breaks; NULL when there are none. word_list_free() it.
char **word_list_split(const char *text);

// A deep copy; of NULL, NULL.
char **word_list_copy(char *const *list);

// NULL is fine. Returns NULL.
char **word_list_free(char **list);

// Whether the name is one of the words. The list is not NULL.
bool word_list_has(char *const *list, const char *name);

// Whether it is one of them, or matches one that is a glob, as fnmatch(3) has them: "cam-*".
// All who are told of streams by lists, or kept from them, go by this. The list is not NULL.
bool word_list_matches(char *const *list, const char *name);

DEFINE_CLEANUP(char **, word_list_free);
