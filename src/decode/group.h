#pragma once
// Group: the flows of one owner, an address for instance. The engines are shared fairly between
// groups first, then between the flows of each. Private to decode/ (docs/decisions/0017).
//
// Only while others are at work as well, a group's finals
//   * have a limit on how many are in an engine or next to go in, so that others find room;
//   * are due behind the group's backlog, so that a crowd is no better off than
//     one who says as much;
//   * are not urgent while what its flows that have gone asked for, faster than it can be
//     spoken, is not yet made up for: coming again is no new beginning.
// A group that is alone has all there is.
//
// Threads: loop thread only.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/loop.h"

struct entry;
struct flow;
struct scheduler;

struct group {
        struct group *next;  // in scheduler->groups
        char *owner;         // NULL: the group of one flow
        uint64_t id;         // never used again
        struct flow *flows;
        size_t n_finals;    // of live flows, in an engine or its queue
        size_t n_partials;  // likewise
        double debt;        // seconds of sound, as of `debt_at`
        nsec_t debt_at;
};

// The scheduler's groups, and who was at work last.
struct groups {
        struct group *first;
        uint64_t id_last;
        uint64_t live_id, live_id_before;  // the last two that had live jobs
        nsec_t live_at, live_at_before;    // and when
};

// Let the flow be of the owner's group, or of one of its own (NULL).
void group_join(struct flow *flow, const char *owner);

// The flow goes. Its group stays for as long as it has to make up for something.
void group_leave(struct flow *flow);

// The entry goes to an engine; it has left it, or its queue, or is not wanted any more. What
// was not counted is not taken off.
void group_count_in(struct entry *entry);
void group_count_out(struct entry *entry);

// A live job of the flow was queued: others share with its group from now on.
void group_note_live(const struct flow *flow);

// May one more final of the flow go to an engine?
bool group_has_room(const struct flow *flow);

// How much later a final of the flow is due, that would be due at `due`, for what its group
// has as its backlog already.
nsec_t group_lateness(const struct flow *flow, nsec_t due);

// How long it takes until the flow's group is entitled to more; 0: it is now.
nsec_t group_wait(const struct flow *flow);

// Queue what of the group waits for room, by the time it is due.
void group_advance(struct group *group);

// Give up all groups; no flows are left.
void groups_deinit(struct groups *groups);
