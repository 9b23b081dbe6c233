// The search for the largest number that holds, and what makes a measurement break a limit.
#include "load/capacity.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// Search a server that holds up to `capacity`; returns how many measurements it took.
static size_t search_run(struct capacity_search *search, size_t capacity) {
        size_t n = 0;

        for (; search->next; n++) {
                assert_in_range(search->next, 1, search->most);
                assert_true(n < 64);
                capacity_tell(search, search->next <= capacity);
        }
        return n;
}

static void the_largest_that_holds_is_found(void **state) {
        (void)state;
        for (size_t capacity = 0; capacity < 500; capacity++) {
                for (size_t from = 1; from < 300; from = 3 * from + 1) {
                        struct capacity_search search = capacity_begin(from, 1000);

                        assert_true(search_run(&search, capacity) < 16);
                        assert_true(search.held <= capacity && search.broke > capacity);
                        assert_true(search.broke - search.held <= 1 + search.held / 8);
                }
        }
}

static void the_search_stops_at_the_most(void **state) {
        struct capacity_search search = capacity_begin(1, 100);

        (void)state;
        assert_int_equal(search_run(&search, 5000), 8);
        assert_int_equal(search.held, 100);
        assert_int_equal(search.broke, 0);
        search = capacity_begin(300, 100);
        assert_int_equal(search.next, 100);
}

static struct live_result result_new(double last, double final) {
        struct live_result result = {.n_clients = 2};

        result.score.n_words = result.score.n_wanted = 200;
        distribution_add(&result.score.last_word_delay, last);
        distribution_add(&result.score.final_delay, final);
        return result;
}

static void every_limit_is_told_by_name(void **state) {
        static const struct capacity_limits limits = {3, 4, 1, 10};
        struct live_result result = result_new(3, 4);
        char words[128];

        (void)state;
        result.score.n_lost = 2;
        result.score.n_errors = 20;
        assert_false(capacity_is_broken(&limits, &result, words, sizeof(words)));
        assert_string_equal(words, "");
        result.score.n_lost = 3;
        assert_true(capacity_is_broken(&limits, &result, words, sizeof(words)));
        assert_string_equal(words, "words lost: 1.50 %, limit 1");
        result.score.n_lost = 0;
        result.score.n_errors = 21;
        assert_true(capacity_is_broken(&limits, &result, words, sizeof(words)));
        assert_non_null(strstr(words, "WER"));
        result.score.n_errors = 0;
        result.n_refused = 1;
        assert_true(capacity_is_broken(&limits, &result, words, sizeof(words)));
        assert_non_null(strstr(words, "1 refused"));
        live_result_deinit(&result);
        result = result_new(3.1, 3.1);
        assert_true(capacity_is_broken(&limits, &result, words, sizeof(words)));
        assert_non_null(strstr(words, "last word"));
        live_result_deinit(&result);
        result = result_new(3, 4.1);
        assert_true(capacity_is_broken(&limits, &result, words, sizeof(words)));
        assert_non_null(strstr(words, "final"));
        live_result_deinit(&result);
}

static void a_server_that_says_nothing_does_not_hold(void **state) {
        static const struct capacity_limits limits = {3, INFINITY, INFINITY, INFINITY};
        struct live_result result = {.n_clients = 1};
        char words[128];

        (void)state;
        assert_true(capacity_is_broken(&limits, &result, words, sizeof(words)));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_largest_that_holds_is_found),
                cmocka_unit_test(the_search_stops_at_the_most),
                cmocka_unit_test(every_limit_is_told_by_name),
                cmocka_unit_test(a_server_that_says_nothing_does_not_hold),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
