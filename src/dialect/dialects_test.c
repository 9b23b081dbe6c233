// The table of dialects: who a client is when its first text could be several's.
#include "dialect/dialects.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dialect/rest.h"

static const char *name_of(const char *text) {
        for (const struct dialect *const *dialect = dialects; *dialect; dialect++)
                if ((*dialect)->matches_text && (*dialect)->matches_text(text, strlen(text)))
                        return (*dialect)->name;
        return "";
}

static void first_texts_tell_the_dialect(void **state) {
        (void)state;
        assert_string_equal(name_of("{\"type\":\"setup\"}"), "eavesdrop");
        assert_string_equal(name_of("{\"type\":\"setup\",\"uid\":\"u\"}"), "eavesdrop");
        assert_string_equal(name_of("{\"uid\":\"u\"}"), "whisperlive");
        assert_string_equal(name_of("{\"uid\":null,\"type\":3}"), "whisperlive");
        assert_string_equal(name_of("{\"type\":3}"), "");
        assert_string_equal(name_of("hello"), "");
}

static void rows_are_whole(void **state) {
        const struct dialect *row;

        (void)state;
        for (size_t i = 0; (row = dialects_at(i)); i++) {
                if (row->on_bytes)
                        assert_false(row->on_text || row->on_binary);
                else
                        assert_true((row->matches_request || row->matches_text) &&
                                    row->on_text && row->on_binary);
                assert_int_equal(row->matches_text != NULL, row->first_key != NULL);
                assert_true(row->refuse && row->goodbye && row->close);
                for (size_t before = 0; before < i; before++)
                        assert_string_not_equal(dialects_at(before)->name, row->name);
        }
        for (const struct dialect *const *dialect = dialects; *dialect; dialect++)
                assert_null((*dialect)->on_bytes);
}

static void names_are_told_once(void **state) {
        const char *name;
        size_t n = 0;

        (void)state;
        for (; (name = dialects_name(n)); n++)
                for (size_t before = 0; before < n; before++)
                        assert_string_not_equal(dialects_name(before), name);
        for (const struct rest_dialect *const *rest = rest_dialects; *rest; rest++) {
                size_t i = 0;

                while (i < n && strcmp(dialects_name(i), (*rest)->name) != 0)
                        i++;
                assert_true(i < n);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(first_texts_tell_the_dialect),
                cmocka_unit_test(rows_are_whole),
                cmocka_unit_test(names_are_told_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
