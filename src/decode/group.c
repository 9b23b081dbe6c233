#include "decode/group.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "decode/scheduler_private.h"
#include "util/list.h"
#include "util/mem.h"

// Others are at work when they had a live job within this time: who speaks pauses for less.
#define GROUP_LASTS (30 * NSEC_PER_SEC)

// Finals of a group in each engine or next to go in, while others are at work. A step of the
// decoder costs for six texts hardly more than for one, and the engine has sixteen places.
#define GROUP_AT_ONCE 6

// What flows that are gone asked for faster than it can be spoken is made up for at the pace of
// so many talkers, and counts beyond so many seconds: a household may dictate at once, each
// sentence in a session of its own.
#define GROUP_TALKERS 8
#define GROUP_SLACK   30.0

// Groups without flows that are kept, since there are more addresses than memory.
#define GROUPS_IDLE_MAX 4096

// --- who is at work --------------------------------------------------------------------------

void group_note_live(const struct flow *flow) {
        struct groups *groups = &flow->scheduler->groups;

        if (groups->live_id != flow->group->id) {
                groups->live_id_before = groups->live_id;
                groups->live_at_before = groups->live_at;
                groups->live_id = flow->group->id;
        }
        groups->live_at = loop_now(flow->scheduler->loop);
}

static bool others_are_live(const struct flow *flow) {
        const struct groups *groups = &flow->scheduler->groups;
        bool is_last = groups->live_id == flow->group->id;
        uint64_t id = is_last ? groups->live_id_before : groups->live_id;
        nsec_t at = is_last ? groups->live_at_before : groups->live_at;

        return id != 0 && loop_now(flow->scheduler->loop) - at < GROUP_LASTS;
}

// --- debts -----------------------------------------------------------------------------------

static double debt_now(const struct group *group, nsec_t now) {
        double debt = group->debt -
                      GROUP_TALKERS * (double)(now - group->debt_at) / (double)NSEC_PER_SEC;

        return debt > 0 ? debt : 0;
}

// What the flow was given beyond what could be said while it was there. Flows of files are
// never urgent: theirs is no advantage.
static void debt_take(struct flow *flow, nsec_t now) {
        struct group *group = flow->group;
        double there = (double)(now - flow->opened_at) / (double)NSEC_PER_SEC;

        group->debt = debt_now(group, now);
        group->debt_at = now;
        if (!flow->is_bulk && flow->seconds_given > there)
                group->debt += flow->seconds_given - there;
}

nsec_t group_wait(const struct flow *flow) {
        double debt = debt_now(flow->group, loop_now(flow->scheduler->loop));

        if (debt <= GROUP_SLACK || !others_are_live(flow))
                return 0;
        return (nsec_t)((debt - GROUP_SLACK) / GROUP_TALKERS * (double)NSEC_PER_SEC);
}

// --- coming and going ------------------------------------------------------------------------

static struct group *group_find(const struct groups *groups, const char *owner) {
        struct group *group = groups->first;

        while (group && (!group->owner || strcmp(group->owner, owner) != 0))
                group = group->next;
        return group;
}

static void group_free(struct groups *groups, struct group *group) {
        LIST_UNLINK(groups->first, group, next);
        free(group->owner);
        free(group);
}

// Forget those who have nothing to make up for; and of too many the one that came first.
static void groups_clean(struct groups *groups, nsec_t now) {
        struct group *next, *oldest = NULL;
        size_t n_idle = 0;

        for (struct group *group = groups->first; group; group = next) {
                next = group->next;
                if (group->flows)
                        continue;
                if (!group->owner || debt_now(group, now) <= 0) {
                        group_free(groups, group);
                } else {
                        oldest = group;
                        n_idle++;
                }
        }
        if (n_idle > GROUPS_IDLE_MAX)
                group_free(groups, oldest);
}

void group_join(struct flow *flow, const char *owner) {
        struct groups *groups = &flow->scheduler->groups;
        struct group *group = owner ? group_find(groups, owner) : NULL;

        if (!group) {
                group = xnew(struct group);
                group->owner = xstrdup(owner);
                group->id = ++groups->id_last;
                group->debt_at = loop_now(flow->scheduler->loop);
                group->next = groups->first;
                groups->first = group;
        }
        flow->group = group;
        flow->group_next = group->flows;
        group->flows = flow;
}

void group_leave(struct flow *flow) {
        nsec_t now = loop_now(flow->scheduler->loop);

        debt_take(flow, now);
        LIST_UNLINK(flow->group->flows, flow, group_next);
        group_advance(flow->group);
        flow->group = NULL;
        groups_clean(&flow->scheduler->groups, now);
}

double scheduler_owner_backlog(const struct scheduler *scheduler, const char *owner) {
        const struct group *group = group_find(&scheduler->groups, owner);
        size_t n_samples = 0;

        if (group)
                for (const struct flow *flow = group->flows; flow; flow = flow->group_next)
                        n_samples += flow->backlog_samples;
        return pcm_seconds((int64_t)n_samples);
}

void groups_deinit(struct groups *groups) {
        while (groups->first) {
                assert(!groups->first->flows);
                group_free(groups, groups->first);
        }
}

// --- engines' places -------------------------------------------------------------------------

void group_count_in(struct entry *entry) {
        struct group *group = entry->flow->group;

        if (entry->flow->is_bulk)
                return;
        entry->counted = entry->is_final ? &group->n_finals : &group->n_partials;
        ++*entry->counted;
}

void group_count_out(struct entry *entry) {
        if (entry->counted)
                --*entry->counted;
        entry->counted = NULL;
}

bool group_has_room(const struct flow *flow) {
        return flow->is_bulk ||
               flow->group->n_finals < GROUP_AT_ONCE * flow->scheduler->n_engines ||
               !others_are_live(flow);
}

nsec_t group_lateness(const struct flow *flow, nsec_t due) {
        double seconds = 0;

        if (flow->is_bulk || !others_are_live(flow))
                return 0;
        for (const struct flow *other = flow->group->flows; other; other = other->group_next) {
                if (other == flow || other->is_bulk)
                        continue;
                for (const struct entry *entry = other->entries; entry; entry = entry->next)
                        if (entry->is_final && entry->place != ENTRY_DONE &&
                            entry->due_alone <= due)
                                seconds += job_seconds(entry->pool.job);
        }
        return (nsec_t)(seconds * DUE_LENGTH * (double)NSEC_PER_SEC);
}

static struct flow *group_next_flow(const struct group *group) {
        struct flow *best = NULL;
        nsec_t best_due = 0;

        for (struct flow *flow = group->flows; flow; flow = flow->group_next) {
                const struct entry *entry = flow_next_backlog(flow);

                if (entry && (!best || entry->pool.due < best_due)) {
                        best = flow;
                        best_due = entry->pool.due;
                }
        }
        return best;
}

void group_advance(struct group *group) {
        struct flow *flow;

        while ((flow = group_next_flow(group)) && group_has_room(flow)) {
                size_t n_started = flow->n_started;

                flow_advance(flow);
                if (flow->n_started == n_started)
                        return;  // no memory for its sound yet
        }
}
