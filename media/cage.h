#pragma once
// Cage: what a child of a source can still do once it is taken over by what it decodes.
//
// Three layers, each of which holds by itself as far as it goes: limits, capabilities and
// descriptors, which every kernel has; seccomp (which system calls); Landlock (which files). A
// kernel without one of the last two gets the others. docs/media.md has the table of what is
// refused with and without them.
//
// Threads: media_cage_init() on the main thread, before any fork; media_cage_enter() in the
// fresh child.

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "media/control.h"
#include "util/error.h"

struct sock_filter;

// Bytes of address space of a child, what it shares with the nursery included.
#define MEDIA_CAGE_MEMORY_MAX ((size_t)512 << 20)
#define MEDIA_CAGE_FILES_MAX  64

// Seconds of processor time, which the nursery limits: what a stranger sends begins with a few,
// is given more by its reader (MEDIA_DO_CPU), and never has more than six hours of sound take
// with the slowest codec, or live sound of a month.
#define MEDIA_CAGE_UPLOAD_CPU_FIRST 5
#define MEDIA_CAGE_UPLOAD_CPU_MAX   1200
#define MEDIA_CAGE_LIVE_CPU_MAX     (30 * 24 * 3600 / 20)

// Live sound goes before what strangers upload.
#define MEDIA_CAGE_UPLOAD_NICENESS 10

// A seccomp program.
struct media_cage_filter {
        struct sock_filter *instructions;
        unsigned short n;  // 0: the kernel or the library has none
};

// What all children of a nursery share.
struct media_cage {
        struct media_cage_filter network, reader;  // for MEDIA_NETWORK, and for the other kinds
        int landlock;                              // its ABI; 0: the kernel has none
};

// Make the filters. What the kernel does not have is left out; -ENOMEM and what libseccomp
// fails with is an error with words.
int media_cage_init(struct media_cage *ret, struct error *error);
void media_cage_deinit(struct media_cage *cage);

// Descriptors of a child behind the standard ones.
enum { MEDIA_CAGE_RECORDS = 3, MEDIA_CAGE_INPUT = 4 };

// Lock the calling process in: it keeps standard error, its records (which become
// MEDIA_CAGE_RECORDS) and its input (MEDIA_CAGE_INPUT; -1: none), and /dev/null in place of the
// other standard ones. It must have one thread; `parent` is who forked it and whose death is
// its own. 0 or a negative errno; then it has to _exit() at once.
int media_cage_enter(const struct media_cage *cage, enum media_kind kind, pid_t parent,
                     int records, int input);
