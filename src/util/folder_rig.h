#pragma once
// Folder rig: a test's folder goes with all that is in it.
//
// Threads: the test's.

// Links in it are removed, not followed.
void folder_rig_remove(const char *folder);
