// The log's limit per event, on a clock that stands still until it is moved.
#include "util/log_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

// Try `n` lines at once; how many were let through.
static unsigned flood(struct log_limit *limit, const char *event, unsigned n, nsec_t now) {
        unsigned admitted = 0;

        for (unsigned i = 0; i < n; i++)
                admitted += log_limit_admit(limit, event, now);
        return admitted;
}

static void a_flood_is_cut_to_its_rate(void **state) {
        struct log_limit limit = {0};

        (void)state;
        assert_int_equal(flood(&limit, "refused", 100000, 0), LOG_EVENT_BURST);
        assert_int_equal(flood(&limit, "refused", 10470, NSEC_PER_SEC), LOG_EVENT_RATE);
        assert_int_equal(flood(&limit, "refused", 10470, 4 * NSEC_PER_SEC), 3 * LOG_EVENT_RATE);
        // Rest gives the burst back, and no more than that.
        assert_int_equal(flood(&limit, "refused", 100000, INT64_MAX / 2), LOG_EVENT_BURST);
}

static void events_do_not_starve_each_other(void **state) {
        struct log_limit limit = {0};

        (void)state;
        flood(&limit, "refused", 100000, 0);
        assert_true(log_limit_admit(&limit, "load-level", 0));
}

static void all_that_is_left_out_is_told_once(void **state) {
        struct log_limit limit = {0};
        uint64_t n = 0;

        (void)state;
        flood(&limit, "refused", LOG_EVENT_BURST, 0);
        assert_null(log_limit_report(&limit, LOG_LEFT_OUT_INTERVAL, true, &n));
        flood(&limit, "refused", 7, 5);
        flood(&limit, "left", LOG_EVENT_BURST + 3, 5);
        assert_null(log_limit_report(&limit, LOG_LEFT_OUT_INTERVAL, false, &n));
        assert_string_equal(log_limit_report(&limit, LOG_LEFT_OUT_INTERVAL + 5, false, &n),
                            "refused");
        assert_int_equal(n, 7);
        assert_string_equal(log_limit_report(&limit, 6, true, &n), "left");
        assert_int_equal(n, 3);
        assert_null(log_limit_report(&limit, INT64_MAX / 2, true, &n));
}

static void more_events_than_the_table_holds_pass(void **state) {
        struct log_limit limit = {0};
        char names[LOG_EVENTS_MAX + 1][8];

        (void)state;
        for (size_t i = 0; i <= LOG_EVENTS_MAX; i++) {
                snprintf(names[i], sizeof(names[i]), "e%zu", i);
                assert_true(log_limit_admit(&limit, names[i], 0));
        }
        assert_int_equal(flood(&limit, names[LOG_EVENTS_MAX], 2 * LOG_EVENT_BURST, 0),
                         2 * LOG_EVENT_BURST);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_flood_is_cut_to_its_rate),
                cmocka_unit_test(events_do_not_starve_each_other),
                cmocka_unit_test(all_that_is_left_out_is_told_once),
                cmocka_unit_test(more_events_than_the_table_holds_pass),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
