#pragma once
// Models rig: the models that tests use. They are no part of the project, but lie in the folder
// EAVESDROP_TEST_MODELS (default: where `eavesdrop model fetch` puts them). Only in tests.
//
// Threads: main thread.

// Where the model `name`, or a file in its folder, lies; the caller frees it. NULL, told, where
// it is not on this machine: skip what needs it.
char *rig_find_model(const char *name);

// Remove a test's folder and all in it.
void rig_remove_folder(const char *path);
