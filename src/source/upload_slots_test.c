// Turns on the fake clock.
#include "source/upload_slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PLACES_MAX 16

struct rig {
        struct loop *loop;
        struct upload_slots *slots;
        struct upload_place places[PLACES_MAX];
        struct caller {
                struct rig *rig;
                unsigned number;
        } callers[PLACES_MAX];
        char turns[256];  // "0 1 2 "
};

static void rig_on_grant(void *context) {
        struct caller *caller = context;
        char *told = caller->rig->turns;
        size_t length = strlen(told);

        snprintf(told + length, sizeof(caller->rig->turns) - length, "%u ", caller->number);
}

static void rig_init(struct rig *rig, unsigned at_once, unsigned waiting) {
        *rig = (struct rig){.loop = loop_new_fake(0)};
        rig->slots = upload_slots_new(rig->loop, at_once, waiting);
        for (unsigned i = 0; i < PLACES_MAX; i++)
                rig->callers[i] = (struct caller){rig, i};
}

static bool rig_enter(struct rig *rig, unsigned i) {
        return upload_slots_enter(rig->slots, &rig->places[i], rig_on_grant, &rig->callers[i]);
}

static void rig_deinit(struct rig *rig) {
        for (unsigned i = 0; i < PLACES_MAX; i++)
                upload_place_leave(&rig->places[i]);
        upload_slots_free(rig->slots);
        loop_free(rig->loop);
}

// Who sends nothing has nothing, however many they are, and stands in nobody's way.
static void idle_uploads_get_no_slot(void **state) {
        struct rig rig;

        (void)state;
        rig_init(&rig, 2, 6);
        for (unsigned i = 0; i < 7; i++)
                assert_true(rig_enter(&rig, i));
        loop_advance(rig.loop, 100 * NSEC_PER_SEC);
        assert_string_equal(rig.turns, "");
        assert_true(rig_enter(&rig, 7));
        upload_place_ask(&rig.places[7]);
        assert_string_equal(rig.turns, "");  // not from inside the call
        loop_advance(rig.loop, 0);
        assert_string_equal(rig.turns, "7 ");
        rig_deinit(&rig);
}

static void turns_come_in_the_order_of_asking(void **state) {
        struct rig rig;

        (void)state;
        rig_init(&rig, 2, 8);
        for (unsigned i = 0; i < 6; i++)
                assert_true(rig_enter(&rig, i));
        for (unsigned i = 6; i-- > 0;)
                upload_place_ask(&rig.places[i]);
        upload_place_ask(&rig.places[5]);  // asked already
        loop_advance(rig.loop, NSEC_PER_SEC);
        assert_string_equal(rig.turns, "5 4 ");
        assert_true(upload_slots_are_wanted(rig.slots));
        upload_place_leave(&rig.places[2]);  // in the middle of the queue
        upload_place_leave(&rig.places[5]);
        loop_advance(rig.loop, NSEC_PER_SEC);
        assert_string_equal(rig.turns, "5 4 3 ");
        upload_place_leave(&rig.places[0]);  // at its end
        upload_place_leave(&rig.places[4]);
        upload_place_leave(&rig.places[3]);
        assert_true(rig_enter(&rig, 6));
        upload_place_ask(&rig.places[6]);
        loop_advance(rig.loop, NSEC_PER_SEC);
        assert_string_equal(rig.turns, "5 4 3 1 6 ");
        assert_false(upload_slots_are_wanted(rig.slots));
        rig_deinit(&rig);
}

static void beyond_the_waiting_they_are_sent_away(void **state) {
        struct rig rig;

        (void)state;
        rig_init(&rig, 2, 3);
        for (unsigned i = 0; i < 5; i++)
                assert_true(rig_enter(&rig, i));
        assert_false(rig_enter(&rig, 5));
        upload_place_ask(&rig.places[0]);
        upload_place_ask(&rig.places[1]);
        loop_advance(rig.loop, NSEC_PER_SEC);
        assert_false(rig_enter(&rig, 5));
        upload_place_leave(&rig.places[3]);
        assert_true(rig_enter(&rig, 5));
        assert_int_equal(upload_slots_counts(rig.slots).n_refused, 2);
        assert_int_equal(upload_slots_counts(rig.slots).n_coming, 3);
        assert_int_equal(upload_slots_counts(rig.slots).n_decoded, 2);
        rig_deinit(&rig);
}

// Come, ask, go, as fast as can be: twenty forks a second at most.
static void turns_do_not_come_faster_than_their_interval(void **state) {
        struct rig rig;

        (void)state;
        rig_init(&rig, 4, 8);
        for (unsigned i = 0; i < 10000; i++) {
                upload_place_leave(&rig.places[0]);
                assert_true(rig_enter(&rig, 0));
                upload_place_ask(&rig.places[0]);
                loop_advance(rig.loop, NSEC_PER_MSEC);
        }
        assert_in_range(upload_slots_counts(rig.slots).n_turns, 100, 201);
        rig_deinit(&rig);
}

static void the_time_to_come_back_follows_the_queue(void **state) {
        struct rig rig;

        (void)state;
        rig_init(&rig, 1, 20);
        assert_int_equal(upload_slots_retry(rig.slots), UPLOAD_RETRY_LEAST);
        for (unsigned i = 0; i < 64; i++) {  // each a minute long
                assert_true(rig_enter(&rig, 0));
                upload_place_ask(&rig.places[0]);
                loop_advance(rig.loop, 60 * NSEC_PER_SEC);
                upload_place_leave(&rig.places[0]);
        }
        for (unsigned i = 0; i < 5; i++) {
                assert_true(rig_enter(&rig, i));
                upload_place_ask(&rig.places[i]);
        }
        loop_advance(rig.loop, NSEC_PER_SEC);
        // Four wait, and whoever comes now is the fifth.
        assert_in_range(upload_slots_retry(rig.slots), 290 * NSEC_PER_SEC, 300 * NSEC_PER_SEC);
        rig_deinit(&rig);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(idle_uploads_get_no_slot),
                cmocka_unit_test(turns_come_in_the_order_of_asking),
                cmocka_unit_test(beyond_the_waiting_they_are_sent_away),
                cmocka_unit_test(turns_do_not_come_faster_than_their_interval),
                cmocka_unit_test(the_time_to_come_back_follows_the_queue),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
