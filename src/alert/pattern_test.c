#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alert/pattern.h"
#include "util/mem.h"

struct places {
        char text[256];
        size_t n;
};

static void on_place(void *context, size_t begin, size_t end) {
        struct places *places = context;

        places->n += (size_t)snprintf(places->text + places->n,
                                      sizeof(places->text) - places->n, "%zu-%zu ", begin, end);
}

static bool find(const char *expression, const char *text, struct places *places,
                 uint64_t *steps) {
        CLEANUP(pattern_freep) struct pattern *pattern = NULL;
        struct error error;

        *places = (struct places){0};
        if (pattern_new(&pattern, expression, strlen(expression), &error) < 0)
                fail_msg("%s", error.text);
        *steps = pattern_steps_max(strlen(text));
        return pattern_find(pattern, text, strlen(text), steps, on_place, places);
}

static void every_place_is_told(void **state) {
        static const char *const cases[][3] = {
                {"gr[ae]y", "Gray, grey; GREY", "0-4 6-10 12-16 "},
                {"(?-i)grey", "Grey grey", "5-9 "},
                {"\\bfire\\b", "fireplace fire", "10-14 "},
                {"\\w+", "\xc3\xa9t\xc3\xa9 \xe6\x95\x91", "0-5 6-9 "},
                {"a*", "baab", "1-3 "},  // nothing is no place
                {"(?=b)", "ab", ""},     // nor is looking ahead
                {"\xc3\xa9", "e", ""},   // accents count
                {"\xc3\x89", "\xc3\xa9", "0-2 "},
                {"x", "", ""},
                {"^a|c$", "abc", "0-1 2-3 "},
                {"a", "a\xff", ""},  // no text
        };
        struct places places;
        uint64_t steps;

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_true(find(cases[i][0], cases[i][1], &places, &steps));
                assert_string_equal(places.text, cases[i][2]);
        }
}

// The text is 20,000 times "a" and then "c".
static void what_goes_astray_runs_into_its_limit(void **state) {
        static const char *const expressions[] = {
                "(a+)+[bd]",   "(a|aa)+[bd]",  "(a*)*[bd]",  "(?:a?){30}a{30}[bd]",
                "(.*)\\1[bd]", "(a|a|a)*[bd]", "[^x]*+[bd]", "(?:.*.*.*)*[bd]$",
        };
        CLEANUP(mem_freep) char *text = xcalloc(20002, 1);
        struct places places;
        uint64_t steps;

        (void)state;
        memset(text, 'a', 20000);
        text[20000] = 'c';
        for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++) {
                assert_false(find(expressions[i], text, &places, &steps));
                assert_string_equal(places.text, "");
                assert_true(steps < pattern_steps_max(20001));
        }
        // One that only looks at much is no such pattern.
        assert_true(find("a{3,20}[bd]", text, &places, &steps));
        assert_true(steps > 0);
}

static void mistakes_are_told_with_their_place(void **state) {
        static const char *const cases[][2] = {
                {"fire(", "'fire(': missing closing parenthesis, at character 6"},
                {"a**+?+",
                 "'a**+?+': quantifier does not follow a repeatable item, at character"},
                {"[b-a]", "'[b-a]': range out of order in character class, at character 4"},
                {"\\C", "'\\C': using \\C is disabled"},
                {"\xff", "'\xef\xbf\xbd'"},
        };
        struct error error;

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct pattern *pattern = NULL;

                assert_true(pattern_new(&pattern, cases[i][0], strlen(cases[i][0]), &error) <
                            0);
                assert_null(pattern);
                if (!strstr(error.text, cases[i][1]))
                        fail_msg("%s", error.text);
        }
}

static void a_pattern_has_a_length(void **state) {
        CLEANUP(mem_freep) char *text = xcalloc(PATTERN_BYTES_MAX + 2, 1);
        struct pattern *pattern = NULL;

        (void)state;
        memset(text, 'a', PATTERN_BYTES_MAX + 1);
        assert_true(pattern_new(&pattern, text, PATTERN_BYTES_MAX + 1, NULL) < 0);
        assert_int_equal(pattern_new(&pattern, text, PATTERN_BYTES_MAX, NULL), 0);
        pattern_free(pattern);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_place_is_told),
                cmocka_unit_test(what_goes_astray_runs_into_its_limit),
                cmocka_unit_test(mistakes_are_told_with_their_place),
                cmocka_unit_test(a_pattern_has_a_length),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
