// What a timeline's bins have of a stream's rows.
#include "api/timeline_bins.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// Three bins of ten seconds, and one of five.
#define FROM 100000
#define TO   135000
#define STEP 10000

static int bins_setup(void **state) {
        static struct timeline_bins bins;

        timeline_bins_init(&bins, FROM, TO, STEP);
        *state = &bins;
        return 0;
}

static int bins_teardown(void **state) {
        timeline_bins_deinit(*state);
        return 0;
}

static void speech_add(struct timeline_bins *bins, int64_t start, int64_t end) {
        timeline_bins_add(bins, &(struct row){.kind = ROW_SEGMENT, .start = start, .end = end});
}

static void state_add(struct timeline_bins *bins, const char *state, int64_t at) {
        char name[16];

        snprintf(name, sizeof(name), "%s", state);
        timeline_bins_add(
                bins, &(struct row){.kind = ROW_STATUS, .state = name, .start = at, .end = at});
}

static void alert_add(struct timeline_bins *bins, enum row_phase phase, int64_t at) {
        timeline_bins_add(
                bins,
                &(struct row){.kind = ROW_ALERT, .phase = phase, .start = at, .end = at + 500});
}

static void assert_speech(const struct timeline_bins *bins, const int64_t *expected) {
        for (size_t i = 0; i < bins->n; i++)
                assert_int_equal(bins->bins[i].speech, expected[i]);
}

static void assert_outage(const struct timeline_bins *bins, const int64_t *expected) {
        for (size_t i = 0; i < bins->n; i++)
                assert_int_equal(bins->bins[i].outage, expected[i]);
}

static void bins_cover_the_stretch(void **state) {
        const struct timeline_bins *bins = *state;

        assert_int_equal(bins->n, 4);
        assert_int_equal(bins->bins[0].start, FROM);
        assert_int_equal(bins->bins[3].start, 130000);
        assert_int_equal(bins->bins[3].end, TO);
        assert_int_equal(timeline_bins_count(0, 10, 10), 1);
        assert_int_equal(timeline_bins_count(0, 11, 10), 2);
        assert_int_equal(timeline_bins_count(0, 1, 10), 1);
}

static void speech_is_spread_over_the_bins_that_it_lies_in(void **state) {
        struct timeline_bins *bins = *state;

        speech_add(bins, 101000, 103000);
        speech_add(bins, 108000, 121000);
        assert_speech(bins, (int64_t[]){4000, 10000, 1000, 0});
        speech_add(bins, 90000, 100500);
        speech_add(bins, 134000, 140000);
        assert_speech(bins, (int64_t[]){4500, 10000, 1000, 1000});
        // Outside of the stretch, up to its very ends; and of another at the same time.
        speech_add(bins, 90000, FROM);
        speech_add(bins, TO, TO + 1);
        speech_add(bins, 110000, 120000);
        assert_speech(bins, (int64_t[]){4500, 10000, 1000, 1000});
}

static void an_outage_lasts_from_a_state_to_the_next(void **state) {
        struct timeline_bins *bins = *state;

        state_add(bins, "online", 90000);
        state_add(bins, "stalled", 105000);
        state_add(bins, "connecting", 106000);
        state_add(bins, "online", 112000);
        state_add(bins, "ended", 125000);
        timeline_bins_end(bins, TO);
        assert_outage(bins, (int64_t[]){5000, 2000, 0, 0});
}

static void an_outage_may_begin_before_and_go_on(void **state) {
        struct timeline_bins *bins = *state;

        state_add(bins, "offline", 1000);
        state_add(bins, "online", 102000);
        state_add(bins, "failed", 119000);
        timeline_bins_end(bins, 127000);  // it is no later than that
        assert_outage(bins, (int64_t[]){2000, 1000, 7000, 0});
}

static void alerts_count_where_they_fired(void **state) {
        struct timeline_bins *bins = *state;

        alert_add(bins, ROW_FIRED, 99900);  // before it, though it reaches into it
        alert_add(bins, ROW_FIRED, FROM);
        alert_add(bins, ROW_CONFIRMED, FROM);
        alert_add(bins, ROW_FIRED, 119999);
        alert_add(bins, ROW_FIRED, 134999);
        alert_add(bins, ROW_FIRED, TO);
        assert_int_equal(bins->bins[0].n_alerts, 1);
        assert_int_equal(bins->bins[1].n_alerts, 1);
        assert_int_equal(bins->bins[2].n_alerts, 0);
        assert_int_equal(bins->bins[3].n_alerts, 1);
}

int main(void) {
#define TEST(test) cmocka_unit_test_setup_teardown(test, bins_setup, bins_teardown)
        const struct CMUnitTest tests[] = {
                TEST(bins_cover_the_stretch),
                TEST(speech_is_spread_over_the_bins_that_it_lies_in),
                TEST(an_outage_lasts_from_a_state_to_the_next),
                TEST(an_outage_may_begin_before_and_go_on),
                TEST(alerts_count_where_they_fired),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
