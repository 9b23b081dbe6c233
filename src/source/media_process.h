#pragma once
// Media process: eavesdrop-media (media/), our own program that reads media. It is started at
// the first use, has the libraries loaded, and forks a child for each source that it is asked
// for; what a child reads it writes into a pipe of ours. This is the process itself, and the
// list of its children. For source/ only.
//
// A process that ends takes its children with it. The next use starts it again: at once after
// an end, and after ends that follow each other closely in 1, 2, 4, ... at most 60 s. One that
// does not answer for MEDIA_PROCESS_PATIENCE, or takes no more packets for so long, is killed.
//
// Threads: loop thread only.
// Memory:  each child's row belongs to whoever started it, until its on_ended.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "media/control.h"
#include "util/cleanup.h"
#include "util/error.h"
#include "util/loop.h"

#define MEDIA_PROCESS_PROGRAM "eavesdrop-media"

#define MEDIA_PROCESS_PATIENCE (10 * NSEC_PER_SEC)

struct media_process;

// How a child ended: by exit (signal is 0), by a signal, or in other ways, of which `words` say
// what happened: it was never there, or the process ended.
struct media_process_exit {
        int status;
        int signal;
        const char *words;  // NULL: none but these numbers
};

// A child's row; zeroed but for the two members before a start.
struct media_process_child {
        // It has ended. Called once, not from inside any call below; another child may be
        // started in it.
        void (*on_ended)(void *context, const struct media_process_exit *exit);
        void *context;

        // The process's own.
        uint64_t id;      // 0: it is none (any more)
        int process_id;   // 0: not known
        nsec_t asked_at;  // for it; < 0: that was answered
        LIST_ENTRY(media_process_child) link;
};

// `program` is a path; NULL: media_process_find() is asked at each start.
struct media_process *media_process_new(struct loop *loop, const char *program);

// End it and its children; those that are still in the list are told. NULL is fine. Returns
// NULL.
struct media_process *media_process_free(struct media_process *process);

// Where the program is: beside ours, else where it is installed. The caller frees *ret. -ENOENT
// with the remedy in *error.
int media_process_find(char **ret, struct error *error);

// Ask for a child with these descriptors, which stay the caller's. Negative errno with words in
// *error: there will be none, and on_ended is not called.
int media_process_start(struct media_process *process, struct media_process_child *child,
                        const struct media_request *request, const int *descriptors, size_t n,
                        struct error *error);

// Send the child SIGTERM or SIGKILL; allow it so many seconds of processor time in all. Nothing
// is done for one that has ended.
void media_process_signal(struct media_process *process, struct media_process_child *child,
                          int number);
void media_process_allow_cpu(struct media_process *process, struct media_process_child *child,
                             unsigned seconds);

// Whether on_ended is still to come.
static inline bool media_process_child_lives(const struct media_process_child *child) {
        return child->id != 0;
}

// How many children live, of all media processes.
unsigned media_process_children(void);

// The process's own id; 0 while it does not run.
int media_process_id(const struct media_process *process);

DEFINE_CLEANUP(struct media_process *, media_process_free);
