#pragma once
// Cage calls: the part of the cage that is seccomp: which system calls. For cage.c only.
//
// What is refused fails with an error, as if the kernel refused it, so that libraries take
// their other ways; only calls of another architecture (32 bits) end the process.
//
// Threads: any; no state.

#include "media/cage.h"

// Make the filter of a kind. One without instructions where libseccomp does not work here.
int media_cage_calls_make(struct media_cage_filter *ret, enum media_kind kind,
                          struct error *error);

// Put it, and another that holds the child's own process id, onto the calling thread, for good.
// Needs no_new_privs. A kernel without seccomp is no error. 0 or a negative errno.
int media_cage_calls_enter(const struct media_cage_filter *filter);
