#pragma once
// File: one file on its way from sound to segments. Its windows are independent jobs on a wide
// flow, so that many run at once; segments come out in order all the same.
//
// With a voice-activity model, windows are cut at pauses; the language, unless given, is
// detected on the first window in which something was said and then holds for the file. Without
// one, windows of 30 s follow each other (pipeline/seeker). Either way only of the clips asked
// for.
//
// Threads: loop thread only.
// Memory:  bounded by file_held(), which the owner watches and limits with file_hold_back().

#include <stdbool.h>
#include <stdint.h>

#include "decode/job.h"
#include "decode/scheduler.h"
#include "pipeline/clips.h"
#include "transcript/segment.h"
#include "util/error.h"
#include "util/loop.h"
#include "vad/segmenter.h"
#include "vad/silero.h"

struct file;

// What all files share; outlives them.
struct file_services {
        struct loop *loop;
        struct scheduler *scheduler;
        const struct vad_model *vad;           // NULL: sequential windows of 30 s
        const struct decode_options *options;  // language "" detects
        const struct clips *clips;             // what is transcribed of each file
        struct segmenter_config segmenting;    // how it is cut at pauses
};

// None of these may close the file; they come from inside its work.
struct file_listener {
        // The next final segment; lent.
        void (*on_segment)(void *context, const struct segment *segment);
        // How much is held, read or finished has changed.
        void (*on_progress)(void *context);
        // The end, once. `error` is NULL or says what went wrong; segments may have come
        // before.
        void (*on_done)(void *context, const struct error *error);
        void *context;
};

// Begin to read the file. What can be told at once is wrong: *error, as media_open_file().
int file_open(struct file **ret, const struct file_services *services, const char *path,
              const struct file_listener *listener, struct error *error);

// Stop. NULL is fine. Returns NULL.
struct file *file_close(struct file *file);

// Pause and go on reading.
void file_hold_back(struct file *file, bool is_held_back);

// Samples in jobs that are not answered yet.
int64_t file_held(const struct file *file);

// The whole file was read (or failed).
bool file_is_read(const struct file *file);

// Samples read so far: at the end, the file's duration. And how far it is transcribed.
int64_t file_duration(const struct file *file);
int64_t file_position(const struct file *file);

// The language; "" while unknown.
const char *file_language(const struct file *file);
