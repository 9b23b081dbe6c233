#pragma once
// Corpus: what is played: a folder of recordings with their texts, in memory.
//
// Threads: main thread; corpus_open() runs the loop.
// Memory:  CORPUS_SECONDS_MAX of sound at most.

#include <stdbool.h>
#include <stdint.h>

#include "load/vocabulary.h"
#include "util/cleanup.h"
#include "util/error.h"
#include "util/loop.h"

#define CORPUS_SECONDS_MAX 14400  // 920 MB

// One utterance.
struct recording {
        char *name;        // the file's name, without its folder
        char *transcript;  // what is said
        struct words words;
        float *samples;  // AUDIO_RATE
        int64_t n_samples;

        // Words whose end is known (of another recogniser's text, so that they need not be
        // those of the transcript), and their ends in samples from the recording's beginning.
        struct words timed;
        int64_t *ends;

        struct words offline;  // what our own decoder made of the file when it had time
};

struct corpus {
        struct recording *recordings;
        size_t n;
        struct vocabulary *vocabulary;
        bool has_word_times;  // false: words are spread evenly over their recordings
        bool has_offline;
};

struct corpus_config {
        const char *folder;      // sound files; transcripts.tsv (columns file, transcript), or
                                 // NAME.txt beside NAME.wav
        const char *word_times;  // TSV with columns file, word, end (seconds); NULL none
        const char *offline;     // lines of `transcribe --format json`; NULL none
        void (*on_progress)(void *context, size_t n_read, size_t n);
        void *context;
};

// Read and decode all of it. Recordings without a transcript are left out. -ENOENT when nothing
// is left; all errors have words for the user.
int corpus_open(struct corpus **ret, struct loop *loop, const struct corpus_config *config,
                struct error *error);
struct corpus *corpus_close(struct corpus *corpus);

DEFINE_CLEANUP(struct corpus *, corpus_close);
