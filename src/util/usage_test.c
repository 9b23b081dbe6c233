#include "util/usage.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/mem.h"

#define BLOCK ((size_t)64 * 1024 * 1024)

static void an_open_file_is_one_descriptor_more(void **state) {
        struct usage before = usage_now(), with;
        int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

        (void)state;
        assert_true(file >= 0);
        with = usage_now();
        assert_true(with.descriptors == before.descriptors + 1);
        assert_true(with.descriptor_limit >= with.descriptors);
        close(file);
        assert_true(usage_now().descriptors == before.descriptors);
}

static void touched_memory_is_resident_and_costs_time(void **state) {
        struct usage before = usage_now(), with;
        volatile char *block = xcalloc(BLOCK, 1);

        (void)state;
        for (size_t i = 0; i < BLOCK; i += 512)
                block[i] = 1;
        with = usage_now();
        assert_true(with.resident_bytes - before.resident_bytes > 0.9 * (double)BLOCK);
        assert_true(with.cpu_seconds > before.cpu_seconds);
        free((char *)(uintptr_t)block);
}

static void allocated_memory_is_used_heap(void **state) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        (void)state;
        skip();  // a sanitizer's malloc counts nothing
#else
        struct usage before = usage_now();
        char *block = xcalloc(BLOCK, 1);
        struct usage with = usage_now();

        (void)state;
        assert_true(with.heap_used_bytes - before.heap_used_bytes >= (double)BLOCK);
        free(block);
        assert_true(usage_now().heap_used_bytes <= before.heap_used_bytes);
#endif
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_open_file_is_one_descriptor_more),
                cmocka_unit_test(touched_memory_is_resident_and_costs_time),
                cmocka_unit_test(allocated_memory_is_used_heap),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
