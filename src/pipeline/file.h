#pragma once
// File: from sound that is there already to text, as fast as it goes. Windows are independent
// jobs of a bulk flow, so that many run at once; segments come out in order all the same. Who
// reads the sound, from a disk or from a client, feeds it.
//
// Windows are cut at pauses, or, without any, windows of 30 s follow each other (seeker.h).
// Either way only of the clips asked for.
//
// Threads: loop thread only.
// Memory:  bounded by file_held() and file_backlog(), which whoever feeds watches, and for
//          seeking by file_is_ahead(). Updates are lent during the call.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/job.h"
#include "pipeline/clips.h"
#include "pipeline/services.h"
#include "transcript/assembler.h"
#include "util/cleanup.h"
#include "vad/segmenter.h"

struct file;
struct filter_limits;

struct file_settings {
        const char *owner;  // whose share of the decoder it takes; NULL: one of its own
        const struct decode_options *options;  // copied; language "" detects
        const struct filter_limits *filters;   // copied; NULL: the usual ones
        // NULL: windows of 30 s. With early ones somebody waits for the first text: the first
        // window goes alone, and the others, behind whose encoding it would wait, when it is
        // answered.
        const struct segmenter_config *pauses;
        const struct clips *clips;  // what is transcribed of it; outlives the file
        // Where the language is detected. True: all windows wait for the first in which
        // something was said, or for the vote of several, and are in its language. False:
        // windows go at once, and each detects it until one was sure.
        bool awaits_language;
};

// None of these may close the file; they come from inside its work.
struct file_listener {
        // New segments, all of them final.
        void (*on_update)(void *context, const struct update *update);
        // What was said in [begin, end) is lost.
        void (*on_failure)(void *context, int64_t begin, int64_t end, int result);
        // How much is held or transcribed has changed, or all is transcribed (optional).
        void (*on_progress)(void *context);
        void *context;
};

// -ENOMEM.
int file_open(struct file **ret, const struct stream_services *services,
              const struct file_settings *settings, const struct file_listener *listener);
struct file *file_close(struct file *file);

// The next samples of the sound. Nothing happens after file_end().
void file_feed(struct file *file, const float *samples, size_t n);

// The sound has stopped coming, and may go on: close the open window.
void file_flush(struct file *file);

// All sound has come.
void file_end(struct file *file);

// Seeking: enough sound is here for now.
bool file_is_ahead(const struct file *file);

// Windows in jobs that are not answered yet, and their samples; with those of the open window.
size_t file_backlog(const struct file *file);
int64_t file_held(const struct file *file);
int64_t file_unheard(const struct file *file);

// All sound has come and is transcribed.
bool file_is_done(const struct file *file);

// Samples that came so far, and how far they are transcribed.
int64_t file_duration(const struct file *file);
int64_t file_position(const struct file *file);

// The language; "" while unknown. And the text as it stands.
const char *file_language(const struct file *file);
const struct update *file_current(struct file *file);

DEFINE_CLEANUP(struct file *, file_close);
