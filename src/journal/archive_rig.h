#pragma once
// Archive rig: an archive in a folder of its own, and sound to keep in it.
//
// Threads: any one.

#include <stddef.h>
#include <stdint.h>

#include "journal/archive.h"
#include "util/loop.h"

#define RIG_HOUR 1764504000000  // 2025-11-30T12:00:00Z, Unix ms

struct archive_rig {
        char *folder;
        struct loop *loop;  // its clock is fake
        struct archive_config config;
        struct archive *archive;
        // What came last:
        uint8_t *bytes;
        size_t n_bytes;
        char trouble[256];
        size_t n_answers;
};

// For a test's set-up and teardown: *state is the rig.
int archive_rig_open(void **state);
int archive_rig_close(void **state);

// Close the archive and open it again.
void archive_rig_again(struct archive_rig *rig);

// Close it, as the end of its process would after what waits; nothing when it is.
void archive_rig_stop(struct archive_rig *rig);

// `seconds` of something like speech, another for each seed. The caller frees it.
float *archive_rig_voice(double seconds, unsigned seed);

// Keep a voice of that seed.
void archive_rig_keep(struct archive_rig *rig, const char *stream, int64_t start,
                      double seconds, unsigned seed);

// Read, and forget, and wait for the answer.
void archive_rig_read(struct archive_rig *rig, const char *stream, int64_t since, int64_t until,
                      enum archive_format format);
void archive_rig_forget(struct archive_rig *rig, const char *stream, int64_t since,
                        int64_t until);

// Wait until all that was asked before is done.
void archive_rig_settle(struct archive_rig *rig);

// The samples of what was read last, whichever its format, and how many. The caller frees them.
float *archive_rig_samples(const struct archive_rig *rig, size_t *ret_n);

// How alike `n` samples of both are, 1 at most, when `other` is moved by up to 2 ms, as codecs
// do; the place of the best is in *ret_moved (may be NULL).
double archive_rig_likeness(const float *one, const float *other, size_t n);

// The only file of the stream's folder (as it is called), whose path the caller frees.
char *archive_rig_file(const struct archive_rig *rig, const char *name);
