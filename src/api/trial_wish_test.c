#include "api/trial_wish.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"

#define NOW   ((int64_t)1764500000000)
#define ALERT "\"alert\": {\"words\": \"fire\", \"streams\": \"hall\", \"cooldown\": 9}"

static bool wish_read(const char *text, struct trial_wish *ret, struct trial_mistake *mistake) {
        json_t *json = json_loads(text, 0, NULL);
        bool is_good;

        assert_non_null(json);
        is_good = trial_wish_read(json, NOW, ret, mistake);
        json_decref(json);
        return is_good;
}

static void expect_mistake(const char *text, const char *field) {
        struct trial_mistake mistake;
        struct trial_wish wish;

        assert_false(wish_read(text, &wish, &mistake));
        assert_string_equal(mistake.field, field);
        assert_true(mistake.detail[0]);
        trial_wish_deinit(&wish);
}

static void a_text_is_tried_whatever_stream_it_would_be_of(void **state) {
        struct trial_mistake mistake;
        struct trial_wish wish;

        (void)state;
        assert_true(wish_read("{" ALERT ", \"text\": \"the fire\"}", &wish, &mistake));
        assert_string_equal(wish.text, "the fire");
        assert_null(wish.alert.streams);
        assert_true(wish.alert.cooldown == 0);
        trial_wish_deinit(&wish);
}

static void what_was_said_is_of_the_last_day_unless_it_says_when(void **state) {
        struct trial_mistake mistake;
        struct trial_wish wish;

        (void)state;
        assert_true(wish_read("{" ALERT "}", &wish, &mistake));
        assert_true(wish.to == NOW && wish.from == NOW - TRIAL_DAY);
        assert_null(wish.stream);
        assert_true(wish.alert.cooldown == 9);
        trial_wish_deinit(&wish);
        assert_true(wish_read("{" ALERT ", \"from\": \"2025-11-30T10:00:00Z\", \"to\": "
                              "1764500400.5, \"stream\": \"cam-*\"}",
                              &wish, &mistake));
        assert_true(wish.from == 1764496800000 && wish.to == 1764500400500);
        assert_string_equal(wish.stream, "cam-*");
        trial_wish_deinit(&wish);
}

static void mistakes_name_the_field(void **state) {
        char text[TRIAL_TEXT_MAX + 2];
        CLEANUP(mem_freep) char *large = NULL;

        (void)state;
        expect_mistake("{}", "alert");
        expect_mistake("{\"alert\": 5}", "alert");
        expect_mistake("{\"alert\": {\"patterns\": \"(\"}}", "alert.patterns");
        expect_mistake("{\"alert\": {\"wrods\": \"x\"}}", "alert.wrods");
        expect_mistake("{" ALERT ", \"til\": 1}", "til");
        expect_mistake("{" ALERT ", \"text\": 5}", "text");
        expect_mistake("{" ALERT ", \"text\": \"\"}", "text");
        expect_mistake("{" ALERT ", \"text\": \"x\", \"stream\": \"y\"}", "stream");
        expect_mistake("{" ALERT ", \"from\": \"yesterday\"}", "from");
        expect_mistake("{" ALERT ", \"from\": -1}", "from");
        expect_mistake("{" ALERT ", \"to\": true}", "to");
        expect_mistake("{" ALERT ", \"from\": 20, \"to\": 20}", "to");
        expect_mistake("{" ALERT ", \"from\": \"2099-01-01\"}", "from");
        expect_mistake("{" ALERT ", \"stream\": \"\"}", "stream");
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        large = xasprintf("{" ALERT ", \"text\": \"%s\"}", text);
        expect_mistake(large, "text");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_text_is_tried_whatever_stream_it_would_be_of),
                cmocka_unit_test(what_was_said_is_of_the_last_day_unless_it_says_when),
                cmocka_unit_test(mistakes_name_the_field),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
