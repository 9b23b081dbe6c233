#include "util/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void what_was_put_in_stays_while_it_grows(void **state) {
        size_t capacity = 0;
        int *items = NULL;

        (void)state;
        for (int i = 0; i < 1000; i++) {
                items = array_grow(items, (size_t)i, &capacity, sizeof(*items));
                assert_true(capacity > (size_t)i);
                items[i] = i;
        }
        for (int i = 0; i < 1000; i++)
                assert_int_equal(items[i], i);
        assert_int_equal(capacity, 1024);
        free(items);
}

static void it_is_not_moved_while_there_is_room(void **state) {
        size_t capacity = 0;
        char *items = array_grow(NULL, 0, &capacity, 1), *before = items;

        (void)state;
        assert_true(capacity > 1);
        items = array_grow(items, 1, &capacity, 1);
        assert_ptr_equal(items, before);
        free(items);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_was_put_in_stays_while_it_grows),
                cmocka_unit_test(it_is_not_moved_while_there_is_room),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
