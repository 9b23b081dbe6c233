#include "util/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

// What is right in a process whose closed descriptors are those of the bits in `closed`.
static bool is_right(unsigned closed) {
        char byte;

        for (int i = 0; i < 3; i++)
                if (closed & 1U << i)
                        close(i);
        if (descriptors_open_standard() != 0)
                return false;
        for (int i = 0; i < 3; i++)
                if (fcntl(i, F_GETFD) != 0)
                        return false;
        if ((closed & 1) && read(STDIN_FILENO, &byte, 1) != 0)
                return false;
        for (int i = 1; i < 3; i++)
                if ((closed & 1U << i) && (write(i, "x", 1) != -1 || errno != EBADF))
                        return false;
        return true;
}

static void test_all_combinations_of_closed_ones(void **state) {
        (void)state;
        for (unsigned closed = 0; closed < 8; closed++) {
                pid_t child = fork();
                int status = 0;

                assert_true(child >= 0);
                if (child == 0)
                        _exit(is_right(closed) ? 0 : 1);
                assert_int_equal(waitpid(child, &status, 0), child);
                assert_int_equal(status, 0);
        }
}

static void test_open_ones_stay(void **state) {
        int next = dup(STDIN_FILENO);

        (void)state;
        close(next);
        assert_int_equal(descriptors_open_standard(), 0);
        // Nothing is left open either.
        assert_int_equal(dup(STDIN_FILENO), next);
        close(next);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all_combinations_of_closed_ones),
                cmocka_unit_test(test_open_ones_stay),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
