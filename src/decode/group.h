#pragma once
// Group: the lanes of one owner, an address for instance. The engines are shared fairly between
// groups first, then between the lanes of each. Private to decode/ (docs/decisions/0017).
//
// Only while others are at work as well, a group's finals
//   * have a limit on how many are in an engine or next to go in, so that others find room;
//   * are due behind those that the group already owes, so that a crowd is no better off than
//     one who says as much;
//   * are not urgent while what its lanes that have gone asked for, faster than it can be
//     spoken, is not yet made up for: coming again is no new beginning.
// A group that is alone has all there is.
//
// Threads: loop thread only.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/loop.h"

struct entry;
struct lane;
struct scheduler;

struct group {
        struct group *next;  // in scheduler->groups
        char *owner;         // NULL: the group of one lane
        uint64_t id;         // never used again
        struct lane *lanes;
        size_t n_finals;      // of live lanes, in an engine or its queue
        size_t n_tentatives;  // likewise
        double debt;          // seconds of sound, as of `debt_at`
        nsec_t debt_at;
};

// The scheduler's groups, and who was at work last.
struct groups {
        struct group *first;
        uint64_t id_last;
        uint64_t live_id, live_id_before;  // the last two that had live jobs
        nsec_t live_at, live_at_before;    // and when
};

// Let the lane be of the owner's group, or of one of its own (NULL).
void group_join(struct lane *lane, const char *owner);

// The lane goes. Its group stays for as long as it has to make up for something.
void group_leave(struct lane *lane);

// The entry goes to an engine; it has left it, or its queue, or is not wanted any more. What
// was not counted is not taken off.
void group_count_in(struct entry *entry);
void group_count_out(struct entry *entry);

// A live job of the lane was queued: others share with its group from now on.
void group_note_live(const struct lane *lane);

// May one more final of the lane go to an engine?
bool group_has_room(const struct lane *lane);

// How much later a final of the lane is due, that would be due at `due`, for what its group
// owes already.
nsec_t group_lateness(const struct lane *lane, nsec_t due);

// How long it takes until the lane's group is entitled to more; 0: it is now.
nsec_t group_wait(const struct lane *lane);

// Queue what of the group waits for room, by the time it is due.
void group_advance(struct group *group);

// Give up all groups; no lanes are left.
void groups_deinit(struct groups *groups);
