#pragma once
// Child: what the child of one source does in its cage: it reads the source to its end and
// writes what it hears as records.
//
// Threads: the process's only one, beside those that a library starts.

#include "media/control.h"

// Do what is asked for; `records` is the pipe's write end, `input` the descriptor to read from,
// -1 for the network. SIGPIPE has to be ignored. Returns the exit status: 0, also when the
// source failed (its last record says how); 1 when nobody reads the records any more.
int media_child_run(const struct media_request *request, int records, int input);
