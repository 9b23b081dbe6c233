#pragma once
// Forget: removes what was said in a stretch of time for good, its text and its sound, through
// those who have them open; what nobody has open is opened for it.
//
// Threads: loop thread only; callbacks come on the loop.

#include <stdint.h>

#include "util/cleanup.h"
#include "util/error.h"
#include "util/loop.h"

struct archive;
struct forget;
struct journal;

// Where it is; all lent.
struct forget_place {
        struct loop *loop;
        const char *folder;       // the state folder
        struct journal *journal;  // which is open; NULL: none is
        struct archive *archive;  // likewise
};

// What: [since, until) (Unix ms; 0: open) of that stream (NULL: all).
struct forget_stretch {
        const char *stream;
        int64_t since, until;
};

// Begin. on_done is called once, and not from within this call: how many rows were removed,
// and "" or what could not be done, in words. The caller frees it with forget_free() then, or
// earlier: what others have open goes on forgetting, and on_done is not called.
//
// Fails with words: -ENOENT when nothing is kept in the folder; -EBUSY when another process has
// it; else as journal_open() and archive_open().
int forget_begin(struct forget **ret, const struct forget_place *place,
                 const struct forget_stretch *stretch,
                 void (*on_done)(void *context, uint64_t n_rows, const char *trouble),
                 void *context, struct error *error);

// Before those are closed who have the place open. NULL is fine. Returns NULL.
struct forget *forget_free(struct forget *forget);

DEFINE_CLEANUP(struct forget *, forget_free);
