#pragma once
// Upload slots: whose turn it is among the files that clients upload. Each that is decoded
// costs a child process; so many at a time are, and the others wait, in the order in which
// their bytes were there.
//
// Threads: loop thread only.
// Memory:  places belong to the uploads; each must have left before the slots are freed.

#include <stdbool.h>
#include <stddef.h>

#include "util/cleanup.h"
#include "util/loop.h"

// From one turn to the next: a turn begins with fork and exec, on the loop, and whoever comes
// and goes as fast as it can shall not have it do nothing else.
#define UPLOAD_TURN_INTERVAL (50 * NSEC_PER_MSEC)

// Within these bounds people are told when it may be worth while to come back.
#define UPLOAD_RETRY_LEAST (10 * NSEC_PER_SEC)
#define UPLOAD_RETRY_MOST  (3600 * NSEC_PER_SEC)

struct upload_slots;

enum upload_stage {
        UPLOAD_OUTSIDE,  // not entered, or left
        UPLOAD_COMING,   // its bytes are not there yet
        UPLOAD_ASKING,   // they are: it waits for its turn
        UPLOAD_DECODED,  // it has a slot
};

// One upload's place. Zeroed is outside; its fields are the slots' own.
struct upload_place {
        struct upload_slots *slots;
        enum upload_stage stage;
        void (*on_turn)(void *context);
        void *context;
        nsec_t since;                       // when its turn came
        struct upload_place *next, **link;  // among those who ask
};

struct upload_slots_counts {
        size_t n_coming, n_asking, n_decoded;
        uint64_t n_turns;    // ever given
        uint64_t n_refused;  // that came when all places were taken
};

// So many at a time, and so many more that wait.
struct upload_slots *upload_slots_new(struct loop *loop, unsigned at_once, unsigned waiting);
struct upload_slots *upload_slots_free(struct upload_slots *slots);

// Come in. False while as many wait as may: come back after upload_slots_retry().
bool upload_slots_enter(struct upload_slots *slots, struct upload_place *place,
                        void (*on_turn)(void *context), void *context);

// The bytes are there: on_turn is called when the turn has come, never from inside this call.
void upload_place_ask(struct upload_place *place);

// Go, in whatever stage.
void upload_place_leave(struct upload_place *place);

// Does anybody wait for its turn?
bool upload_slots_are_wanted(const struct upload_slots *slots);

// After how long one that is sent away should come back: when, at the pace of those before, all
// who ask now have had their turns.
nsec_t upload_slots_retry(const struct upload_slots *slots);

struct upload_slots_counts upload_slots_counts(const struct upload_slots *slots);

DEFINE_CLEANUP(struct upload_slots *, upload_slots_free);
