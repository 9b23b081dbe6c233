// Which arithmetic a processor gets, for processors that this one can pretend to be: oneDNN
// reads its variable once, so each case is a process of its own, and this one does not ask
// before.
#include "whisper/compute.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LACKS 255  // the child's exit code for a refusal with the right words

// What a child with this variable makes of the wish: an enum compute, or LACKS.
static int resolve_as(const char *variable, const char *isa, enum compute wish) {
        int status = 0;
        pid_t child = fork();

        if (child == 0) {
                enum compute compute = COMPUTE_AUTO;
                struct error error = {0};

                setenv(variable, isa, 1);  // NOLINT(concurrency-mt-unsafe): the only thread
                if (compute_resolve(&compute, wish, &error) == 0)
                        _exit((int)compute);
                _exit(strstr(error.text, compute_names[wish]) &&
                                      strstr(error.text, "ONEDNN_MAX_CPU_ISA")
                              ? LACKS
                              : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void test_avx2_has_no_bf16(void **state) {
        static const char *const variables[] = {"ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"};

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                assert_int_equal(resolve_as(variables[i], "AVX2", COMPUTE_FLOAT32),
                                 COMPUTE_FLOAT32);
                assert_int_equal(resolve_as(variables[i], "AVX2", COMPUTE_AUTO), COMPUTE_INT8);
                assert_int_equal(resolve_as(variables[i], "AVX2", COMPUTE_BF16), LACKS);
                assert_int_equal(resolve_as(variables[i], "AVX2", COMPUTE_INT8), COMPUTE_INT8);
        }
}

static void test_int8_is_for_all(void **state) {
        static const char *const processors[] = {"AVX2", "AVX2_VNNI", "AVX512_CORE",
                                                 "AVX512_CORE_VNNI", "ALL"};

        (void)state;
        for (size_t i = 0; i < sizeof(processors) / sizeof(processors[0]); i++) {
                assert_int_equal(resolve_as("ONEDNN_MAX_CPU_ISA", processors[i], COMPUTE_INT8),
                                 COMPUTE_INT8);
                assert_int_equal(resolve_as("ONEDNN_MAX_CPU_ISA", processors[i], COMPUTE_AUTO),
                                 COMPUTE_INT8);
        }
}

static void test_bf16_needs_bf16(void **state) {
        (void)state;
        if (resolve_as("ONEDNN_MAX_CPU_ISA", "ALL", COMPUTE_BF16) == LACKS)
                skip();
        assert_int_equal(resolve_as("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_VNNI", COMPUTE_BF16),
                         LACKS);
        assert_int_equal(resolve_as("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16", COMPUTE_BF16),
                         COMPUTE_BF16);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_avx2_has_no_bf16),
                cmocka_unit_test(test_int8_is_for_all),
                cmocka_unit_test(test_bf16_needs_bf16),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
