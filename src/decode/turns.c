// Turns: which lane may submit a tentative job now.
#include <assert.h>

#include "decode/scheduler_private.h"

// Tentative jobs in each engine at a time, and so many more for those whose answer may become
// the final one. A step of the decoder costs for six texts hardly more than for one; and of its
// sixteen places the engine keeps some for finals, which come at any time.
#define TURNS_AT_ONCE  6
#define TURNS_SETTLING 6

void lane_set_turn(struct lane *lane, lane_turn on_turn) {
        lane->on_turn = on_turn;
}

void lane_leave_turns(struct lane *lane) {
        struct lane **place = &lane->scheduler->waiting;

        if (!lane->is_waiting)
                return;
        while (*place != lane)
                place = &(*place)->waiting_next;
        *place = lane->waiting_next;
        lane->is_waiting = lane->is_settling = false;
}

// While a final is owed, text that comes after it would only jump ahead of it for a moment;
// unless the moment is long.
#define TURN_AHEAD (2 * NSEC_PER_SEC)

static bool turn_is_due(const struct lane *lane, nsec_t now) {
        const struct load *load = &lane->scheduler->load;

        if (lane_owed(lane) > 0 && lane_delay(lane) < TURN_AHEAD)
                return false;
        if (group_wait(lane) > 0)
                return false;
        if (lane_has_tentative(lane))
                return lane->is_settling;
        return lane->is_settling || lane->turn_last < 0 ||
               now - lane->turn_last >= load_interval(load);
}

static bool turn_goes_before(const struct lane *a, const struct lane *b) {
        if (a->is_settling != b->is_settling)
                return a->is_settling;
        if (a->group->n_tentatives != b->group->n_tentatives)
                return a->group->n_tentatives < b->group->n_tentatives;
        return a->turn_last < b->turn_last;
}

static struct lane *turn_pick(const struct scheduler *scheduler) {
        nsec_t now = loop_now(scheduler->loop);
        struct lane *best = NULL;

        for (struct lane *lane = scheduler->waiting; lane; lane = lane->waiting_next)
                if (turn_is_due(lane, now) && (!best || turn_goes_before(lane, best)))
                        best = lane;
        return best;
}

static bool has_room(const struct scheduler *scheduler, bool is_settling) {
        size_t room = TURNS_AT_ONCE + (is_settling ? TURNS_SETTLING : 0);

        return scheduler->n_tentative < room * scheduler->n_engines;
}

void turns_give(struct scheduler *scheduler) {
        struct lane *lane;

        while (scheduler->load.level < LOAD_FINALS_ONLY && (lane = turn_pick(scheduler)) &&
               has_room(scheduler, lane->is_settling)) {
                lane_leave_turns(lane);
                lane->turn_last = loop_now(scheduler->loop);
                lane->on_turn(lane->context);
        }
}

// Refused once per interval: each lane's turns that are not given are counted, not its wishes.
static void turn_shed(struct lane *lane) {
        struct scheduler *scheduler = lane->scheduler;
        nsec_t now = loop_now(scheduler->loop);

        if (lane->turn_last >= 0 && now - lane->turn_last < load_interval(&scheduler->load))
                return;
        lane->turn_last = now;
        scheduler->counts.n_shed++;
}

void lane_want_turn(struct lane *lane, bool is_settling) {
        struct scheduler *scheduler = lane->scheduler;

        assert(loop_is_current(scheduler->loop));
        scheduler_observe(scheduler);
        if (scheduler->load.level >= LOAD_FINALS_ONLY) {
                lane_leave_turns(lane);
                turn_shed(lane);
                return;
        }
        lane->is_settling = is_settling;
        if (!lane->is_waiting) {
                lane->is_waiting = true;
                lane->waiting_next = scheduler->waiting;
                scheduler->waiting = lane;
        }
        turns_give(scheduler);
}
