// Any name becomes a level of a topic, its own, and comes back.
#include "sink/mqtt_topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mosquitto.h>

#include "util/mem.h"

static const struct {
        const char *name, *level;
} cases[] = {
        {"porch", "porch"},
        {"Front door 2", "Front door 2"},
        {"T\xc3\xbcr", "T\xc3\xbcr"},
        {"\xe7\x8e\x84\xe9\x96\xa2", "\xe7\x8e\x84\xe9\x96\xa2"},
        {"$SYS", "$SYS"},
        {"", "%00"},
        {"a/b", "a%2Fb"},
        {"a+b#", "a%2Bb%23"},
        {"50%", "50%25"},
        {"%00", "%2500"},
        {"a%2Fb", "a%252Fb"},
        {"tab\there\x7f", "tab%09here%7F"},
        {"c1 \xc2\x85", "c1 %C2%85"},
        {"not a character \xef\xbf\xbf", "not a character %EF%BF%BF"},
        {"broken \xff\xc3", "broken %FF%C3"},
        {"surrogate \xed\xa0\x80", "surrogate %ED%A0%80"},
};

static void names_become_levels_and_come_back(void **state) {
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(mem_freep) char *level = mqtt_topic_level(cases[i].name);
                CLEANUP(mem_freep) char *name = mqtt_topic_name(level, strlen(level));

                assert_string_equal(level, cases[i].level);
                assert_non_null(name);
                assert_string_equal(name, cases[i].name);
                assert_int_equal(mosquitto_pub_topic_check(level), MOSQ_ERR_SUCCESS);
                assert_int_equal(mosquitto_validate_utf8(level, (int)strlen(level)),
                                 MOSQ_ERR_SUCCESS);
        }
}

// Every name of two bytes: none shares its level with another, or it would not come back.
static void no_two_names_share_a_level(void **state) {
        (void)state;
        for (unsigned i = 1; i < 65536; i++) {
                const char name[] = {(char)(i & 255), (char)(i >> 8), '\0'};
                CLEANUP(mem_freep) char *level = mqtt_topic_level(name);
                CLEANUP(mem_freep) char *again = mqtt_topic_name(level, strlen(level));

                assert_non_null(again);
                assert_string_equal(again, name);
                assert_null(strpbrk(level, "+#/"));
        }
}

static void levels_of_others_are_no_names(void **state) {
        static const char *const levels[] = {"%",   "%2", "%zz",    "%2f",
                                             "%41", "a%", "%00%00", ""};

        (void)state;
        for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
                assert_null(mqtt_topic_name(levels[i], strlen(levels[i])));
}

static void a_topic_leads_to_its_stream(void **state) {
        CLEANUP(mem_freep) char *topic = mqtt_topic_of("home/ears", "a/b", "online");
        CLEANUP(mem_freep) char *stream = mqtt_topic_stream("home/ears", "online", topic);

        (void)state;
        assert_string_equal(topic, "home/ears/a%2Fb/online");
        assert_string_equal(stream, "a/b");
        assert_null(mqtt_topic_stream("home/ears", "final", topic));
        assert_null(mqtt_topic_stream("home", "online", topic));
        assert_null(mqtt_topic_stream("home/ears", "online", "home/ears"));
        assert_null(mqtt_topic_stream("home/ears", "online", "home/earsx/porch/online"));
        assert_null(mqtt_topic_stream("home/ears", "online", "home/ears/online"));
}

static void prefixes_are_judged(void **state) {
        static const char *const good[] = {"eavesdrop", "home/eavesdrop", "zu Hause"};
        static const char *const bad[] = {"",   "/",    "a/",    "/a",      "a/+",
                                          "a#", "$SYS", "\x01b", "\xff\xff"};
        struct error error = {0};

        (void)state;
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
                assert_int_equal(mqtt_topic_check_prefix(good[i], "prefix", &error), 0);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_true(mqtt_topic_check_prefix(bad[i], "prefix", &error) < 0);
        assert_non_null(strstr(error.text, "prefix: "));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_become_levels_and_come_back),
                cmocka_unit_test(no_two_names_share_a_level),
                cmocka_unit_test(levels_of_others_are_no_names),
                cmocka_unit_test(a_topic_leads_to_its_stream),
                cmocka_unit_test(prefixes_are_judged),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
