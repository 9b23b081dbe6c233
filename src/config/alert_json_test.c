// The settings of an alert by API.
#include "config/alert_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config/config_rig.h"
#include "config/effective.h"

static int alert_read(struct alert_config *ret, const char *name, const char *text,
                      struct config_mistakes *mistakes) {
        json_t *json = json_loads(text, 0, NULL);
        int r;

        assert_non_null(json);
        r = config_alert_read(ret, name, json, mistakes);
        json_decref(json);
        return r;
}

static void expect_mistake(const char *name, const char *text, const char *key,
                           const char *words) {
        struct config_mistakes mistakes;
        struct alert_config alert;

        assert_true(alert_read(&alert, name, text, &mistakes) < 0);
        assert_string_equal(mistakes.items[0].key, key);
        if (!strstr(mistakes.items[0].text, words))
                fail_msg("%s", mistakes.items[0].text);
        assert_null(alert.name);
        config_mistakes_deinit(&mistakes);
}

static void an_alert_is_read_and_told(void **state) {
        struct config_mistakes mistakes;
        struct alert_config alert;
        json_t *told, *expected;

        (void)state;
        assert_int_equal(alert_read(&alert, "fire",
                                    "{\"words\": [\"fire\", \"${HOME} burns\"], \"patterns\": "
                                    "\"\\\\d+\", \"streams\": [\"hall\", \"cam-*\"], "
                                    "\"cooldown\": 1.5, \"when\": \"stable\", \"sessions\": "
                                    "true}",
                                    &mistakes),
                         0);
        assert_string_equal(alert.name, "fire");
        assert_string_equal(alert.words, "fire\n${HOME} burns");
        assert_string_equal(alert.streams, "hall cam-*");
        assert_true(alert.cooldown == 1.5 && alert.wants_sessions &&
                    alert.when == ALERT_STABLE);
        told = config_effective_alert(&alert);
        expected = json_loads("{\"words\": [\"fire\", \"${HOME} burns\"], \"patterns\": "
                              "[\"\\\\d+\"], \"streams\": \"hall cam-*\", \"cooldown\": "
                              "\"1.5s\", \"when\": \"stable\", \"sessions\": true}",
                              0, NULL);
        assert_true(json_equal(told, expected));
        json_decref(expected);
        alert_config_deinit(&alert);
        // What was told is read as the same.
        assert_int_equal(config_alert_read(&alert, "fire", told, &mistakes), 0);
        assert_string_equal(alert.streams, "hall cam-*");
        assert_string_equal(alert.words, "fire\n${HOME} burns");
        json_decref(told);
        alert_config_deinit(&alert);
}

static void mistakes_name_the_setting(void **state) {
        (void)state;
        expect_mistake("a", "{}", "words", "neither words nor patterns");
        expect_mistake("a", "{\"words\": []}", "words", "neither words nor patterns");
        expect_mistake("a", "{\"words\": \"...\"}", "words", "no letter");
        expect_mistake("a", "{\"words\": {\"x\": 1}}", "words", "a mapping");
        expect_mistake("a", "{\"patterns\": [\"ok\", \"fire(\"]}", "patterns", "item 2");
        expect_mistake("a", "{\"words\": \"x\", \"cooldown\": -1}", "cooldown", "time");
        expect_mistake("a", "{\"words\": \"x\", \"streams\": {\"y\": 1}}", "streams", "glob");
        expect_mistake("a", "{\"words\": \"x\", \"wrods\": 1}", "wrods",
                       "did you mean \"words\"?");
        expect_mistake("a b", "{\"words\": \"x\"}", "name", "an alert's name is made of");
        expect_mistake("", "{\"words\": \"x\"}", "name", "may not be empty");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_alert_is_read_and_told),
                cmocka_unit_test(mistakes_name_the_setting),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
