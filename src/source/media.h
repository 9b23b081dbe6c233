#pragma once
// Media: a file, or bytes of one that a client sends, decoded by a child process of the
// program that reads media (media_backend.h) as fast as the reader takes the samples (no
// pacing: that is source.h).
//
// Threads: loop thread only.
// Memory:  bounded: while the reader is paused the child blocks on its pipe. media_close() may
//          be called from within the listener's calls.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/error.h"
#include "util/loop.h"

struct media;
struct media_backend;

struct media_listener {
        // `n` samples (mono, AUDIO_RATE, float; of live sound whose channels are kept apart
        // these are interleaved); valid during the call.
        void (*on_samples)(void *context, const float *samples, size_t n);
        // It says of itself that it is so long. May be NULL, and is not called by programs that
        // do not tell (media_backend.h).
        void (*on_length)(void *context, double seconds);
        // What people should know of it. May be NULL.
        void (*on_warning)(void *context, const char *words);
        // The end. `error` is NULL at a proper end; else it says what was wrong with the
        // input (not sound, no audio track, broken in the middle); -EAGAIN: with nothing of the
        // input's, but the program broke down that reads it. Called once.
        void (*on_end)(void *context, const struct error *error);
        // media_write() has room again (uploads and live sound; may be NULL).
        void (*on_drain)(void *context);
        void *context;
};

// Decode the file at `path`, or what a descriptor brings that it means (util/input.h: "-" is
// standard input): what cannot be sought in is read through. `track` is its sound track, by the
// number from 1 or by a language's code; "" leaves it to the program. -ENOENT, -EACCES, -EISDIR
// and empty files are told at once in *error.
int media_open_file(struct media **ret, struct media_backend *backend, const char *path,
                    const char *track, const struct media_listener *listener,
                    struct error *error);

// Decode what media_write() will bring.
int media_open_upload(struct media **ret, struct media_backend *backend,
                      const struct media_listener *listener, struct error *error);

// Decode what media_write() will bring while it is spoken: what was written comes back as
// samples within a quarter of a second, as far as its codec allows. `extension`: what it is
// where its bytes do not tell, as a file's name would end ("g729"); "" else. With more than one
// channel so many are kept apart: those that the sound has not got are silent. -ENOTSUP where
// the program cannot.
int media_open_live(struct media **ret, struct media_backend *backend, const char *extension,
                    unsigned n_channels, const struct media_listener *listener,
                    struct error *error);

// Decode what a client uploaded to a file, which can be sought in: with the limits of uploads.
// The descriptor, above the standard ones, is lent during the call.
int media_open_uploaded(struct media **ret, struct media_backend *backend, int descriptor,
                        const struct media_listener *listener, struct error *error);

// Uploads and live sound: hand over bytes (copied). Returns true while there is room for more;
// after false the caller should wait for on_drain (bytes given are kept all the same).
bool media_write(struct media *media, const uint8_t *bytes, size_t n);

// Uploads and live: bytes handed over that the program has not taken yet.
size_t media_pending(const struct media *media);

// Uploads and live: no more bytes will come.
void media_write_end(struct media *media);

// Stop and start the flow of on_samples: none comes after media_pause().
void media_pause(struct media *media);
void media_resume(struct media *media);

// Stop the child and make no further calls. NULL is fine. Returns NULL.
struct media *media_close(struct media *media);

DEFINE_CLEANUP(struct media *, media_close);
