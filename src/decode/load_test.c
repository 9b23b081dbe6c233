// Load: levels by what waits and by how long it will take, and what there is time for.
#include "decode/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MSEC NSEC_PER_MSEC

// The longest wait so far, and what the finals that are not answered will take: the level.
static void a_level_follows_the_longer_wait(void **state) {
        static const struct {
                nsec_t delay, drain;
                enum load_level level;
        } cases[] = {
                {0, 0, LOAD_NORMAL},
                {999 * MSEC, 1999 * MSEC, LOAD_NORMAL},
                {1000 * MSEC, 0, LOAD_SLOWED},
                {0, 2000 * MSEC, LOAD_SLOWED},
                {2500 * MSEC, 0, LOAD_FINALS_ONLY},
                {0, 5000 * MSEC, LOAD_FINALS_ONLY},
                {1000 * MSEC, 12000 * MSEC, LOAD_FULL},
                {6000 * MSEC, 0, LOAD_FULL},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct load load = {0};

                load_observe(&load, 1, cases[i].delay, cases[i].drain);
                assert_int_equal(load.level, cases[i].level);
        }
}

// Nobody waits yet any more, but there is much to do: the level stays.
static void a_level_lasts_while_there_is_much_to_do(void **state) {
        struct load load = {0};
        nsec_t now = 1;

        (void)state;
        load_observe(&load, now, 1000 * MSEC, 0);
        for (int i = 0; i < 9; i++)
                load_observe(&load, now += NSEC_PER_SEC, 0, 1500 * MSEC);
        assert_int_equal(load.level, LOAD_SLOWED);
        load_observe(&load, now += NSEC_PER_SEC, 0, 0);
        load_observe(&load, now += LOAD_CALM, 0, 0);
        assert_int_equal(load.level, LOAD_NORMAL);
}

// 200 s of sound in 2 s of work; then the machine has half of itself.
static void the_speed_is_that_of_the_last_seconds(void **state) {
        struct load load = {0};

        (void)state;
        assert_int_equal(load_drain(&load, 50), NSEC_PER_SEC);
        for (int i = 0; i < 40; i++)
                load_observe_answer(&load, 5, 50 * MSEC);
        assert_in_range(load_drain(&load, 100), 950 * MSEC, 1050 * MSEC);
        for (int i = 0; i < 200; i++)
                load_observe_answer(&load, 5, 100 * MSEC);
        assert_in_range(load_drain(&load, 100), 1900 * MSEC, 2100 * MSEC);
        for (int i = 0; i < 200; i++)  // work that nobody wants any more is work
                load_observe_answer(&load, i % 2 == 0 ? 5 : 0, 100 * MSEC);
        assert_in_range(load_drain(&load, 100), 3600 * MSEC, 4200 * MSEC);
}

static void partials_have_room_beside_a_few_finals(void **state) {
        struct load load = {0};

        (void)state;
        assert_true(load_has_room_for_partials(load_drain(&load, 0)));
        assert_true(load_has_room_for_partials(load_drain(&load, 7)));
        assert_false(load_has_room_for_partials(load_drain(&load, 8)));
        for (int i = 0; i < 100; i++)
                load_observe_answer(&load, 50, 50 * MSEC);
        assert_true(load_has_room_for_partials(load_drain(&load, 100)));
        assert_false(load_has_room_for_partials(load_drain(&load, 200)));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_level_follows_the_longer_wait),
                cmocka_unit_test(a_level_lasts_while_there_is_much_to_do),
                cmocka_unit_test(the_speed_is_that_of_the_last_seconds),
                cmocka_unit_test(partials_have_room_beside_a_few_finals),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
