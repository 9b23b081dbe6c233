#pragma once
// Keeping: how long and how much? The oldest rows are removed, in small steps between commits.
//
// Threads: the writer's.
// Memory:  plain data of its owner.

#include <stdbool.h>
#include <stdint.h>

#include "journal/pace.h"
#include "util/error.h"

struct ledger;

enum keeping_phase { KEEPING_REST, KEEPING_ROWS, KEEPING_MERGE, KEEPING_PAGES };

// Zeroed but for the limits is ready.
struct keeping {
        double age;      // seconds; 0: any
        uint64_t bytes;  // 0: any
        // The rest is its own.
        enum keeping_phase phase;
        struct pace rows, merge, pages;
        bool is_merging, is_shrinking;
        uint64_t removed_since_merge;
        uint64_t removed_in_round;
        nsec_t next_at;
        uint64_t n_removed;  // rows, ever
};

// Do a step, if one is due at `now` (monotonic): rows that began before the age's limit, with
// `now_ms` for the time (age_clock.h), or the oldest of too many. What says that something was
// forgotten is as old as its saying so. After an error the next step is the next look's. Sets
// when the next step is due. Zero, negative errno or DATABASE_E_DAMAGED.
int keeping_step(struct keeping *keeping, struct ledger *ledger, nsec_t now, int64_t now_ms,
                 struct error *error);
