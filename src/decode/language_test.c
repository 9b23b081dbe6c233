#include "decode/language.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_what_people_write(void **state) {
        static const char *const cases[][2] = {
                // Names, and codes in any case.
                {"English", "en"},
                {"english", "en"},
                {"GERMAN", "de"},
                {"german", "de"},
                {"EN", "en"},
                {"de", "de"},
                {"YUE", "yue"},
                {"haw", "haw"},
                {" French ", "fr"},
                {"Cantonese", "yue"},
                {"Haitian Creole", "ht"},
                {"haitian-creole", "ht"},
                {"haitian", "ht"},
                // Tags and locales.
                {"en-US", "en"},
                {"en_us", "en"},
                {"zh-CN", "zh"},
                {"zh-Hant-TW", "zh"},
                {"zh-yue", "yue"},
                {"zh-yue-HK", "yue"},
                {"yue-Hant-HK", "yue"},
                {"pt_BR", "pt"},
                {"pt-BR", "pt"},
                {"sr-Latn-RS", "sr"},
                {"es-419", "es"},
                {"de_DE.UTF-8", "de"},
                {"de_DE.UTF-8@euro", "de"},
                {"nb-NO", "no"},
                {"nn-NO", "nn"},
                {"eng-US", "en"},
                {"Chinese (Simplified)", "zh"},
                {"Portuguese (Brazil)", "pt"},
                // What Whisper's tokenizer knows besides.
                {"Castilian", "es"},
                {"Mandarin", "zh"},
                {"Flemish", "nl"},
                {"Burmese", "my"},
                {"Valencian", "ca"},
                {"Moldovan", "ro"},
                // Other codes of ISO 639.
                {"iw", "he"},
                {"IW", "he"},
                {"in", "id"},
                {"in-ID", "id"},
                {"ji", "yi"},
                {"jv", "jw"},
                {"jw", "jw"},
                {"mo", "ro"},
                {"nb", "no"},
                {"fil", "tl"},
                {"fil-PH", "tl"},
                {"cmn", "zh"},
                {"eng", "en"},
                {"deu", "de"},
                {"ger", "de"},
                {"fre", "fr"},
                {"jpn", "ja"},
                {"Farsi", "fa"},
                {"auto", ""},
                {"Auto", ""},
                {"AUTO", ""},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const char *code = language_resolve(cases[i][0]);

                if (!code)
                        fail_msg("'%s' is unknown", cases[i][0]);
                else if (strcmp(code, cases[i][1]) != 0)
                        fail_msg("'%s' is taken for %s", cases[i][0], code);
        }
}

static void test_what_is_no_language(void **state) {
        static const char *const cases[] = {
                "",
                " ",
                "-",
                "e",
                "xx",
                "xx-US",
                "englsh",
                "en-",
                "-en",
                "en/US",
                "en US!",
                "auto-US",
                "klingon",
                "de,en",
                "en\n\x01",
                "C",
                "POSIX",
                "none",
                "a language whose name is longer than that of any language that there is in it",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                if (language_resolve(cases[i]))
                        fail_msg("'%s' is taken for %s", cases[i], language_resolve(cases[i]));
}

static void test_every_language_by_code_and_name(void **state) {
        (void)state;
        assert_string_equal(language_code(0), "en");
        assert_string_equal(language_code(LANGUAGES - 1), "yue");
        for (int i = 0; i < LANGUAGES; i++) {
                const char *code = language_code(i);

                assert_ptr_equal(language_resolve(code), code);
                assert_ptr_equal(language_resolve(language_names[i]), code);
                for (int k = 0; k < i; k++) {
                        assert_string_not_equal(code, language_code(k));
                        assert_string_not_equal(language_names[i], language_names[k]);
                }
        }
}

static void test_the_nearest_is_told(void **state) {
        struct error error = {0};
        const char *code = NULL;

        (void)state;
        assert_int_equal(language_wish(&code, "pt_BR", &error), 0);
        assert_string_equal(code, "pt");
        assert_int_equal(language_wish(&code, "Germn", &error), -EINVAL);
        assert_string_equal(error.text, "unknown language \"Germn\"; did you mean \"German\"?");
        assert_int_equal(language_wish(&code, "kling", &error), -EINVAL);
        assert_string_equal(error.text,
                            "unknown language \"kling\"; expected a name or code such as "
                            "English, de or zh-CN, or auto to detect it");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_people_write),
                cmocka_unit_test(test_what_is_no_language),
                cmocka_unit_test(test_every_language_by_code_and_name),
                cmocka_unit_test(test_the_nearest_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
