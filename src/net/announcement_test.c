// Announcing where nobody passes it on. (That a daemon does is tried with a real one:
// tests/e2e/test_51_wyoming.py.)
#include "net/announcement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

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

int main(void) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(no_message_bus_is_nothing_wrong)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
