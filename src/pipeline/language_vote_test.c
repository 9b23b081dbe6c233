// Which language a file is taken for.
#include "pipeline/language_vote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_the_first_that_is_sure_decides(void **state) {
        struct language_vote vote = {0};

        (void)state;
        language_vote_add(&vote, "cy", 0.5f, 0.5f, 4);
        assert_false(vote.is_over);
        assert_string_equal(vote.language, "cy");
        language_vote_add(&vote, "en", 0.6f, 0.5f, 4);
        assert_true(vote.is_over);
        assert_string_equal(vote.language, "en");
}

static void test_else_the_majority(void **state) {
        struct language_vote vote = {0};

        (void)state;
        language_vote_add(&vote, "cy", 0.4f, 0.5f, 4);
        language_vote_add(&vote, "en", 0.3f, 0.5f, 4);
        assert_string_equal(vote.language, "cy");
        language_vote_add(&vote, "en", 0.3f, 0.5f, 4);
        assert_false(vote.is_over);
        language_vote_add(&vote, "", 1, 0.5f, 4);
        assert_true(vote.is_over);
        assert_string_equal(vote.language, "en");
}

static void test_windows_that_cannot_be_told(void **state) {
        struct language_vote vote = {0};

        (void)state;
        language_vote_add(&vote, "", 1, 0.5f, 2);
        assert_false(vote.is_over);
        language_vote_add(&vote, "", 1, 0.5f, 2);
        assert_true(vote.is_over);
        assert_string_equal(vote.language, "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_first_that_is_sure_decides),
                cmocka_unit_test(test_else_the_majority),
                cmocka_unit_test(test_windows_that_cannot_be_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
