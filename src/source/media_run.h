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

#include "media/records.h"
#include "source/media_fault.h"
#include "source/source.h"
#include "util/cleanup.h"
#include "util/error.h"
#include "util/loop.h"

enum media_run_kind {
        MEDIA_RUN_NETWORK,
        MEDIA_RUN_FILE,
        MEDIA_RUN_DESCRIPTOR,  // of ours, read through from where it is
        MEDIA_RUN_UPLOAD,      // what media_run_write() will bring, or a client has brought
        MEDIA_RUN_LIVE,        // likewise, while it is spoken: with little delay
};

// What is to be read; all of it lent during the call.
struct media_run_config {
        enum media_run_kind kind;
        const char *url;   // of the network; source_url_check() has passed it
        const char *path;  // of a file
        // Above the standard ones. Of an upload: a file that has all of it; 0: it is written.
        int descriptor;
        enum source_transport transport;  // RTSP only
        bool is_paced;                    // files: no faster than real time
        bool is_looped;                   // files: over again at the end
        bool is_untrusted;  // of the network: who gave the URL is a stranger, who may not reach
                            // all that the server may (media_backend_allow())
        unsigned n_channels;  // of a live run that are kept apart; 0 or 1: they are mixed
        // Of a live run: what it is, as a file's name would end, where its bytes do not tell
        // ("g729"); "" or NULL: they do.
        const char *extension;
        const char *track;  // which sound track: its number from 1, or a language's code; "" or
                            // NULL: the program chooses
};

// How a run ended.
struct media_end {
        enum media_fault fault;  // MEDIA_FAULT_NONE: all of it was read
        const char *text;        // what to tell people of the fault, without secrets
        const char *words;       // the program's own last words, redacted; "" none
        double damaged_at;       // second of the sound at which it is damaged; NAN: not known
        bool has_died;           // the program was killed or broke off, whatever it read
        bool is_general;         // and that was nobody's doing who is read: it happened to all
        uint64_t n_samples;      // of each channel, that were handed on
};

// Any call may close the run; then none follows. All may be NULL but on_samples and on_end, and
// those from on_opened to on_warning are never made by programs that do not tell
// (media_backend_ops).
struct media_run_listener {
        // What it is; before the first samples.
        void (*on_opened)(void *context, const struct media_opened *opened);
        // So many seconds of silence are put in where the source has none.
        void (*on_gap)(void *context, double seconds);
        // Live sound: the source's clock jumped, and what comes now has nothing to do with what
        // came before.
        void (*on_jump)(void *context, double seconds);
        // What is playing, when that changes.
        void (*on_title)(void *context, const char *title);
        // It is alive, though no samples come.
        void (*on_progress)(void *context);
        // Something that people should know.
        void (*on_warning)(void *context, const char *words);
        // `n` samples (AUDIO_RATE, float; mono, or interleaved where channels are kept apart).
        void (*on_samples)(void *context, const float *samples, size_t n);
        // media_run_write() has room again.
        void (*on_drain)(void *context);
        // The end: called once, last.
        void (*on_end)(void *context, const struct media_end *end);
        void *context;
};

struct media_run;
struct media_backend;

// A program that reads media.
struct media_backend_ops {
        const char *name;
        bool is_telling;  // what it opened, gaps, jumps, titles and where it is damaged
        // Negative errno with words in *error: the program cannot be run (-EAGAIN: for now), or
        // the file not be opened; -EPERM: it may not read what a stranger gave. The listener is
        // not called from inside.
        int (*open)(struct media_run **ret, struct media_backend *backend,
                    const struct media_run_config *config,
                    const struct media_run_listener *listener, struct error *error);
        void (*free)(struct media_backend *backend);
};

// The first member of what a program is to us.
struct media_backend {
        const struct media_backend_ops *ops;
        struct loop *loop;
        char *allow;  // media_backend_allow(); NULL: nothing
};

// Start a run, as `open` above says.
static inline int media_run_open(struct media_run **ret, struct media_backend *backend,
                                 const struct media_run_config *config,
                                 const struct media_run_listener *listener,
                                 struct error *error) {
        return backend->ops->open(ret, backend, config, listener, error);
}

// What each run can be told. The functions below say what they do.
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

// Uploads and live runs: hand over bytes (copied). True while there is room for more; after
// false the caller should wait for on_drain (bytes given are kept all the same).
static inline bool media_run_write(struct media_run *run, const uint8_t *bytes, size_t n) {
        return run->ops->write(run, bytes, n);
}

// Uploads and live: bytes handed over that the program has not taken yet.
static inline size_t media_run_pending(const struct media_run *run) {
        return run->ops->pending(run);
}

// Uploads and live: no more bytes will come.
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

// Uploads and live: allow so many seconds of processor time in all. Beyond them the run ends
// with MEDIA_FAULT_LIMIT.
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
