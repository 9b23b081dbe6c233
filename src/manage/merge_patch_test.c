// JSON merge patches, by the table of examples in RFC 7396.
#include "manage/merge_patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const struct {
        const char *target, *patch, *result;
} examples[] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
        {"{\"a\":\"foo\"}", "null", "null"},
        {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
};

static json_t *parse(const char *text) {
        json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);

        assert_non_null(json);
        return json;
}

static void the_examples_of_the_standard(void **state) {
        (void)state;
        for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
                json_t *target = parse(examples[i].target), *patch = parse(examples[i].patch);
                json_t *expected = parse(examples[i].result);
                json_t *result = merge_patch(target, patch);

                assert_true(json_equal(result, expected));
                json_decref(target);
                json_decref(patch);
                json_decref(expected);
                json_decref(result);
        }
}

static void what_there_was_is_left_as_it_is(void **state) {
        json_t *target = parse("{\"a\":{\"b\":1,\"c\":2}}"),
               *patch = parse("{\"a\":{\"b\":null}}");
        json_t *before = json_deep_copy(target), *result = merge_patch(target, patch);
        json_t *alone = merge_patch(NULL, patch);

        (void)state;
        assert_true(json_equal(target, before));
        assert_int_equal(json_object_size(json_object_get(result, "a")), 1);
        assert_int_equal(json_object_size(json_object_get(alone, "a")), 0);
        json_decref(target);
        json_decref(patch);
        json_decref(before);
        json_decref(result);
        json_decref(alone);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_examples_of_the_standard),
                cmocka_unit_test(what_there_was_is_left_as_it_is),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
