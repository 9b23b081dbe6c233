#include "source/upload_slots.h"

#include <assert.h>
#include <stdlib.h>

#include "util/mem.h"

#define HOLD_GUESS  (10 * NSEC_PER_SEC)  // of a slot, before there was one
#define HOLD_WEIGHT 8                    // uploads over which the mean hold is taken

struct upload_slots {
        struct loop *loop;
        unsigned at_once, waiting;
        struct upload_place *first, **last;  // of those who ask
        struct upload_slots_counts counts;
        struct loop_timer *turn;
        nsec_t next_turn;  // not before
        nsec_t hold;       // how long a slot is held, on average
};

// A turn is due now, or in a while, if one can be given at all.
static void turn_arm(struct upload_slots *slots) {
        nsec_t wait = slots->next_turn - loop_now(slots->loop);

        if (slots->first && slots->counts.n_decoded < slots->at_once)
                loop_timer_set(slots->turn, wait > 0 ? wait : 0);
        else
                loop_timer_cancel(slots->turn);
}

static void place_unlink(struct upload_place *place) {
        struct upload_slots *slots = place->slots;

        *place->link = place->next;
        if (place->next)
                place->next->link = place->link;
        else
                slots->last = place->link;
        slots->counts.n_asking--;
}

static void slots_on_turn(void *context) {
        struct upload_slots *slots = context;
        struct upload_place *place = slots->first;

        place_unlink(place);
        place->stage = UPLOAD_DECODED;
        place->since = loop_now(slots->loop);
        slots->counts.n_decoded++;
        slots->counts.n_turns++;
        slots->next_turn = place->since + UPLOAD_TURN_INTERVAL;
        turn_arm(slots);
        place->on_turn(place->context);
}

bool upload_slots_enter(struct upload_slots *slots, struct upload_place *place,
                        void (*on_turn)(void *context), void *context) {
        const struct upload_slots_counts *counts = &slots->counts;
        size_t n_free = slots->at_once - counts->n_decoded;

        assert(place->stage == UPLOAD_OUTSIDE);
        if (counts->n_coming + counts->n_asking >= slots->waiting + n_free) {
                slots->counts.n_refused++;
                return false;
        }
        *place = (struct upload_place){
                .slots = slots, .stage = UPLOAD_COMING, .on_turn = on_turn, .context = context};
        slots->counts.n_coming++;
        return true;
}

void upload_place_ask(struct upload_place *place) {
        struct upload_slots *slots = place->slots;

        if (place->stage != UPLOAD_COMING)
                return;
        slots->counts.n_coming--;
        slots->counts.n_asking++;
        place->stage = UPLOAD_ASKING;
        place->next = NULL;
        place->link = slots->last;
        *slots->last = place;
        slots->last = &place->next;
        turn_arm(slots);
}

void upload_place_leave(struct upload_place *place) {
        struct upload_slots *slots = place->slots;

        switch (place->stage) {
        case UPLOAD_OUTSIDE:
                return;
        case UPLOAD_COMING:
                slots->counts.n_coming--;
                break;
        case UPLOAD_ASKING:
                place_unlink(place);
                break;
        case UPLOAD_DECODED:
                slots->counts.n_decoded--;
                slots->hold +=
                        (loop_now(slots->loop) - place->since - slots->hold) / HOLD_WEIGHT;
                break;
        }
        place->stage = UPLOAD_OUTSIDE;
        turn_arm(slots);
}

bool upload_slots_are_wanted(const struct upload_slots *slots) {
        return slots->first != NULL;
}

nsec_t upload_slots_retry(const struct upload_slots *slots) {
        nsec_t wait = slots->hold * (nsec_t)(slots->counts.n_asking + 1) / slots->at_once;

        if (wait < UPLOAD_RETRY_LEAST)
                return UPLOAD_RETRY_LEAST;
        return wait < UPLOAD_RETRY_MOST ? wait : UPLOAD_RETRY_MOST;
}

struct upload_slots_counts upload_slots_counts(const struct upload_slots *slots) {
        return slots->counts;
}

struct upload_slots *upload_slots_new(struct loop *loop, unsigned at_once, unsigned waiting) {
        struct upload_slots *slots = xnew(struct upload_slots);

        assert(at_once > 0);
        slots->loop = loop;
        slots->at_once = at_once;
        slots->waiting = waiting;
        slots->last = &slots->first;
        slots->hold = HOLD_GUESS;
        slots->turn = loop_timer_new(loop, slots_on_turn, slots);
        return slots;
}

struct upload_slots *upload_slots_free(struct upload_slots *slots) {
        if (!slots)
                return NULL;
        assert(slots->counts.n_coming + slots->counts.n_asking + slots->counts.n_decoded == 0);
        slots->turn = loop_timer_free(slots->turn);
        return mem_free(slots);
}
