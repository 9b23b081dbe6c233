#include "util/home.h"

#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/mem.h"

// Tests have one thread. NOLINTBEGIN(concurrency-mt-unsafe)

static void test_the_environment_is_believed(void **state) {
        CLEANUP(mem_freep) char *home = NULL;

        (void)state;
        setenv("HOME", "/somewhere/else", 1);
        home = home_folder();
        assert_string_equal(home, "/somewhere/else");
}

static void test_without_it_the_passwd_entry_is_asked(void **state) {
        const struct passwd *entry = getpwuid(geteuid());
        static const char *const no_paths[] = {NULL, "", "relative"};

        (void)state;
        if (!entry || access(entry->pw_dir, F_OK) < 0) {
                skip();
                return;
        }
        for (size_t i = 0; i < sizeof(no_paths) / sizeof(no_paths[0]); i++) {
                CLEANUP(mem_freep) char *home = NULL;

                if (no_paths[i])
                        setenv("HOME", no_paths[i], 1);
                else
                        unsetenv("HOME");
                home = home_folder();
                assert_non_null(home);
                assert_string_equal(home, entry->pw_dir);
        }
}

// NOLINTEND(concurrency-mt-unsafe)

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_environment_is_believed),
                cmocka_unit_test(test_without_it_the_passwd_entry_is_asked),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
