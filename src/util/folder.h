#pragma once
// Folder: making folders for what only we may read.
//
// Threads: any.

// The folder and those above it that are missing, each with mode 0700. Those that are there
// stay as they are. Negative errno.
int folder_make(const char *folder);

// Wait until the folder's own entries are on disk: files that were made, renamed, removed.
// Negative errno.
int folder_sync(const char *folder);
