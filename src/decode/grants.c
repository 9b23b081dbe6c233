// Grants: which flow may submit a partial job now.
#include <assert.h>

#include "decode/scheduler_private.h"
#include "util/list.h"

// Partial jobs in each engine at a time, and so many more for those whose answer may become
// the final one. A step of the decoder costs for six texts hardly more than for one; and of its
// sixteen places the engine keeps some for finals, which come at any time.
#define GRANTS_AT_ONCE     6
#define GRANTS_SPECULATIVE 6

// So many of them whatever finals are at work: with a large model one final may take seconds,
// and steps that it makes alone cost as much as those that it shares.
#define GRANTS_ALWAYS 2

void flow_set_on_grant(struct flow *flow, flow_grant on_grant) {
        flow->on_grant = on_grant;
}

void flow_leave_grants(struct flow *flow) {
        if (!flow->is_waiting)
                return;
        LIST_UNLINK(flow->scheduler->waiting, flow, waiting_next);
        flow->is_waiting = flow->is_speculative = false;
}

// While a final is in the backlog, text that comes after it would only jump ahead of it for a
// moment; unless the moment is long.
#define GRANT_AHEAD (2 * NSEC_PER_SEC)

static bool grant_is_due(const struct flow *flow, nsec_t now) {
        const struct load *load = &flow->scheduler->load;

        if (flow_backlog(flow) > 0 && flow_delay(flow) < GRANT_AHEAD)
                return false;
        if (group_wait(flow) > 0)
                return false;
        if (flow_has_partial(flow))
                return flow->is_speculative;
        return flow->is_speculative || flow->grant_last < 0 ||
               now - flow->grant_last >= load_interval(load);
}

static bool grant_goes_before(const struct flow *a, const struct flow *b) {
        if (a->is_speculative != b->is_speculative)
                return a->is_speculative;
        if (a->group->n_partials != b->group->n_partials)
                return a->group->n_partials < b->group->n_partials;
        return a->grant_last < b->grant_last;
}

static struct flow *grant_pick(const struct scheduler *scheduler) {
        nsec_t now = loop_now(scheduler->loop);
        struct flow *best = NULL;

        for (struct flow *flow = scheduler->waiting; flow; flow = flow->waiting_next)
                if (grant_is_due(flow, now) && (!best || grant_goes_before(flow, best)))
                        best = flow;
        return best;
}

static bool has_room(const struct scheduler *scheduler, bool is_speculative) {
        size_t room = GRANTS_AT_ONCE + (is_speculative ? GRANTS_SPECULATIVE : 0);

        if (scheduler->n_partial < GRANTS_ALWAYS * scheduler->n_engines)
                return true;
        return scheduler->n_partial < room * scheduler->n_engines &&
               load_has_room_for_partials(scheduler_drain(scheduler));
}

void grants_give(struct scheduler *scheduler) {
        struct flow *flow;

        while (scheduler->load.level < LOAD_FINALS_ONLY && (flow = grant_pick(scheduler)) &&
               has_room(scheduler, flow->is_speculative)) {
                flow_leave_grants(flow);
                flow->grant_last = loop_now(scheduler->loop);
                flow->on_grant(flow->context);
        }
}

// Refused once per interval: each flow's grants that are not given are counted, not its wishes.
static void grant_shed(struct flow *flow) {
        struct scheduler *scheduler = flow->scheduler;
        nsec_t now = loop_now(scheduler->loop);

        if (flow->grant_last >= 0 && now - flow->grant_last < load_interval(&scheduler->load))
                return;
        flow->grant_last = now;
        scheduler->counts.n_shed++;
}

void flow_request_grant(struct flow *flow, bool is_speculative) {
        struct scheduler *scheduler = flow->scheduler;

        assert(loop_is_current(scheduler->loop));
        scheduler_observe(scheduler);
        if (scheduler->load.level >= LOAD_FINALS_ONLY) {
                flow_leave_grants(flow);
                grant_shed(flow);
                return;
        }
        flow->is_speculative = is_speculative;
        if (!flow->is_waiting) {
                flow->is_waiting = true;
                flow->waiting_next = scheduler->waiting;
                scheduler->waiting = flow;
        }
        grants_give(scheduler);
}
