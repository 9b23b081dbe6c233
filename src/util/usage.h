#pragma once
// Usage: what this process takes of the machine, as the kernel counts it (Linux's /proc), and
// what of its memory malloc has handed out.
//
// Threads: any.

#include <stddef.h>

struct usage {
        double resident_bytes;
        double heap_used_bytes;   // allocated and not freed
        double heap_free_bytes;   // freed, and kept by malloc for the next one to ask
        double cpu_seconds;       // user and system, all threads, ended children not
        double descriptors;       // open now
        double descriptor_limit;  // the soft limit; infinity for none
};

// What cannot be read is 0.
struct usage usage_now(void);
