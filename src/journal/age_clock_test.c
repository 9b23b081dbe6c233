#include "journal/age_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define START INT64_C(1764500000000)
#define HOUR  (3600 * INT64_C(1000))
#define DAY   (24 * HOUR)
#define YEAR  (365 * DAY)

// Of which the newest was made then; the steady clock is at 0, the wall clock at START.
static struct age_clock clock_make(int64_t newest) {
        struct age_clock clock;

        age_clock_begin(&clock, "test", newest, (struct age_time){START, 0});
        return clock;
}

// What it says at that steady time, both in milliseconds.
static int64_t read_at(struct age_clock *clock, int64_t now, int64_t wall) {
        return age_clock_read(clock, (struct age_time){wall, now * NSEC_PER_MSEC});
}

static void it_is_the_wall_clock(void **state) {
        struct age_clock clock = clock_make(START - HOUR);

        (void)state;
        assert_int_equal(read_at(&clock, 0, START), START);
        // A little is put right now and then.
        for (int64_t i = 1; i < 100; i++)
                assert_int_equal(read_at(&clock, i * DAY, START + i * (DAY + HOUR / 2)),
                                 START + i * (DAY + HOUR / 2));
}

static void with_nothing_kept_nothing_can_be_lost(void **state) {
        struct age_clock clock = clock_make(0);

        (void)state;
        assert_int_equal(read_at(&clock, 1000, START + 1000), START + 1000);
}

static void a_time_that_it_jumped_to_has_to_stand_for_a_day(void **state) {
        struct age_clock clock = clock_make(START);

        (void)state;
        assert_int_equal(read_at(&clock, HOUR, START + HOUR), START + HOUR);
        assert_int_equal(read_at(&clock, 2 * HOUR, START + YEAR), START + 2 * HOUR);
        assert_int_equal(read_at(&clock, 25 * HOUR, START + YEAR + 23 * HOUR),
                         START + 25 * HOUR);
        assert_int_equal(read_at(&clock, 26 * HOUR, START + YEAR + DAY), START + YEAR + DAY);
}

static void there_and_back_again_is_no_day(void **state) {
        struct age_clock clock = clock_make(START);

        (void)state;
        (void)read_at(&clock, 0, START);
        assert_int_equal(read_at(&clock, HOUR, START + YEAR), START + HOUR);
        assert_int_equal(read_at(&clock, 24 * HOUR, START + 24 * HOUR), START + 24 * HOUR);
        assert_int_equal(read_at(&clock, 26 * HOUR, START + YEAR + 26 * HOUR),
                         START + 26 * HOUR);
        // Nor is it ever later than the wall clock.
        assert_int_equal(read_at(&clock, 27 * HOUR, START - YEAR), START - YEAR);
}

static void a_start_long_after_the_newest_is_a_jump(void **state) {
        struct age_clock clock = clock_make(START - YEAR);

        (void)state;
        assert_int_equal(read_at(&clock, HOUR, START + HOUR), START - YEAR + DAY + HOUR);
        assert_int_equal(read_at(&clock, DAY, START + DAY), START + DAY);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_is_the_wall_clock),
                cmocka_unit_test(with_nothing_kept_nothing_can_be_lost),
                cmocka_unit_test(a_time_that_it_jumped_to_has_to_stand_for_a_day),
                cmocka_unit_test(there_and_back_again_is_no_day),
                cmocka_unit_test(a_start_long_after_the_newest_is_a_jump),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
