#pragma once
// Batch rig: whole files, and a scripted engine that notes what it is asked. Only in
// tests.
//
// Threads: main thread; answers come on the decode thread.

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/batch_output.h"
#include "decode/engine_scripted.h"
#include "decode/filter.h"

#define RIG_JOBS_MAX 64

// What the engine was asked, as the decode thread saw it.
struct seen {
        int64_t begin;
        size_t n_samples;
        char language[LANGUAGE_CODE_MAX];
        bool is_single_pass;
        bool only_detects;
        bool has_prompt;
        size_t n_previous;
        int32_t previous_last;
};

struct batch_rig {
        char *folder;
        char *files[RIG_JOBS_MAX];
        size_t n_files;
        struct decode_options options;
        struct filter_limits filters;
        const struct clips *clips;  // lent
        const struct vad_model *vad;
        struct segmenter_config pauses;
        enum transcript_format format;
        unsigned n_engines;
        size_t n_failed;  // as told by the batch
        struct loop *loop;
        struct media_backend *media;

        pthread_mutex_t lock;
        pthread_cond_t change;
        // --- protected by lock
        struct seen seen[RIG_JOBS_MAX];
        size_t n_seen;
};

// No files yet, whole ones, one engine, no voice activity.
struct batch_rig *batch_rig_new(void);
void batch_rig_free(struct batch_rig *rig);

// The path of a file that will be transcribed, after those before it; the caller writes it.
const char *rig_add_file(struct batch_rig *rig, const char *name);

// A WAV file of so many samples at AUDIO_RATE, which are all `level`.
void rig_add_wav(struct batch_rig *rig, const char *name, size_t n_samples, int16_t level);

// One in which each sample is the number of the second that it is in.
void rig_add_clock(struct batch_rig *rig, const char *name, size_t n_seconds);

// The recording of the demo, three times.
void rig_add_speech(struct batch_rig *rig);

// For answers: note the job; add a segment of 150 tokens (the text is taken).
void rig_note(struct batch_rig *rig, const struct job *job);
struct hypothesis_segment *rig_put_segment(struct hypothesis *hypothesis, int64_t begin,
                                           int64_t end, char *text);

// The usual answer (its context is the rig): each window is one segment, which tells where it
// began and how loud it was there.
int rig_answer_plainly(void *context, const struct job *job, struct hypothesis *ret);

// What files share, on this scheduler; and how each is transcribed, as the rig says.
struct stream_services rig_services(struct batch_rig *rig, struct scheduler *scheduler);
struct file_settings rig_file_settings(struct batch_rig *rig);

// Make the loop and what reads media; and free both.
struct loop *rig_begin(struct batch_rig *rig);
void rig_end(struct batch_rig *rig);

// What is written for the files; the caller frees it.
char *batch_rig_run(struct batch_rig *rig, engine_answer answer);
