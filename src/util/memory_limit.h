#pragma once
// Memory limit: how much memory this process may take before something ends it.
//
// Threads: any; reads the system's files.

#include <stdint.h>

// The least of what the machine has, what the process's control group and those above it allow
// (version 2: memory.max, version 1: memory.limit_in_bytes), and the limit on its address space
// (ulimit -v); in bytes. `root` goes before the paths of the system's files: "" but in tests.
uint64_t memory_limit(const char *root);
