#pragma once
// Child rig: media children as tests see them: started, read to their end, and what they told.
// Sounds are made by the ffmpeg program. Only in tests.
//
// Threads: main thread.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media/control.h"
#include "media/records.h"

// What a child told, up to its end.
struct rig_child {
        bool has_opened;
        struct media_opened opened;
        int16_t *samples;
        size_t n_samples;  // over all channels
        unsigned n_gaps, n_jumps, n_titles, n_progress, n_warnings;
        double gap, jump;               // seconds of the last
        char titles[512];               // "first|second|"
        char warning[MEDIA_WORDS_MAX];  // the last
        bool has_end;
        enum media_fault fault;
        char words[MEDIA_WORDS_MAX];
        double seconds;
        int status;  // of waitpid()
};

// A folder of this test's own; what is made lies there.
int rig_folder_make(void **state);
int rig_folder_remove(void **state);

// A file's path in that folder; the caller frees it.
char *rig_folder_path(const char *name);

// Have ffmpeg write `name` there; the arguments are split at blanks, and %s in them is the
// folder.
void rig_folder_ffmpeg(const char *name, const char *arguments);
// False where ffmpeg cannot.
bool rig_folder_try_ffmpeg(const char *name, const char *arguments);
void rig_folder_write(const char *name, const void *bytes, size_t n);
// All bytes of a file there, or by its whole path; the caller frees them.
uint8_t *rig_folder_read(const char *name, size_t *ret_n);
// `name` is the first `n` bytes of `whole`.
void rig_folder_cut(const char *name, const char *whole, size_t n);
// `name` is `one` and behind it `other`.
void rig_folder_join(const char *name, const char *one, const char *other);

// What is asked for when nothing else is: mono, unpaced.
struct media_request rig_child_request(enum media_kind kind);

// Run a child to its end, or until it has given `most` samples (0: any number), then kill it.
// To be deinited.
void rig_child_run(struct rig_child *ret, const struct media_request *request, int input,
                   size_t most);
// For a file in the folder or by its whole path; opened, or through a pipe.
void rig_child_file(struct rig_child *ret, const struct media_request *request,
                    const char *name);
void rig_child_pipe(struct rig_child *ret, const struct media_request *request,
                    const char *name);
void rig_child_deinit(struct rig_child *child);

// How alike two sounds are, 0 to 1: their normalised correlation at the best shift of at most
// `most` samples. The length is the shorter one's.
double rig_sound_likeness(const int16_t *a, size_t n_a, const int16_t *b, size_t n_b, int most);

// RMS within -1..1.
double rig_sound_level(const int16_t *samples, size_t n);
