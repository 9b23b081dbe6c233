#pragma once
// Intake: a file that is coming, on its way to the disk. What came is gathered while a thread
// writes what came before.
//
// Threads: loop thread only.
// Memory:  2 * INTAKE_BYTES for each, charged to the budget of uploads.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transcription/chore.h"
#include "util/budget.h"
#include "util/error.h"

// Bytes that are gathered.
#define INTAKE_BYTES ((size_t)256 * 1024)

struct intake;

struct intake_listener {
        // There is room for INTAKE_BYTES / 2 again.
        void (*on_room)(void *context);
        // The file and its record are on disk, or what went wrong; called once. The intake may
        // be closed.
        void (*on_end)(void *context, const struct error *error);
        void *context;
};

// Begin a file of that id on the shelf (shelf.h). All but the listener's context is copied or
// outlives the chores. NULL: there is no memory left for it.
struct intake *intake_new(struct chores *chores, const char *folder, const char *id,
                          struct budget *budget, const struct intake_listener *listener);

// Hand over at most INTAKE_BYTES / 2 bytes (copied). False: they were taken, and on_room says
// when the next may come.
bool intake_write(struct intake *intake, const uint8_t *bytes, size_t n);

// No more bytes come; the record's text is taken. on_end follows.
void intake_end(struct intake *intake, char *record);

// Of a file whose on_end has not told that it is on disk, nothing is left. NULL is fine.
// Returns NULL.
struct intake *intake_close(struct intake *intake);
