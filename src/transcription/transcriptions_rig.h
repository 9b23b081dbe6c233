#pragma once
// Transcriptions rig: a shelf in a folder of its own, real media, a scripted engine, and those
// who bring files. Only in tests.
//
// Threads: main thread.

#include <sched.h>

#include "pipeline/hub_rig.h"
#include "transcription/transcriptions.h"

#define DESK_KEEP (3600 * NSEC_PER_SEC)

struct desk {
        struct hub_rig *rig;
        struct upload_services uploads;
        char *folder;
        struct transcriptions_parts parts;
        struct transcriptions *all;
        char *talk;  // a recording
        size_t n_talk;
};

// Who brings a file and waits for its end.
struct sender {
        struct transcription *transcription;
        bool has_room, is_taken, is_refused, is_told;
        struct transcription_refusal refusal;
        struct transcription_waiter waiter;
        char id[TRANSCRIPTION_ID_DIGITS + 1];
        enum transcription_state end;
};

// The desk takes one at a time, and three may wait.
int desk_setup(void **state);
int desk_teardown(void **state);

// The desk, or the test is skipped.
struct desk *desk_need(void **state);

// A new process with the same folder.
void desk_restart(struct desk *desk);

// How many are taken in.
size_t desk_count(const struct desk *desk);

// Let things happen, without time passing, until the condition holds.
#define await(desk, condition)                      \
        do {                                        \
                while (!(condition)) {              \
                        loop_turn(desk->rig->loop); \
                        sched_yield();              \
                }                                   \
        } while (0)

// As await(), and time passes.
#define await_while_time_passes(desk, condition)                      \
        do {                                                          \
                while (!(condition)) {                                \
                        loop_advance(desk->rig->loop, NSEC_PER_MSEC); \
                        sched_yield();                                \
                }                                                     \
        } while (0)

// Begin to bring a file, as a principal of a token. False: sender->refusal says why not.
bool sender_begin(struct desk *desk, struct sender *sender, const char *name, uint64_t size);

// Write all of it, until it is refused.
void sender_write(struct desk *desk, struct sender *sender, const char *bytes, size_t n);

// Bring a file, or the recording, until it is taken in; then wait for its end.
void sender_send(struct desk *desk, struct sender *sender, const char *principal,
                 const char *bytes, size_t n);
void sender_send_talk(struct desk *desk, struct sender *sender, const char *principal);
