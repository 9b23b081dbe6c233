#include "util/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const words[] = {"language", "listen", "log", "model", "de", "en", NULL};

static void test_near_words(void **state) {
        (void)state;
        assert_string_equal(nearest_find("langauge", words), "language");
        assert_string_equal(nearest_find("LANGUAGE", words), "language");
        assert_string_equal(nearest_find("lsten", words), "listen");
        assert_string_equal(nearest_find("modell", words), "model");
        assert_string_equal(nearest_find("deu", words), "de");
        assert_string_equal(nearest_find("DE", words), "de");
}

static void test_far_words(void **state) {
        (void)state;
        assert_null(nearest_find("", words));
        assert_null(nearest_find("du", words));
        assert_null(nearest_find("volume", words));
        assert_null(nearest_find("languagelanguagelanguagelanguage1", words));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_near_words),
                cmocka_unit_test(test_far_words),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
