// Who may do what.
#include "auth/principal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void scopes_are_told(void **state) {
        (void)state;
        assert_false(principal_may(NULL, SCOPE_READ));
        assert_true(principal_may(principal_anonymous(true), SCOPE_LISTEN));
        assert_false(principal_may(principal_anonymous(true), SCOPE_MANAGE));
        assert_true(principal_may(principal_local(), SCOPE_MANAGE));
}

static void streams_are_names_and_globs(void **state) {
        char *const streams[] = {(char[]){"kitchen"}, (char[]){"cam-*"}, (char[]){"[x]"}, NULL};
        const struct principal guest = {
                .name = "guest", .scopes = SCOPE_READ, .streams = streams};
        const struct principal mute = {
                .name = "mute", .scopes = SCOPE_LISTEN, .streams = streams};

        (void)state;
        assert_true(principal_may_read(&guest, "kitchen"));
        assert_true(principal_may_read(&guest, "cam-1"));
        assert_true(principal_may_read(&guest, "[x]"));
        assert_false(principal_may_read(&guest, "kitchen2"));
        assert_false(principal_may_read(&guest, NULL));
        assert_false(principal_may_read(&mute, "kitchen"));
        assert_true(principal_may_read(principal_local(), NULL));
}

static void dialects_are_names(void **state) {
        const struct principal guest = {.name = "guest", .dialects = "whisperlive eavesdrop"};

        (void)state;
        assert_true(principal_may_speak(&guest, "whisperlive"));
        assert_true(principal_may_speak(&guest, "eavesdrop"));
        assert_false(principal_may_speak(&guest, "whisper"));
        assert_false(principal_may_speak(NULL, "whisperlive"));
        assert_true(principal_may_speak(principal_local(), "subscriber"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(scopes_are_told),
                cmocka_unit_test(streams_are_names_and_globs),
                cmocka_unit_test(dialects_are_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
