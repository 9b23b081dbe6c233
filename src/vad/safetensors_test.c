#include "vad/safetensors.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define UNTOUCHED 12345.0f

static const float numbers[] = {0, 1, 2, 3, 4, 5};

// A file of this header and, behind it, `n` floats. Returns its size.
static size_t file_make(uint8_t *ret, const char *header, const float *floats, size_t n) {
        const uint64_t size = strlen(header);

        memcpy(ret, &size, sizeof(size));
        for (size_t i = 0; i < size; i++)
                ret[sizeof(size) + i] = (uint8_t)header[i];
        if (n > 0)
                memcpy(ret + sizeof(size) + size, floats, n * sizeof(float));
        return sizeof(size) + size + n * sizeof(float);
}

static void a_tensor_is_copied_from_its_offset(void **state) {
        static const char header[] =
                "{\"__metadata__\":{\"format\":\"pt\"},"
                "\"a\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]},"
                "\"b\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[8,24]}}";
        CLEANUP(safetensors_freep) struct safetensors *tensors = NULL;
        const size_t shape_a[] = {2, 1};
        const size_t shape_b[] = {4};
        struct error error;
        uint8_t bytes[512];
        float a[2];
        float b[4];
        size_t n = file_make(bytes, header, numbers, 6);

        (void)state;
        assert_int_equal(safetensors_parse(&tensors, bytes, n, "file", &error), 0);
        assert_int_equal(safetensors_copy_f32(tensors, "b", shape_b, 1, b, &error), 0);
        assert_memory_equal(b, numbers + 2, sizeof(b));
        assert_int_equal(safetensors_copy_f32(tensors, "a", shape_a, 2, a, &error), 0);
        assert_memory_equal(a, numbers, sizeof(a));
}

// Every entry promises something else than the two floats asked for, or lies about them.
static void what_is_not_as_asked_is_refused_with_words(void **state) {
        static const struct {
                const char *entry;
                const char *words;
        } cases[] = {
                {"\"b\":{}", "no tensor 'a'"},
                {"\"a\":3", "type"},
                {"\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,8]}", "type"},
                {"\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}", "shape"},
                {"\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}", "shape"},
                {"\"a\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}", "shape"},
                {"\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}", "shape"},
                {"\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}", "shape"},
                {"\"a\":{\"dtype\":\"F32\",\"shape\":[2]}", "outside"},
                {"\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}", "outside"},
                {"\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}", "outside"},
                {"\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}", "outside"},
                {"\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[20,28]}", "outside"},
                {"\"a\":{\"dtype\":\"F32\",\"shape\":[2],"
                 "\"data_offsets\":[9223372036854775799,9223372036854775807]}",
                 "outside"},
        };
        const size_t shape[] = {2};

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(safetensors_freep) struct safetensors *tensors = NULL;
                struct error error = {0};
                uint8_t bytes[512];
                char header[256];
                float a[2] = {UNTOUCHED, UNTOUCHED};
                size_t n;

                snprintf(header, sizeof(header), "{%s}", cases[i].entry);
                n = file_make(bytes, header, numbers, 6);
                assert_int_equal(safetensors_parse(&tensors, bytes, n, "the-file", &error), 0);
                assert_int_equal(safetensors_copy_f32(tensors, "a", shape, 1, a, &error),
                                 -EINVAL);
                assert_true(a[0] == UNTOUCHED && a[1] == UNTOUCHED);
                assert_non_null(strstr(error.text, "the-file"));
                if (!strstr(error.text, cases[i].words))
                        fail_msg("%s: %s", cases[i].entry, error.text);
        }
}

static void numbers_that_are_none_are_refused(void **state) {
        static const char header[] =
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
        const float bad[][2] = {{0, NAN}, {INFINITY, 0}};
        const size_t shape[] = {2};

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                CLEANUP(safetensors_freep) struct safetensors *tensors = NULL;
                uint8_t bytes[512];
                float a[2] = {UNTOUCHED, UNTOUCHED};
                size_t n = file_make(bytes, header, bad[i], 2);

                assert_int_equal(safetensors_parse(&tensors, bytes, n, "file", NULL), 0);
                assert_int_equal(safetensors_copy_f32(tensors, "a", shape, 1, a, NULL),
                                 -EINVAL);
                assert_true(a[0] == UNTOUCHED);
        }
}

static void a_shape_that_overflows_is_refused(void **state) {
        CLEANUP(safetensors_freep) struct safetensors *tensors = NULL;
        const size_t shape[] = {SIZE_MAX / 2, 4};
        uint8_t bytes[64];
        float a = UNTOUCHED;
        size_t n = file_make(bytes, "{\"a\":{}}", numbers, 0);

        (void)state;
        assert_int_equal(safetensors_parse(&tensors, bytes, n, "file", NULL), 0);
        assert_int_equal(safetensors_copy_f32(tensors, "a", shape, 2, &a, NULL), -EINVAL);
        assert_int_equal(safetensors_copy_f32(tensors, "a", shape, 1, &a, NULL), -EINVAL);
        assert_true(a == UNTOUCHED);
}

static void headers_that_are_none_are_refused(void **state) {
        struct safetensors *tensors = NULL;
        uint64_t size;
        uint8_t bytes[64] = {0};
        size_t n;

        (void)state;
        assert_int_equal(safetensors_parse(&tensors, bytes, 0, "file", NULL), -EINVAL);
        assert_int_equal(safetensors_parse(&tensors, bytes, 7, "file", NULL), -EINVAL);
        n = file_make(bytes, "[1]", numbers, 2);
        assert_int_equal(safetensors_parse(&tensors, bytes, n, "file", NULL), -EINVAL);
        n = file_make(bytes, "{\"a\":1,\"a\":2}", numbers, 2);
        assert_int_equal(safetensors_parse(&tensors, bytes, n, "file", NULL), -EINVAL);
        n = file_make(bytes, "{}", numbers, 2);
        for (size_t i = 0; i < 3; i++) {
                size = (const uint64_t[]){n - 7, UINT64_MAX, UINT64_MAX - 7}[i];
                memcpy(bytes, &size, sizeof(size));
                assert_int_equal(safetensors_parse(&tensors, bytes, n, "file", NULL), -EINVAL);
        }
        assert_null(tensors);
        assert_null(safetensors_free(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_tensor_is_copied_from_its_offset),
                cmocka_unit_test(what_is_not_as_asked_is_refused_with_words),
                cmocka_unit_test(numbers_that_are_none_are_refused),
                cmocka_unit_test(a_shape_that_overflows_is_refused),
                cmocka_unit_test(headers_that_are_none_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
