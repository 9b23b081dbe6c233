// What a processor has, for processors that this one can pretend to be: oneDNN reads its
// variable once, so each case is a process of its own, and this one does not ask before.
#include "whisper/cpu/cpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { HAS_AVX512 = 1, HAS_VNNI = 2, HAS_AVX2_VNNI = 4, HAS_AMX = 8 };

// What a child with this variable says that there is.
static int ask_as(const char *variable, const char *isa) {
        int status = 0;
        pid_t child = fork();

        if (child == 0) {
                // NOLINTBEGIN(concurrency-mt-unsafe): the only thread
                unsetenv("ONEDNN_MAX_CPU_ISA");
                unsetenv("DNNL_MAX_CPU_ISA");
                setenv(variable, isa, 1);
                // NOLINTEND(concurrency-mt-unsafe)
                _exit((cpu_has_avx512() ? HAS_AVX512 : 0) | (cpu_has_vnni() ? HAS_VNNI : 0) |
                      (cpu_has_avx2_vnni() ? HAS_AVX2_VNNI : 0) |
                      (cpu_has_amx() ? HAS_AMX : 0));
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void test_either_variable_hides_what_is_more(void **state) {
        (void)state;
        assert_int_equal(ask_as("ONEDNN_MAX_CPU_ISA", "AVX2"), 0);
        assert_int_equal(ask_as("DNNL_MAX_CPU_ISA", "AVX2"), 0);
}

static void test_each_processor_has_what_its_name_says_at_most(void **state) {
        static const struct {
                const char *isa;
                int most;
        } cases[] = {{"AVX2_VNNI", HAS_AVX2_VNNI},
                     {"AVX512_CORE", HAS_AVX512},
                     {"AVX512_CORE_VNNI", HAS_AVX512 | HAS_VNNI}};
        int all = ask_as("ONEDNN_MAX_CPU_ISA", "ALL");

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                assert_int_equal(ask_as("ONEDNN_MAX_CPU_ISA", cases[i].isa),
                                 all & cases[i].most);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_either_variable_hides_what_is_more),
                cmocka_unit_test(test_each_processor_has_what_its_name_says_at_most),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
