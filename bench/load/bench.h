#pragma once
// Bench: what the verbs of eavesdrop-bench share: options, the corpus in memory,
// measurements, and where the figures go.
//
// Threads: main thread.
// Errors:  told on standard error; functions return the exit code, or -1 to go on.

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "load/corpus.h"
#include "load/live.h"
#include "util/loop.h"
#include "util/options.h"
#include "util/progress.h"

// What one invocation has open. Zeroed, then options parsed into it.
struct bench {
        struct options options;
        struct live_config live;
        struct corpus_config corpus_config;
        struct progress *progress;
        struct loop *loop;
        struct corpus *corpus;
        FILE *json;
};

// Options that every verb which plays clients has.
#define BENCH_TALK_OPTIONS                                                                     \
        {"url", "URL", "the server: ws://HOST:PORT", NULL, 0},                                 \
                {"audio", "DIR",                                                               \
                 "recordings, with transcripts.tsv or NAME.txt beside NAME.wav", NULL, 0},     \
                {"seconds", "S", "how long each client talks, about [60]", NULL, 0},           \
                {"pause", "S", "between two utterances, give or take a quarter [1]", NULL, 0}, \
                {"end-pause", "S",                                                             \
                 "silence after which the server takes an utterance to have ended [0.6]",      \
                 NULL, 0},                                                                     \
                {"ramp", "S", "in which the clients come, one after the other [5]", NULL, 0},  \
                {"settle", "S", "without news after the last word, before END_OF_AUDIO [15]",  \
                 NULL, 0},                                                                     \
                {"drain", "S", "for the server to finish then [60]", NULL, 0},                 \
                {"language", "CODE", "what is spoken; the server detects it when absent",      \
                 NULL, 0},                                                                     \
                {"model", "NAME", "the model that clients name [base]", NULL, 0},              \
                {"pid", "PID", "the server's process, for CPU time and memory; else /metrics", \
                 NULL, 0},                                                                     \
                {"word-times", "FILE",                                                         \
                 "TSV of when each word ends, as bench/word_times.py writes it", NULL, 0},     \
                {"offline", "FILE",                                                            \
                 "`transcribe --format json` of DIR's files: what must not be lost", NULL, 0}, \
        {                                                                                      \
                "json", "FILE", "write the figures there too", NULL, 0                         \
        }

// Tell what is wrong, and return `code`.
int bench_complain(const struct bench *bench, int code, const char *text);

// Options of a kind, and within limits; *ret stays as it is when one was not given. False after
// a complaint.
bool bench_number(const struct bench *bench, const char *name, double least, double most,
                  double *ret);
bool bench_count(const struct bench *bench, const char *name, double least, double most,
                 double *ret);
// One that must be given.
bool bench_text(const struct bench *bench, const char *name, const char **ret);
// A file to write, opened; NULL when it was not given.
bool bench_output(const struct bench *bench, const char *name, FILE **ret);
// All of BENCH_TALK_OPTIONS but json.
bool bench_talk(struct bench *bench);

// Read the recordings into memory.
int bench_open(struct bench *bench);

// One measurement, as `live` says. *ret is the caller's, who deinits it.
int bench_measure(struct bench *bench, struct live_result *ret);

// Write the figures to --json, if that was given. Takes `object`.
int bench_json(const struct bench *bench, json_t *object);

// Close everything. `result` is the exit code so far; returns what it is now.
int bench_close(struct bench *bench, int result);
