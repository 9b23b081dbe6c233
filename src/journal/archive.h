#pragma once
// Archive: the sound of what was heard, as Opus in Ogg files beside the journal, by stream and
// hour. A thread of its own encodes and writes; another way around, stretches of it are read
// back as one file whose gaps are silence.
//
// Threads: loop thread only; callbacks come on the loop.
// Memory:  sound that waits for its thread is bounded; beyond that it is given up and counted.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/error.h"
#include "util/loop.h"

struct archive;

struct archive_config {
        const char *folder;   // the state folder; the sound is in "audio" in it
        double keep_age;      // seconds; 0: for ever
        uint64_t keep_bytes;  // 0: any
};

int archive_open(struct archive **ret, struct loop *loop, const struct archive_config *config,
                 struct error *error);

// What waits is written first (for at most five seconds). A thread that does not come back from
// its disk is left behind, with what it has. NULL is fine. Returns NULL.
struct archive *archive_close(struct archive *archive);

// Keep `n` samples (mono, AUDIO_RATE) of the stream that begin at `start` (Unix ms). Copied.
void archive_keep(struct archive *archive, const char *stream, int64_t start,
                  const float *samples, size_t n);

enum archive_format { ARCHIVE_OGG, ARCHIVE_WAV };

// [since, until) (Unix ms) of a stream, at most an hour.
struct archive_query {
        const char *stream;
        int64_t since, until;
        enum archive_format format;
};

// A whole file of the format that was asked for.
struct archive_sound {
        void *bytes;
        size_t n;
        uint32_t checksum;  // CRC-32 of them
        bool is_absent;     // there is none: no sound is kept of that time
};

// Read a stretch (the query is copied). The sound's bytes are the callee's, and the same for
// each such call once the sound is written; none, with words, when there is no sound or it
// cannot be read now. Gaps are silence; times hold to 50 ms.
void archive_read(struct archive *archive, const struct archive_query *query,
                  void (*on_read)(void *context, struct archive_sound *sound,
                                  const char *trouble),
                  void *context);

// Remove what was heard in [since, until) (Unix ms; 0: open) of that stream (NULL: all).
void archive_forget(struct archive *archive, const char *stream, int64_t since, int64_t until,
                    void (*on_done)(void *context, const char *trouble), void *context);

// No further calls for this context.
void archive_detach(struct archive *archive, const void *context);

// Remove the oldest file: the disk is full and text needs the room. Nothing if there is none.
void archive_make_room(struct archive *archive);

struct archive_state {
        uint64_t n_bytes, n_files;    // that are kept
        uint64_t samples_kept;        // since the start
        uint64_t samples_lost;        // given up: the disk, or the thread, was not fast enough
        uint64_t encode_nanoseconds;  // processor time of encoding
        char trouble[256];            // "" while all is well
};
void archive_state(const struct archive *archive, struct archive_state *ret);

DEFINE_CLEANUP(struct archive *, archive_close);
