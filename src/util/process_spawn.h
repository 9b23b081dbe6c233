#pragma once
// Process spawn: the part of util/process between fork and exec. For process.c only.
//
// Threads: any; no state.

#include "util/error.h"
#include "util/process.h"

// What the parent holds of a fresh child.
struct process_ends {
        int pid;
        int pidfd;
        int input;   // write end of its standard input; -1: it reads /dev/null
        int output;  // read end of its standard output
        int errors;  // read end of its standard error; -1: it goes to /dev/null
};

// Start the program. All descriptors are close-on-exec. Returns once the program runs, so
// that a missing program is an error here and not a dead child later.
int process_spawn(const struct process_config *config, bool has_errors,
                  struct process_ends *ret, struct error *error);
