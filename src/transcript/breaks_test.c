#include "transcript/breaks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_places(void **state) {
        static const struct {
                const char *before, *after;
                enum break_quality quality;
        } cases[] = {
                {" one", " two", BREAK_BLANK},
                {" one,", " two", BREAK_CLAUSE},
                {" \"one.\"", " Two", BREAK_CLAUSE},
                {" 3.", "5", BREAK_NEVER},
                {" 10:", "30", BREAK_NEVER},
                {" won", "derful", BREAK_NEVER},
                {" Strasse", "ß", BREAK_NEVER},
                {"学校，", "然后", BREAK_CLAUSE},
                {"休息。", "晚上", BREAK_CLAUSE},
                {"休息。」", "晚上", BREAK_CLAUSE},
                {"休息", "。", BREAK_NEVER},
                {"「", "休息", BREAK_NEVER},
                {"休", "息", BREAK_PARTS},
                {"の", "首相", BREAK_WORDS},
                {"食", "べる", BREAK_NEVER},
                {"べ", "ました", BREAK_PARTS},
                {"アル", "バニア", BREAK_NEVER},
                {"サ", "ッカー", BREAK_NEVER},
                {"テレビ", "で", BREAK_WORDS},
                {"用", "Linux", BREAK_WORDS},
                {"대한", "민국", BREAK_NEVER},
                {"대한", " 민국", BREAK_BLANK},
                {"全角", "　空白", BREAK_BLANK},
                {"ไทย", "ไทย", BREAK_NEVER},
                {"", "x", BREAK_WORDS},
                {"\xe8\xaa", "\x9e", BREAK_NEVER},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                enum break_quality quality =
                        break_judge(cases[i].before, strlen(cases[i].before), cases[i].after,
                                    strlen(cases[i].after));

                if (quality != cases[i].quality)
                        fail_msg("'%s|%s' is %d", cases[i].before, cases[i].after, quality);
        }
}

static void test_ends_of_sentences(void **state) {
        static const struct {
                const char *text;
                bool is_end;
        } cases[] = {
                {" him.", true},  {" him.\"", true}, {"吗？", true}, {"了。」", true},
                {" him,", false}, {" him", false},   {"", false},    {"\"", false},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                assert_int_equal(break_ends_sentence(cases[i].text, strlen(cases[i].text)),
                                 cases[i].is_end);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_places),
                cmocka_unit_test(test_ends_of_sentences),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
