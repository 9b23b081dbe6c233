// Sound in JSON: cut anywhere, padded or not, escaped, and what is no base64.
#include "dialect/realtime/append.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"

static struct {
        char bytes[70000];
        size_t n;
} sound;

static void sink(void *context, const uint8_t *bytes, size_t n) {
        (void)context;
        assert_true(n > 0 && n <= APPEND_STEP && sound.n + n < sizeof(sound.bytes));
        memcpy(sound.bytes + sound.n, bytes, n);
        sound.n += n;
        sound.bytes[sound.n] = '\0';
}

// In pieces of so many bytes.
static void take(struct append *append, const char *text, size_t piece) {
        append_clear(append);
        sound.n = 0;
        sound.bytes[0] = '\0';
        for (size_t at = 0, n = strlen(text); at < n; at += piece)
                append_take(append, text + at, n - at < piece ? n - at : piece, sink, NULL);
        append_end(append);
}

static void sound_is_taken_out_wherever_it_is_cut(void **state) {
        static const struct {
                const char *text, *rest, *sound;
        } cases[] = {
                {"{\"type\":\"a\",\"audio\":\"aGVsbG8=\"}", "{\"type\":\"a\",\"audio\":\"\"}",
                 "hello"},
                {"{\"audio\" : \"aGVsbG8h\" , \"type\":\"a\"}",
                 "{\"audio\" : \"\" , \"type\":\"a\"}", "hello!"},
                {"{\"audio\":\"aGVsbG8\"}", "{\"audio\":\"\"}", "hello"},
                {"{\"audio\":\"aGk=\",\"x\":[\"audio\",\"aGk=\"]}",
                 "{\"audio\":\"\",\"x\":[\"audio\",\"aGk=\"]}", "hi"},
                {"{\"x\":{\"audio\":\"aGk=\"},\"y\":\"audio\",\"z\":\"aGk=\"}",
                 "{\"x\":{\"audio\":\"aGk=\"},\"y\":\"audio\",\"z\":\"aGk=\"}", ""},
                {"{\"\\\"audio\":\"aGk=\",\"audio\\\"\":\"aGk=\"}",
                 "{\"\\\"audio\":\"aGk=\",\"audio\\\"\":\"aGk=\"}", ""},
                {"{\"audio\":\"\\/\\/\\u002b\\u002B\"}", "{\"audio\":\"\"}", "\xff\xff\xbe"},
                {"{\"audio\":\"\"}", "{\"audio\":\"\"}", ""},
                {"[\"audio\",\"aGk=\"]", "[\"audio\",\"aGk=\"]", ""},
        };
        struct append append = {0};

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                for (size_t piece = 1; piece < 12; piece++) {
                        take(&append, cases[i].text, piece);
                        assert_string_equal(append.text, cases[i].rest);
                        assert_string_equal(sound.bytes, cases[i].sound);
                        assert_false(append.is_damaged || append.is_too_long);
                }
        append_deinit(&append);
}

static void what_is_no_base64_is_damage(void **state) {
        static const char *const cases[] = {
                "a",     "aGVsbG8=x", "aG=k",      "====",      "aGk=aGk=",
                "a Gk=", "aGk\\n",    "aG\\u0000", "aG\\u00zz", "\xff\xff",
        };
        struct append append = {0};

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(mem_freep) char *text = xasprintf("{\"audio\":\"%s\"}", cases[i]);

                take(&append, text, 5);
                if (!append.is_damaged)
                        fail_msg("'%s' was taken", cases[i]);
                assert_string_equal(append.text, "{\"audio\":\"\"}");
        }
        take(&append, "{\"audio\":\"aGVs", 5);  // and its end never comes
        assert_true(append.is_damaged);
        append_deinit(&append);
}

static void only_the_rest_has_a_limit(void **state) {
        struct append append = {0};
        CLEANUP(mem_freep) char *letters = xcalloc(80001, 1);
        CLEANUP(mem_freep) char *text = xcalloc(APPEND_TEXT_MAX + 100, 1);
        CLEANUP(mem_freep) char *with_sound = NULL;

        (void)state;
        memset(letters, 'A', 80000);
        with_sound = xasprintf("{\"audio\":\"%s\"}", letters);
        take(&append, with_sound, 16384);
        assert_int_equal(sound.n, 60000);
        assert_false(append.is_damaged || append.is_too_long);
        memset(text, ' ', APPEND_TEXT_MAX + 1);
        text[APPEND_TEXT_MAX + 1] = '\0';
        take(&append, text, 16384);
        assert_true(append.is_too_long);
        append_deinit(&append);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sound_is_taken_out_wherever_it_is_cut),
                cmocka_unit_test(what_is_no_base64_is_damage),
                cmocka_unit_test(only_the_rest_has_a_limit),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
