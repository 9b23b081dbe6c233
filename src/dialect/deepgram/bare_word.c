#include "dialect/deepgram/bare_word.h"

#include <stdbool.h>
#include <string.h>
#include <utf8proc.h>

#include "util/mem.h"
#include "util/utf8.h"

#define CHARACTER_MAX 4  // bytes

// Letters, digits and their marks; all else stands around words.
static bool is_of_word(int32_t character) {
        return utf8proc_category(character) >= UTF8PROC_CATEGORY_LU &&
               utf8proc_category(character) <= UTF8PROC_CATEGORY_NO;
}

// The character at `text`: how long it is. What is no UTF-8 is none.
static size_t character_read(const char *text, size_t n, int32_t *ret) {
        int step = utf8_step(text, n);

        *ret = step > 0 ? (int32_t)utf8_point(text, step) : 0xFFFD;
        return (size_t)(step > 0 ? step : -step);
}

char *bare_text(const char *text) {
        size_t n;

        while (utf8_is_blank(*text))
                text++;
        n = strlen(text);
        while (n > 0 && utf8_is_blank(text[n - 1]))
                n--;
        return xasprintf("%.*s", (int)n, text);
}

// Small letters may have more bytes than large ones, but never more than a character can.
static char *small_copy(const char *text, size_t n) {
        char *small = xcalloc(n + 1, CHARACTER_MAX);
        size_t n_small = 0;
        int32_t character;

        for (size_t at = 0, step; at < n; at += step) {
                step = character_read(text + at, n - at, &character);
                n_small += (size_t)utf8proc_encode_char(utf8proc_tolower(character),
                                                        (utf8proc_uint8_t *)small + n_small);
        }
        return small;
}

char *bare_word(const char *text) {
        size_t n = strlen(text), first = n, last = 0;
        int32_t character;

        for (size_t at = 0, step; at < n; at += step) {
                step = character_read(text + at, n - at, &character);
                if (!is_of_word(character))
                        continue;
                if (first == n)
                        first = at;
                last = at + step;
        }
        return first < last ? small_copy(text + first, last - first) : bare_text(text);
}
