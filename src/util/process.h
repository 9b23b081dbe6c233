#pragma once
// Process: a supervised child program on the loop: its input, its output, its complaints and
// its end.
//
// The child is started with an argument vector, never through a shell. It gets the three
// standard descriptors and no other, of our environment what it needs (PROCESS_VARIABLES; no
// password of ours lies in those), no privileges that it has not got already, default signal
// handling, a session of its own (so that a ctrl-C in our terminal reaches us alone, and we end
// it in order), resource limits, no core dump, and a SIGKILL from the kernel when our loop
// thread dies, so that a crash of ours leaves no child behind. Whatever else it started in its
// process group is killed when it ends.
//
// Threads: loop thread only, which must live as long as the child should (PR_SET_PDEATHSIG
//          follows the thread that forked).
// Memory:  everything given is copied. Input not yet taken by the child is kept in memory;
//          process_write() says when its caller should wait. Of its output 64 KiB are kept,
//          which are handed on in turn with others' (util/run_queue.h): while the reader is
//          paused or others have their turn, the child blocks on its pipe.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "util/loop.h"

#define PROCESS_LINE_MAX 2048  // bytes of one stderr line that are kept; the rest is dropped

struct process;

// How a child ended: by exit (signal is 0) or by a signal (status is 0).
struct process_exit {
        int status;
        int signal;
};

struct process_listener {
        // `n` bytes of standard output; valid during the call.
        void (*on_stdout)(void *context, const uint8_t *bytes, size_t n);
        // One line of standard error without its line break; valid during the call. NULL:
        // standard error goes to /dev/null.
        void (*on_stderr_line)(void *context, const char *line);
        // process_write() has room again. May be NULL.
        void (*on_drain)(void *context);
        // The child has ended and all it wrote was delivered. Called once, last.
        void (*on_exit)(void *context, const struct process_exit *exit);
        void *context;
};

// Bytes of address space that a child may have. ffmpeg 5.1 of Debian 12, 215 libraries with it,
// has 262 MiB when it begins, 303 with a film in 4K to look through, 307 with SRT's threads.
#define PROCESS_MEMORY_MAX ((uint64_t)512 << 20)

// What of our environment every child gets: how to find programs and libraries, what language
// and clock to use.
#define PROCESS_VARIABLES \
        "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH"

struct process_config {
        const char *const *argv;       // NULL-terminated; argv[0] is looked up in PATH
        const char *const *variables;  // names of further variables that it gets, at most
                                       // PROCESS_VARIABLES_MAX, NULL-terminated; NULL: none
        bool has_stdin;                // process_write() will be used; else /dev/null,
        int stdin_descriptor;          // or, where not 0, this one of ours (lent)
        uint64_t memory_limit;         // bytes of address space; 0: PROCESS_MEMORY_MAX
        unsigned file_limit;           // descriptors; 0: no limit of its own
        unsigned cpu_limit;            // seconds of processor time, ever; 0: no limit
        int niceness;                  // added to ours
        bool is_killed;                // process_stop() kills it at once: it has nobody to say
                                       // goodbye to
        bool is_service;               // it lives as long as we do: no process_children()
};

#define PROCESS_VARIABLES_MAX 8

// Start it. A program that is missing or cannot be executed is told here: negative errno and
// the words in *error.
int process_open(struct process **ret, struct loop *loop, const struct process_config *config,
                 const struct process_listener *listener, struct error *error);

// Hand bytes to the child's standard input (copied). True while there is room for more;
// after false the caller should wait for on_drain (the bytes are kept all the same). Bytes
// for a child that no longer reads are dropped.
bool process_write(struct process *process, const uint8_t *bytes, size_t n);

// Bytes that the child has not taken yet.
size_t process_pending(const struct process *process);

// No more bytes will come: standard input is closed when all are written.
void process_write_end(struct process *process);

// Stop and start the flow of on_stdout.
void process_pause(struct process *process);
void process_resume(struct process *process);

// Allow it so many seconds of processor time in all, below its cpu_limit. Beyond them it ends
// by SIGXCPU.
void process_allow_cpu(struct process *process, unsigned seconds);

// SIGTERM now, SIGKILL after PROCESS_TERM_TIMEOUT (or now, if it is such a child). What it
// still prints on standard output is thrown away; on_exit comes as usual.
#define PROCESS_TERM_TIMEOUT (3 * NSEC_PER_SEC)
void process_stop(struct process *process);

// process_stop(), but SIGKILL now.
void process_kill(struct process *process);

// Make no further calls; stop the child as process_stop() does and reap it in the
// background. NULL is fine. Returns NULL.
struct process *process_close(struct process *process);

// The child's process id, until on_exit; then 0.
int process_id(const struct process *process);

// How many children have been started and not yet reaped, over all loops, services not counted.
unsigned process_children(void);

DEFINE_CLEANUP(struct process *, process_close);
