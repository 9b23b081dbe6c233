#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "media/pages.h"

// A page with segments of 255 and 10 bytes; returns its length.
static size_t page_write(uint8_t *ret) {
        static const uint8_t mark[] = {'O', 'g', 'g', 'S'};

        memset(ret, 'x', 27 + 2 + 265);
        memcpy(ret, mark, sizeof(mark));
        ret[26] = 2;
        ret[27] = 255;
        ret[28] = 10;
        return 27 + 2 + 265;
}

static size_t missing_of(const uint8_t *bytes, size_t n, size_t most) {
        struct media_pages pages;

        media_pages_init(&pages);
        for (size_t i = 0; i < n; i += most)
                media_pages_feed(&pages, bytes + i, n - i < most ? n - i : most);
        return media_pages_missing(&pages);
}

// Wherever it is cut, and however it comes.
static void what_a_page_lacks_is_told(void **state) {
        uint8_t bytes[2048];
        size_t n = page_write(bytes);
        size_t all = n + page_write(bytes + n);

        (void)state;
        for (size_t cut = 0; cut <= all; cut++) {
                size_t missing = cut <= n ? n - cut : all - cut;
                size_t in_page = cut <= n ? cut : cut - n;

                if (in_page < 4)
                        missing = 0;  // it may be anything
                else if (in_page < 27)
                        missing = 27 - in_page;
                else if (in_page < 29)
                        missing = 29 - in_page;
                assert_int_equal(missing_of(bytes, cut, 2048), missing);
                assert_int_equal(missing_of(bytes, cut, 7), missing);
        }
}

static void of_anything_else_nothing_is_known(void **state) {
        uint8_t bytes[2048];
        size_t n = page_write(bytes);

        (void)state;
        memset(bytes + n, 'y', 100);
        assert_int_equal(missing_of(bytes, n + 100, 2048), 0);
        assert_int_equal(missing_of(bytes + 1, n - 1, 2048), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_a_page_lacks_is_told),
                cmocka_unit_test(of_anything_else_nothing_is_known),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
