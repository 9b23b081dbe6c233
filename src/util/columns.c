// The width of 8-bit strings in PCRE2's names.
#define PCRE2_CODE_UNIT_WIDTH 8

#include "util/columns.h"

#include <locale.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <wchar.h>

#include "util/utf8.h"

// Before it no character is wide (U+1100 begins Hangul's letters).
#define WIDE_MIN 0x1100

// Asks for the picture of a character that also is one of text, "❤️": always wide.
#define EMOJI_SELECTOR 0xfe0f

// Bytes of one character, however many accents are piled on it.
#define CHARACTER_MAX 128

// Made once, for the life of the program.
static struct {
        bool is_ready;
        pcre2_code *character;
        pcre2_match_data *match;
        locale_t locale;  // 0: the system has none
} unicode;

static void unicode_prepare(void) {
        PCRE2_SIZE place;
        int code;

        if (unicode.is_ready)
                return;
        unicode.is_ready = true;
        unicode.character = pcre2_compile((PCRE2_SPTR) "\\X", 2,
                                          PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_ANCHORED,
                                          &code, &place, NULL);
        unicode.match = pcre2_match_data_create(1, NULL);
        unicode.locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

// The code point of a valid character of UTF-8.
static wchar_t point_read(const char *text, size_t n) {
        const uint8_t *bytes = (const uint8_t *)text;
        wchar_t point = n == 1 ? bytes[0] : bytes[0] & (0xff >> (n + 1));

        for (size_t i = 1; i < n; i++)
                point = point << 6 | (bytes[i] & 0x3f);
        return point;
}

static size_t point_columns(wchar_t point) {
        locale_t before;
        int columns;

        if (!unicode.locale)
                return point < WIDE_MIN ? 1 : 2;  // rather too short a line than too long
        before = uselocale(unicode.locale);
        columns = wcwidth(point);
        uselocale(before);
        // What is no character of text is shown as some sign.
        return columns < 0 ? 1 : (size_t)columns;
}

// Bytes of the character that begins with a valid code point of `n_point` bytes.
static size_t character_length(const char *text, size_t n, size_t n_point) {
        size_t length;

        // Nothing joins two signs of ASCII.
        if (n == n_point || (n_point == 1 && (text[1] & 0x80) == 0))
                return n_point;
        if (!unicode.character || !unicode.match ||
            pcre2_match(unicode.character, (PCRE2_SPTR)text,
                        n < CHARACTER_MAX ? n : CHARACTER_MAX, 0, 0, unicode.match, NULL) < 0)
                return n_point;
        length = pcre2_get_ovector_pointer(unicode.match)[1];
        return length < n_point ? n_point : length;
}

size_t columns_step(const char *text, size_t n, size_t *ret_columns) {
        int step = utf8_step(text, n);
        size_t length, columns = 0;

        *ret_columns = 1;
        if (step < 0)
                return (size_t)-step;
        unicode_prepare();
        length = character_length(text, n, (size_t)step);
        for (size_t i = 0; i < length; i += (size_t)step) {
                wchar_t point;

                step = utf8_step(text + i, length - i);
                if (step < 0)
                        return i;  // the bound above cut within a code point
                point = point_read(text + i, (size_t)step);
                columns += point_columns(point);
                if (point == EMOJI_SELECTOR)
                        columns = 2;
                *ret_columns = columns < 2 ? columns : 2;
        }
        return length;
}

size_t columns_of(const char *text, size_t n) {
        size_t total = 0;

        for (size_t i = 0; i < n;) {
                size_t columns;

                i += columns_step(text + i, n - i, &columns);
                total += columns;
        }
        return total;
}
