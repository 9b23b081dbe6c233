#pragma once
// Cage files: the part of the cage that is Landlock: which files, sockets and processes. For
// cage.c only.
//
// Threads: any; no state.

#include "media/control.h"

// The ABI that the kernel has; 0: no Landlock, or switched off.
int media_cage_files_abi(void);

// Restrict the calling thread, for good. Needs no_new_privs. 0 or a negative errno.
int media_cage_files_enter(int abi, enum media_kind kind);
