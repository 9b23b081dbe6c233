#pragma once
// Archive files: the folder in which sound is kept, audio/STREAM/2026-11-30T12.opus, each file
// with the windows that began in that hour (UTC).
//
// A window is added in one write, behind the last whole one, and a file that loses windows is
// written anew beside the old one and takes its name, so that whatever the moment of a crash,
// what was whole before is whole after.
//
// Threads: any one at a time.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/archive_window.h"
#include "util/cleanup.h"
#include "util/error.h"

#define ARCHIVE_FOLDER "audio"  // in the state folder

#define ARCHIVE_HOUR (3600 * INT64_C(1000))  // ms

struct archive_file {
        char *stream;  // as its folder is called
        int64_t hour;  // Unix ms at which it begins
        uint64_t n_bytes;
        bool is_whole;  // it ends with a whole window, as far as we know
};

struct archive_files {
        char *root;
        struct archive_file *items;  // the oldest first
        size_t n, capacity;
        uint64_t n_bytes;  // of all
};

// Of the state folder; "audio" in it is made if absent.
int archive_files_open(struct archive_files **ret, const char *folder, struct error *error);

// NULL is fine. Returns NULL.
struct archive_files *archive_files_free(struct archive_files *files);

// The folder's name for a stream's, which may be any bytes: letters, digits, - and _ are as
// they are, the others %XX; of a long name the beginning and its hash. The caller frees it.
char *archive_files_name(const char *stream);

// Add a link (archive_window_write()) that begins at `start`. Negative errno: nothing is added.
int archive_files_add(struct archive_files *files, const char *name, int64_t start,
                      const struct archive_bytes *link);

// The i-th file's bytes. Negative errno.
int archive_files_load(const struct archive_files *files, size_t i, struct archive_bytes *ret);

// Put these bytes in place of the i-th file, and zeros over the old one's; without bytes it is
// removed, and the next one has its index. Negative errno.
int archive_files_replace(struct archive_files *files, size_t i,
                          const struct archive_bytes *bytes);

// When the newest file's hour ends, Unix ms; 0 when there is none.
int64_t archive_files_newest(const struct archive_files *files);

// Remove the oldest file. False when there is none.
bool archive_files_drop_oldest(struct archive_files *files);

// Remove files whose hour ended `keep_age` seconds before `now` (Unix ms), and the oldest ones
// beyond `keep_bytes`; 0: any.
void archive_files_tidy(struct archive_files *files, int64_t now, double keep_age,
                        uint64_t keep_bytes);

DEFINE_CLEANUP(struct archive_files *, archive_files_free);
