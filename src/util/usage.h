#pragma once
// Usage: what this process takes of the machine, as the kernel counts it (Linux's /proc).
//
// Threads: any.

#include <stddef.h>

struct usage {
        double resident_bytes;
        double cpu_seconds;       // user and system, all threads, ended children not
        double descriptors;       // open now
        double descriptor_limit;  // the soft limit; infinity for none
};

// What cannot be read is 0.
struct usage usage_now(void);
