#include "util/line_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/utf8.h"

#define REPLACEMENT_LENGTH (sizeof(UTF8_REPLACEMENT) - 1)

struct range {
        uint32_t first, last;
};

// Cursor movements, line and paragraph separators.
static const struct range blanks[] = {{0x00, 0x1f}, {0x7f, 0x9f}, {0x2028, 0x2029}};

// Unicode 15: Bidi_Control, the deprecated format characters, the byte order mark, interlinear
// annotations and tags.
static const struct range reordering[] = {
        {0x061c, 0x061c}, {0x200e, 0x200f}, {0x202a, 0x202e},   {0x2066, 0x206f},
        {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
};

#define LENGTH(ranges) (sizeof(ranges) / sizeof((ranges)[0]))

static bool ranges_hold(const struct range *ranges, size_t n, uint32_t character) {
        for (size_t i = 0; i < n; i++)
                if (character >= ranges[i].first && character <= ranges[i].last)
                        return true;
        return false;
}

size_t line_text_write(char *ret, size_t size, const char *text, size_t n) {
        size_t length = 0;

        n = strnlen(text, n);
        for (size_t i = 0; i < n;) {
                int step = utf8_step(text + i, n - i);
                uint32_t character = step > 0 ? utf8_point(text + i, step) : 0;
                const char *shown = text + i;
                size_t n_shown = (size_t)abs(step);

                i += (size_t)abs(step);
                if (step < 0 || ranges_hold(reordering, LENGTH(reordering), character)) {
                        shown = UTF8_REPLACEMENT;
                        n_shown = REPLACEMENT_LENGTH;
                } else if (ranges_hold(blanks, LENGTH(blanks), character)) {
                        shown = " ";
                        n_shown = 1;
                }
                if (n_shown >= size - length)
                        break;
                memcpy(ret + length, shown, n_shown);
                length += n_shown;
        }
        ret[length] = '\0';
        return length;
}

char *line_text_copy(const char *text) {
        size_t n = strlen(text);
        // The worst case: every byte becomes a replacement of three.
        size_t size = REPLACEMENT_LENGTH * n + 1;
        char *copy = xcalloc(size, 1);

        line_text_write(copy, size, text, n);
        return copy;
}
