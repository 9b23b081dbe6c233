// A prompt and hotwords of exactly the limit are taken, in both dialects and as a list; what is
// longer by one byte is refused with words.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dialect/eavesdrop/messages.h"
#include "dialect/json_text.h"
#include "dialect/whisperlive/messages.h"
#include "util/mem.h"

#define HELLO "{\"uid\":\"u\",\"language\":null,\"task\":\"transcribe\",\"model\":\"m\",%s}"
#define SETUP "{\"type\":\"setup\",\"stream\":\"s\",\"options\":{%s}}"

// `"KEY":"aaa"`, or `"KEY":["aaa","b"]`, of n bytes when it is joined.
static char *member_make(const char *key, size_t n, bool is_list) {
        CLEANUP(mem_freep) char *text = xcalloc(n + 1, 1);

        memset(text, 'a', is_list ? n - 2 : n);
        return is_list ? xasprintf("\"%s\":[\"%s\",\"\",\"b\"]", key, text)
                       : xasprintf("\"%s\":\"%s\"", key, text);
}

static int hello_parse(const char *member, size_t *ret_n, struct error *error) {
        CLEANUP(mem_freep) char *text = xasprintf(HELLO, member);
        struct whisperlive_hello hello;
        int result = whisperlive_hello_parse(&hello, text, strlen(text), error);

        if (result != 0)
                return result;
        *ret_n = strlen(hello.hotwords ? hello.hotwords : hello.initial_prompt);
        whisperlive_hello_deinit(&hello);
        return 0;
}

static int setup_parse(const char *member, size_t *ret_n, struct error *error) {
        CLEANUP(mem_freep) char *text = xasprintf(SETUP, member);
        struct eavesdrop_message message;
        int result = eavesdrop_message_parse(&message, text, strlen(text), error);

        if (result != 0)
                return result;
        *ret_n = strlen(message.options.hotwords ? message.options.hotwords
                                                 : message.options.initial_prompt);
        eavesdrop_message_deinit(&message);
        return 0;
}

static void texts_up_to_the_limit_are_taken(void **state) {
        static const struct {
                const char *key;
                bool is_list;
        } cases[] = {{"initial_prompt", false}, {"hotwords", false}, {"hotwords", true}};
        static int (*const parsers[])(const char *, size_t *, struct error *) = {hello_parse,
                                                                                 setup_parse};

        (void)state;
        for (size_t i = 0; i < 6; i++) {
                const char *key = cases[i / 2].key;
                CLEANUP(mem_freep)
                char *good = member_make(key, DECODE_TEXT_MAX, cases[i / 2].is_list);
                CLEANUP(mem_freep)
                char *bad = member_make(key, DECODE_TEXT_MAX + 1, cases[i / 2].is_list);
                struct error error = {0};
                size_t n = 0;

                assert_int_equal(parsers[i % 2](good, &n, &error), 0);
                assert_int_equal(n, DECODE_TEXT_MAX);
                assert_int_equal(parsers[i % 2](bad, &n, &error), DIALECT_E_VALUE);
                assert_non_null(strstr(error.text, key));
                assert_non_null(strstr(error.text, "16384"));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(texts_up_to_the_limit_are_taken),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
