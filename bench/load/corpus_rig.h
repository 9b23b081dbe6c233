#pragma once
// Corpus rig: a corpus made in memory: recordings of sound that can be told apart.
//
// Threads: the test's.

#include <stdlib.h>

#include "audio/pcm.h"
#include "load/corpus.h"
#include "util/mem.h"

// Add a recording: one second for each word, which is heard at the second's end; every sample
// has the value `level`.
static inline void corpus_add(struct corpus *corpus, const char *name, const char *transcript,
                              float level) {
        struct recording *recording;
        struct words words = {0};

        if (!corpus->vocabulary)
                corpus->vocabulary = vocabulary_new();
        corpus->has_word_times = true;
        corpus->recordings =
                xrealloc_array(corpus->recordings, corpus->n + 1, sizeof(*corpus->recordings));
        recording = &corpus->recordings[corpus->n++];
        vocabulary_split(corpus->vocabulary, transcript, 0, &words);
        *recording = (struct recording){
                .name = xstrdup(name),
                .transcript = xstrdup(transcript),
                .words = words,
                .n_samples = (int64_t)words.n * AUDIO_RATE,
                .ends = xcalloc(words.n, sizeof(int64_t)),
        };
        recording->samples = xcalloc((size_t)recording->n_samples, sizeof(float));
        for (int64_t i = 0; i < recording->n_samples; i++)
                recording->samples[i] = level;
        for (size_t i = 0; i < words.n; i++) {
                words_append(&recording->timed, words.items[i]);
                recording->ends[i] = (int64_t)(i + 1) * AUDIO_RATE;
        }
}
