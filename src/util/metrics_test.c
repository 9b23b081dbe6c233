#include "util/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"

static void values_have_their_family_and_labels(void **state) {
        struct metrics *metrics = metrics_new();
        size_t n;

        (void)state;
        metrics_family(metrics, METRICS_COUNTER, "jobs_total", "Jobs.");
        metrics_value(metrics, METRICS_LABELS({"kind", "final"}, {"observer", "log"}), 5);
        metrics_family(metrics, METRICS_GAUGE, "memory_bytes", "Memory.");
        metrics_value(metrics, NULL, 123456789012345);
        metrics_value(metrics, NULL, 0.25);
        metrics_value(metrics, NULL, INFINITY);
        CLEANUP(mem_freep) char *text = metrics_finish(metrics, &n);
        assert_string_equal(text, "# HELP jobs_total Jobs.\n"
                                  "# TYPE jobs_total counter\n"
                                  "jobs_total{kind=\"final\",observer=\"log\"} 5\n"
                                  "# HELP memory_bytes Memory.\n"
                                  "# TYPE memory_bytes gauge\n"
                                  "memory_bytes 123456789012345\n"
                                  "memory_bytes 0.25\n"
                                  "memory_bytes +Inf\n");
        assert_int_equal(n, strlen(text));
}

static void a_label_is_escaped(void **state) {
        struct metrics *metrics = metrics_new();
        size_t n;

        (void)state;
        metrics_family(metrics, METRICS_GAUGE, "a", "A.");
        metrics_value(metrics, METRICS_LABELS({"stream", "a\\b\"c\nd{}=,é"}), 1);
        metrics_value(metrics, METRICS_LABELS({"stream", ""}), 1);
        CLEANUP(mem_freep) char *text = metrics_finish(metrics, &n);
        assert_non_null(strstr(text, "\na{stream=\"a\\\\b\\\"c\\nd{}=,é\"} 1\n"));
        assert_non_null(strstr(text, "\na{stream=\"\"} 1\n"));
}

static void a_bound_belongs_to_its_bucket(void **state) {
        static const struct histogram_bounds bounds = {3, {0.5, 1, 2}};
        struct histogram histogram = {0};

        (void)state;
        histogram_observe(&histogram, &bounds, 0);
        histogram_observe(&histogram, &bounds, 0.5);
        histogram_observe(&histogram, &bounds, 0.75);
        histogram_observe(&histogram, &bounds, 2);
        histogram_observe(&histogram, &bounds, 2.5);
        assert_int_equal(histogram.counts[0], 2);
        assert_int_equal(histogram.counts[1], 1);
        assert_int_equal(histogram.counts[2], 1);
        assert_int_equal(histogram.counts[3], 1);
        assert_int_equal(histogram_count(&histogram), 5);
        assert_true(histogram.sum == 5.75);
}

static void buckets_are_written_cumulatively(void **state) {
        static const struct histogram_bounds bounds = {2, {0.5, 10}};
        struct metrics *metrics = metrics_new();
        struct histogram histogram = {0}, more = {0};
        size_t n;

        (void)state;
        histogram_observe(&histogram, &bounds, 0.25);
        histogram_observe(&more, &bounds, 1);
        histogram_observe(&more, &bounds, 11);
        histogram_add(&histogram, &more);
        metrics_family(metrics, METRICS_HISTOGRAM, "delay_seconds", "Delay.");
        metrics_histogram(metrics, METRICS_LABELS({"kind", "file"}), &bounds, &histogram);
        CLEANUP(mem_freep) char *text = metrics_finish(metrics, &n);
        assert_string_equal(text, "# HELP delay_seconds Delay.\n"
                                  "# TYPE delay_seconds histogram\n"
                                  "delay_seconds_bucket{kind=\"file\",le=\"0.5\"} 1\n"
                                  "delay_seconds_bucket{kind=\"file\",le=\"10\"} 2\n"
                                  "delay_seconds_bucket{kind=\"file\",le=\"+Inf\"} 3\n"
                                  "delay_seconds_sum{kind=\"file\"} 12.25\n"
                                  "delay_seconds_count{kind=\"file\"} 3\n");
}

static void the_shared_bounds_ascend(void **state) {
        const struct histogram_bounds *all[] = {&histogram_seconds, &histogram_jobs};

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                assert_true(all[i]->n <= HISTOGRAM_BOUNDS_MAX);
                for (size_t j = 1; j < all[i]->n; j++)
                        assert_true(all[i]->items[j] > all[i]->items[j - 1]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(values_have_their_family_and_labels),
                cmocka_unit_test(a_label_is_escaped),
                cmocka_unit_test(a_bound_belongs_to_its_bucket),
                cmocka_unit_test(buckets_are_written_cumulatively),
                cmocka_unit_test(the_shared_bounds_ascend),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
