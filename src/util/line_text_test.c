#include "util/line_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"
#include "util/utf8.h"

#define BAD UTF8_REPLACEMENT

static const struct {
        const char *text, *fit;
} cases[] = {
        {"", ""},
        {"plain, ünïcode, 中文, 🎙", "plain, ünïcode, 中文, 🎙"},
        {"two\nlines\r\n\tand\x0b\x0c", "two lines   and  "},
        {"\x1b[31mred\x1b]0;title\a", " [31mred ]0;title "},
        {"a\x7f", "a "},
        // C1, encoded and raw: CSI, NEL.
        {"\xc2\x9b"
         "31m\xc2\x85",
         " 31m "},
        {"\x9b"
         "31m\x85",
         BAD "31m" BAD},
        {"line\xe2\x80\xa8paragraph\xe2\x80\xa9", "line paragraph "},
        // Every bidirectional control.
        {"\u061c\u200e\u200f", BAD BAD BAD},
        {"\u202a\u202b\u202c\u202d\u202e", BAD BAD BAD BAD BAD},
        {"\u2066\u2067\u2068\u2069", BAD BAD BAD BAD},
        {"\ufeff\ufff9\U000E0041", BAD BAD BAD},
        // Neighbours of what is replaced stay.
        {"\u00a0\u200d\u2027\u202f\u2065\u2070\u061b",
         "\u00a0\u200d\u2027\u202f\u2065\u2070\u061b"},
        // Not UTF-8: Latin-1, overlong forms, surrogates, a cut character.
        {"caf\xe9", "caf" BAD},
        {"\xc0\xaf\xe0\x80\x8a", BAD BAD BAD BAD BAD},
        {"\xed\xa0\x80", BAD BAD BAD},
        {"cut \xe4\xb8", "cut " BAD},
};

static void any_text_becomes_one_line(void **state) {
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(mem_freep) char *fit = line_text_copy(cases[i].text);
                CLEANUP(mem_freep) char *again = line_text_copy(fit);

                assert_string_equal(fit, cases[i].fit);
                assert_string_equal(again, fit);
        }
}

// Whatever the room, only whole characters are in it.
static void cuts_fall_between_characters(void **state) {
        static const char text[] = "aé中🎙\xff z";
        char fit[32];

        (void)state;
        for (size_t size = 1; size < sizeof(fit); size++) {
                size_t n;

                memset(fit, 'x', sizeof(fit));
                n = line_text_write(fit, size, text, strlen(text));
                assert_true(n < size && n == strlen(fit));
                for (size_t i = 0; i < n;) {
                        int step = utf8_step(fit + i, n - i);

                        assert_true(step > 0);
                        i += (size_t)step;
                }
        }
}

static void only_so_many_bytes_are_read(void **state) {
        char fit[8];

        (void)state;
        assert_int_equal(line_text_write(fit, sizeof(fit), "abcdef", 3), 3);
        assert_string_equal(fit, "abc");
        assert_int_equal(line_text_write(fit, sizeof(fit), "a\0b", 3), 1);
        assert_string_equal(fit, "a");
}

static void a_cut_text_loses_its_broken_character(void **state) {
        static const struct {
                const char *text;
                size_t n, left;
        } cuts[] = {
                {"abc", 3, 3},          {"", 0, 0},      {"aé", 2, 1},
                {"aé", 3, 3},           {"中", 1, 0},    {"中", 2, 0},
                {"中", 3, 3},           {"a🎙", 2, 1}, {"a🎙", 4, 1},
                {"a🎙", 5, 5},        {"a\xff", 2, 1}, {"\x80\x80\x80\x80", 4, 4},
                {"\xc3\x80\x80", 3, 3},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++)
                assert_int_equal(utf8_cut(cuts[i].text, cuts[i].n), cuts[i].left);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(any_text_becomes_one_line),
                cmocka_unit_test(cuts_fall_between_characters),
                cmocka_unit_test(only_so_many_bytes_are_read),
                cmocka_unit_test(a_cut_text_loses_its_broken_character),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
