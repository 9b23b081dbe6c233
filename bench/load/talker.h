#pragma once
// Talker: one WhisperLive client that speaks its schedule in real time and reads what comes.
//
// Sound goes as a microphone would send it: a frame when its last sample is over. After the
// schedule silence goes on until no new text has come for `settle`; then END_OF_AUDIO.
//
// Threads: loop thread only.
// Memory:  text as it comes (screen.h); sound that the server does not read, up to a minute of
// it.

#include <stdbool.h>
#include <stdint.h>

#include "load/schedule.h"
#include "load/screen.h"
#include "util/error.h"
#include "util/loop.h"

#define TALKER_FRAME 1600  // samples: 100 ms

enum talker_outcome {
        TALKER_UNDER_WAY,
        TALKER_DONE,
        TALKER_REFUSED,  // before it could speak
        TALKER_BROKEN,   // in the middle
};

struct talker_config {
        const char *url;
        const char *language;  // NULL: the server detects it
        const char *model;     // what a hello must name
        const struct schedule *schedule;
        struct vocabulary *vocabulary;
        uint32_t number;
        nsec_t settle;
        nsec_t drain;  // how long to wait for the server's goodbye after END_OF_AUDIO
        // It may speak; its schedule's end was spoken; it is over, for good or ill (the last
        // call).
        void (*on_ready)(void *context);
        void (*on_spoken)(void *context);
        void (*on_over)(void *context);
        void *context;
};

struct talker;

// Dial. Everything given is lent until talker_close(). No call comes from inside.
int talker_open(struct talker **ret, struct loop *loop, const struct talker_config *config,
                struct error *error);
struct talker *talker_close(struct talker *talker);

enum talker_outcome talker_outcome(const struct talker *talker);
// Why it was refused or broke.
const struct error *talker_error(const struct talker *talker);
const struct screen *talker_screen(const struct talker *talker);
// When sample 0 of the schedule was spoken; 0 while it may not speak.
nsec_t talker_started(const struct talker *talker);
// Samples sent so far.
int64_t talker_position(const struct talker *talker);
// Messages with text that came.
size_t talker_messages(const struct talker *talker);
// The latest that a frame was sent after its time, in seconds: more than a few tenths mean that
// this machine, not the server, is too slow.
double talker_lateness(const struct talker *talker);

DEFINE_CLEANUP(struct talker *, talker_close);
