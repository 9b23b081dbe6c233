// An hour of samples: the oldest goes first, and all lists are equally long.
#include "api/status_history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define START ((nsec_t)1000 * NSEC_PER_SEC)

static void samples_add(struct status_history *history, size_t n) {
        for (size_t i = 0; i < n; i++) {
                struct status_sample sample = {
                        .wall = START + (nsec_t)i * STATUS_STEP,
                        .cores = 0.25,
                        .memory = 1e6,
                        .level = i % 2 ? LOAD_SLOWED : LOAD_NORMAL,
                        .n_streams = i,
                };

                status_history_add(history, &sample);
        }
}

// The i-th item of the list of that name.
static const json_t *item(const json_t *json, const char *name, size_t i) {
        return json_array_get(json_object_get(json, name), i);
}

static void none_yet(void **state) {
        struct status_history history = {0};
        json_t *json = status_history_json(&history);

        (void)state;
        assert_null(status_history_last(&history));
        assert_int_equal(json_integer_value(json_object_get(json, "step")), 10);
        assert_int_equal(json_array_size(json_object_get(json, "time")), 0);
        assert_true(json_is_array(json_object_get(json, "sessions")));
        json_decref(json);
}

static void each_figure_has_a_list(void **state) {
        struct status_history history = {0};
        const char *name;
        json_t *json, *list;

        (void)state;
        samples_add(&history, 3);
        assert_int_equal(status_history_last(&history)->n_streams, 2);
        json = status_history_json(&history);
        json_object_foreach(json, name, list) if (json_is_array(list))
                assert_int_equal(json_array_size(list), 3);
        assert_string_equal(json_string_value(item(json, "time", 1)),
                            "1970-01-01T00:16:50.000Z");
        assert_string_equal(json_string_value(item(json, "level", 1)), "slowed");
        assert_true(json_real_value(item(json, "cores", 0)) == 0.25);
        assert_int_equal(json_integer_value(item(json, "memory", 0)), 1000000);
        json_decref(json);
}

static void the_oldest_goes_first(void **state) {
        struct status_history history = {0};
        json_t *json;

        (void)state;
        samples_add(&history, STATUS_STEPS + 7);
        json = status_history_json(&history);
        assert_int_equal(json_array_size(json_object_get(json, "streams")), STATUS_STEPS);
        for (size_t i = 0; i < STATUS_STEPS; i++)
                assert_int_equal(json_integer_value(item(json, "streams", i)), i + 7);
        assert_int_equal(status_history_last(&history)->n_streams, STATUS_STEPS + 6);
        json_decref(json);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(none_yet),
                cmocka_unit_test(each_figure_has_a_list),
                cmocka_unit_test(the_oldest_goes_first),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
