#pragma once
// Folder: making folders for what only we may read.
//
// Threads: any.

// The folder and those above it that are missing, each with mode 0700. Those that are there
// stay as they are. Negative errno.
int folder_make(const char *folder);
