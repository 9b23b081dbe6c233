#pragma once
// Media run: one run of a program that reads media (a network address, a file, what a client
// uploads) to its end and hands on the sound in it. Whatever program it is, the operations are
// these. For source/ only.
//
// Threads: loop thread only.
// Memory:  bounded: while a run is paused, the program blocks on its pipe. What a listener is
//          given is valid during the call.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source/media_fault.h"
#include "source/source.h"
#include "util/cleanup.h"
#include "util/error.h"
#include "util/loop.h"

enum media_run_kind {
        MEDIA_RUN_NETWORK,
        MEDIA_RUN_FILE,
        MEDIA_RUN_DESCRIPTOR,  // of ours, read through from where it is
        MEDIA_RUN_UPLOAD,      // what media_run_write() will bring
};

// What is to be read; all of it lent during the call.
struct media_run_config {
        enum media_run_kind kind;
        const char *url;                  // of the network; source_url_check() has passed it
        const char *path;                 // of a file
        int descriptor;                   // above the standard ones
        enum source_transport transport;  // RTSP only
        bool is_paced;                    // files: no faster than real time
        bool is_looped;                   // files: over again at the end
};

// How a run ended.
struct media_end {
        enum media_fault fault;  // MEDIA_FAULT_NONE: all of it was read
        const char *text;        // what to tell people of the fault, without secrets
        const char *words;       // the program's own last words, redacted; "" none
        bool has_died;           // the program was killed or broke off, whatever it read
        uint64_t n_samples;      // that were handed on
};

// Any call may close the run; then none follows.
struct media_run_listener {
        // `n` samples (mono, AUDIO_RATE, float).
        void (*on_samples)(void *context, const float *samples, size_t n);
        // media_run_write() has room again. May be NULL.
        void (*on_drain)(void *context);
        // The end: called once, last.
        void (*on_end)(void *context, const struct media_end *end);
        void *context;
};

struct media_run;

// What each program can be told. The functions below say what they do.
struct media_run_ops {
        bool (*write)(struct media_run *run, const uint8_t *bytes, size_t n);
        size_t (*pending)(const struct media_run *run);
        void (*write_end)(struct media_run *run);
        void (*pause)(struct media_run *run);
        void (*resume)(struct media_run *run);
        void (*allow_cpu)(struct media_run *run, unsigned seconds);
        void (*stop)(struct media_run *run);
        int (*process_id)(const struct media_run *run);
        void (*close)(struct media_run *run);
};

// The first member of what a program's runs are.
struct media_run {
        const struct media_run_ops *ops;
};

// Uploads: hand over bytes (copied). True while there is room for more; after false the caller
// should wait for on_drain (bytes given are kept all the same).
static inline bool media_run_write(struct media_run *run, const uint8_t *bytes, size_t n) {
        return run->ops->write(run, bytes, n);
}

// Uploads: bytes handed over that the program has not taken yet.
static inline size_t media_run_pending(const struct media_run *run) {
        return run->ops->pending(run);
}

// Uploads: no more bytes will come.
static inline void media_run_write_end(struct media_run *run) {
        run->ops->write_end(run);
}

// Stop and start the flow of on_samples: none comes after media_run_pause().
static inline void media_run_pause(struct media_run *run) {
        run->ops->pause(run);
}

static inline void media_run_resume(struct media_run *run) {
        run->ops->resume(run);
}

// Uploads: allow so many seconds of processor time in all. Beyond them the run ends with
// MEDIA_FAULT_LIMIT.
static inline void media_run_allow_cpu(struct media_run *run, unsigned seconds) {
        run->ops->allow_cpu(run, seconds);
}

// Ask the program to end, and kill it if it stays. No samples follow; on_end does.
static inline void media_run_stop(struct media_run *run) {
        run->ops->stop(run);
}

// Its process; 0: none (any more).
static inline int media_run_process_id(const struct media_run *run) {
        return run->ops->process_id(run);
}

// Stop it in the background, and make no further calls. NULL is fine. Returns NULL.
static inline struct media_run *media_run_close(struct media_run *run) {
        if (run)
                run->ops->close(run);
        return NULL;
}

DEFINE_CLEANUP(struct media_run *, media_run_close);
