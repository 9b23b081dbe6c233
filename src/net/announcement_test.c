// Announcing where nobody passes it on. (That a daemon does is tried with a real one:
// tests/e2e/test_51_wyoming.py.)
#include "net/announcement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void no_message_bus_is_nothing_wrong(void **state) {
        struct announcement *announcement;

        (void)state;
        // NOLINTNEXTLINE(concurrency-mt-unsafe): the only thread
        assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1), 0);
        announcement = announcement_new("eavesdrop", "_test._tcp", 1);
        assert_non_null(announcement);
        assert_null(announcement_free(announcement));
        assert_null(announcement_free(NULL));
}

static void a_long_name_is_cut(void **state) {
        char host[] = "a-host-whose-name-has-not-one-byte-less-than-the-63-it-may-have";
        char *name = announcement_name("eavesdrop", "hall");

        (void)state;
        assert_string_equal(name, "eavesdrop on hall");
        free(name);
        assert_int_equal(strlen(host), 63);
        name = announcement_name("eavesdrop", host);
        assert_int_equal(strlen(name), 63);
        assert_memory_equal(name, "eavesdrop on a-host", 19);
        free(name);
        host[49] = (char)0xc3;  // a letter of two bytes, of which the second has no place
        host[50] = (char)0xa9;
        name = announcement_name("eavesdrop", host);
        assert_int_equal(strlen(name), 62);
        free(name);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_message_bus_is_nothing_wrong),
                cmocka_unit_test(a_long_name_is_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
