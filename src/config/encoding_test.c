// Byte order marks: the same is read, and the same is told, as without them.
#include "config/encoding.h"

#include <iconv.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config_rig.h"
#include "util/mem.h"

// The text as an editor saves it, mark included.
struct encoded {
        const char *name, *mark;
        size_t n_mark;
};

static const struct encoded encodings[] = {
        {"UTF-8", "", 0},
        {"UTF-8", "\xef\xbb\xbf", 3},
        {"UTF-16LE", "\xff\xfe", 2},
        {"UTF-16BE", "\xfe\xff", 2},
};

static size_t encode(const struct encoded *encoding, const char *text, char bytes[4096]) {
        size_t n = strlen(text), left = 4096 - encoding->n_mark;
        char *in = (char *)(uintptr_t)text, *out = bytes + encoding->n_mark;
        iconv_t converter = iconv_open(encoding->name, "UTF-8");

        memcpy(bytes, encoding->mark, encoding->n_mark);
        assert_int_equal(iconv(converter, &in, &n, &out, &left), 0);
        iconv_close(converter);
        return 4096 - left;
}

static void test_good_files_are_read(void **state) {
        static const char *const texts[] = {
                "language: de\nlog: debug\n",
                "---\nlanguage: de\n",
                "# Küche, 部屋, 🎤\nlanguage: de\n",
                "\nlanguage: de\r\n",
                "{language: de}",
        };

        (void)state;
        for (size_t i = 0; i < 4; i++)
                for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
                        char bytes[4096];
                        size_t n = encode(&encodings[i], texts[k], bytes);
                        struct config_mistakes mistakes;
                        struct config *config = NULL;

                        assert_int_equal(config_parse(&config, bytes, n, &mistakes), 0);
                        assert_string_equal(config->defaults.decoding.language, "de");
                        config_free(config);
                }
}

static void test_places_of_mistakes_stay(void **state) {
        static const struct {
                const char *text, *told;
        } cases[] = {
                {"langauge: de\n",
                 "bad.yaml:1:1: langauge: unknown key; did you mean \"language\"?\n"},
                {"model: base\nlisten: 9090\n",
                 "bad.yaml:2:9: listen: \"9090\" is not HOST:PORT such as 127.0.0.1:9090, "
                 "[::1]:9090 or :9090, the port 0 to 65535\n"},
                {"\tmodel: base\n",
                 "bad.yaml:1:1: a tab stands here; YAML is indented with spaces only\n"},
                {"m: \x01\n", "bad.yaml:1:4: not valid YAML: control characters are not "
                              "allowed\n"},
                {"", "bad.yaml:1:1: the file is empty; expected keys such as \"streams:\"\n"},
        };

        (void)state;
        for (size_t i = 0; i < 4; i++)
                for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
                        char bytes[4096];
                        size_t n = encode(&encodings[i], cases[k].text, bytes);
                        CLEANUP(mem_freep) char *told = rig_refuse_config(bytes, n);

                        assert_string_equal(told, cases[k].told);
                }
}

static void test_broken_utf_16_is_refused(void **state) {
        static const struct {
                const char *bytes;
                size_t n;
        } cases[] = {
                {"\xff\xfe"
                 "a\0b",
                 5},                      // half a unit
                {"\xfe\xff\xd8\x3d", 4},  // half a pair
                {"\xff\xfe\x00\xdc", 4},  // the second half of one
        };

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                CLEANUP(mem_freep) char *told = rig_refuse_config(cases[i].bytes, cases[i].n);

                assert_string_equal(told, "bad.yaml:1:1: the file begins as UTF-16 does, but "
                                          "is none; save it as UTF-8\n");
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good_files_are_read),
                cmocka_unit_test(test_places_of_mistakes_stay),
                cmocka_unit_test(test_broken_utf_16_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
