#pragma once
// Folder: making folders for what only we may read, and having them alone.
//
// Threads: any.

#include "util/error.h"

// The folder and those above it that are missing, each with mode 0700. Those that are there
// stay as they are. Negative errno.
int folder_make(const char *folder);

// Wait until the folder's own entries are on disk: files that were made, renamed, removed.
// Negative errno.
int folder_sync(const char *folder);

// Take the lock of the folder, which is a file of that name in it: *ret is its descriptor, and
// the lock is given back when that is closed, or the process ends. -EBUSY: another process has
// it. Negative errno with words.
int folder_lock(int *ret, const char *folder, const char *file, struct error *error);
