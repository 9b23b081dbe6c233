#pragma once
// Scratch: a file that comes with a request that waits for its text. It is held in memory up
// to SCRATCH_MEMORY, and beyond that, or while memory is short, in a file of the shelf's
// folder that has no name: nothing is left of it when its request is over, however that ends.
//
// Threads: loop thread only; the disk is written by threads of its own (chore.h).
// Memory:  what is held is charged to the budget of uploads; bytes on disk count for
//          transcriptions.disk.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transcription/transcriptions.h"

#define SCRATCH_MEMORY ((size_t)1024 * 1024)

struct scratch;
struct scratches;

// All there are, so many at most, half of them of one principal; on the transcriptions' disk,
// which outlive them.
struct scratches *scratches_new(struct hub *hub, struct transcriptions *transcriptions,
                                size_t most);

// None is left. NULL is fine. Returns NULL.
struct scratches *scratches_free(struct scratches *all);

// Seconds of sound that are coming of that principal, as far as their sizes tell.
double scratches_waiting(const struct scratches *all, const char *principal);

struct scratch_listener {
        // The next pieces may come.
        void (*on_room)(void *context);
        // All of it is there, behind a descriptor to be read from its beginning, which is
        // whoever's is told. Called once, perhaps from inside scratch_end().
        void (*on_whole)(void *context, int descriptor, uint64_t n_bytes);
        // It is over, perhaps from inside scratch_write() or scratch_end().
        void (*on_refused)(void *context, const struct transcription_refusal *refusal);
        void *context;
};

// Begin with one of `size` bytes, as is announced (UINT64_MAX: nobody knows), of that principal
// and address, which are copied. NULL: *ret says why not.
struct scratch *scratch_new(struct scratches *all, const struct principal *principal,
                            const char *address, uint64_t size,
                            const struct scratch_listener *listener,
                            struct transcription_refusal *ret);

// The next bytes (copied), TRANSCRIPTION_PIECE_MAX at most. False: they were taken, and on_room
// says when more may come.
bool scratch_write(struct scratch *scratch, const uint8_t *bytes, size_t n);

// All bytes came: on_whole or on_refused follows.
void scratch_end(struct scratch *scratch);

// Once whoever has the descriptor has closed it. NULL is fine. Returns NULL.
struct scratch *scratch_free(struct scratch *scratch);
