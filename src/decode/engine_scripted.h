#pragma once
// A scripted engine: says what a test tells it to, as late as the test tells it to. An engine
// like any other (engine.h); its model is a struct engine_script.
//
// Threads: script functions any thread.

#include "decode/engine.h"

struct engine_script;

// What to answer to a job: fill *ret and return 0, or return a negative error. Called on the
// decode thread.
typedef int (*engine_answer)(void *context, const struct job *job, struct hypothesis *ret);

// A script that answers through `answer`, taking `capacity` jobs at a time.
struct engine_script *engine_script_new(size_t capacity, engine_answer answer, void *context);
struct engine_script *engine_script_free(struct engine_script *script);

// While held the engine takes jobs in but finishes none (a decoder that is late). Cancelled
// jobs leave all the same.
void engine_script_hold(struct engine_script *script);
void engine_script_release(struct engine_script *script);

// How many jobs were taken in since the script was made; how many of them had to hurry; and how
// many were promoted.
unsigned engine_script_submitted(const struct engine_script *script);
unsigned engine_script_hurried(const struct engine_script *script);
unsigned engine_script_promoted(const struct engine_script *script);

// How many steps were begun since then. An engine has been told all that was decided before now
// when it begins the second step from now.
unsigned engine_script_steps(const struct engine_script *script);

extern const struct engine_ops engine_scripted;

DEFINE_CLEANUP(struct engine_script *, engine_script_free);
