#include "api/trial_hearing.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"

#define WALL ((int64_t)1764500000000)

static void note_done(void *context) {
        *(bool *)context = true;
}

static struct trial_hearing *begin(struct loop *loop, double cooldown) {
        const struct alert_config alert = {
                .name = (char[]){"test"}, .words = (char[]){"fire"}, .cooldown = cooldown};

        return trial_hearing_new(loop, &alert);
}

// `n` segments of this text, a second each from `second` on, and wait until they were heard.
static void hear(struct loop *loop, struct trial_hearing *hearing, const char *text, size_t n,
                 int64_t second) {
        struct query_page page = {.rows = xcalloc(n, sizeof(*page.rows)), .n = n};
        bool is_done = false;

        for (size_t i = 0; i < n; i++, second++)
                page.rows[i] = (struct row){.kind = ROW_SEGMENT,
                                            .id = {1},
                                            .stream = xstrdup("hall"),
                                            .text = xstrdup(text),
                                            .start = WALL + second * 1000,
                                            .end = WALL + second * 1000 + 1000,
                                            .position = second * 16000,
                                            .n_samples = 16000};
        trial_hearing_hear(hearing, &page, note_done, &is_done);
        assert_null(page.rows);
        while (!is_done) {
                loop_advance(loop, 1);
                sched_yield();
        }
}

static void what_would_have_fired_is_told(void **state) {
        struct loop *loop = loop_new_fake(0);
        struct trial_hearing *hearing = begin(loop, 3);
        json_t *json, *expected;

        (void)state;
        hear(loop, hearing, "The fire.", 5, 0);
        hear(loop, hearing, "Nothing.", 1, 5);
        json = trial_hearing_json(hearing);
        expected = json_loads(
                "{\"fired\": [{\"time\": \"2025-11-30T10:53:20.000Z\", \"stream\": \"hall\", "
                "\"text\": \"The fire.\", \"found\": \"fire\", \"segment\": "
                "\"01000000-0000-0000-0000-000000000000\"}, {\"time\": "
                "\"2025-11-30T10:53:23.000Z\", \"stream\": \"hall\", \"text\": \"The fire.\", "
                "\"found\": \"fire\", \"segment\": \"01000000-0000-0000-0000-000000000000\"}], "
                "\"is_more\": false, \"segments\": 6, \"patterns_limited\": 0}",
                0, NULL);
        assert_non_null(expected);
        if (!json_equal(json, expected))
                fail_msg("%s", json_dumps(json, 0));
        json_decref(json);
        json_decref(expected);
        trial_hearing_leave(hearing);
        loop_free(loop);
}

static void a_hundred_are_enough(void **state) {
        struct loop *loop = loop_new_fake(0);
        struct trial_hearing *hearing = begin(loop, 0);
        json_t *json;

        (void)state;
        hear(loop, hearing, "fire", TRIAL_FIRED_MAX, 0);
        assert_false(trial_hearing_is_full(hearing));
        hear(loop, hearing, "fire", 5, TRIAL_FIRED_MAX);
        assert_true(trial_hearing_is_full(hearing));
        json = trial_hearing_json(hearing);
        assert_int_equal(json_array_size(json_object_get(json, "fired")), TRIAL_FIRED_MAX);
        assert_true(json_is_true(json_object_get(json, "is_more")));
        assert_int_equal(json_integer_value(json_object_get(json, "segments")),
                         TRIAL_FIRED_MAX + 1);
        json_decref(json);
        trial_hearing_leave(hearing);
        loop_free(loop);
}

static void who_goes_meanwhile_is_not_called(void **state) {
        struct loop *loop = loop_new_fake(0);
        struct trial_hearing *hearing = begin(loop, 0);
        struct query_page page = {.rows = xcalloc(1, sizeof(*page.rows)), .n = 1};
        bool is_done = false;

        (void)state;
        page.rows[0] = (struct row){.stream = xstrdup("hall"), .text = xstrdup("fire")};
        trial_hearing_hear(hearing, &page, note_done, &is_done);
        trial_hearing_leave(hearing);
        loop_free(loop);
        assert_false(is_done);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_would_have_fired_is_told),
                cmocka_unit_test(a_hundred_are_enough),
                cmocka_unit_test(who_goes_meanwhile_is_not_called),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
