#include "config/encoding.h"

#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

// The marks, and what the bytes behind them are; NULL is UTF-8.
static const struct {
        const char *mark;
        size_t n;
        const char *encoding;
} marks[] = {
        {"\xef\xbb\xbf", 3, NULL},
        {"\xff\xfe", 2, "UTF-16LE"},
        {"\xfe\xff", 2, "UTF-16BE"},
};

static char *text_convert(const char *encoding, const char *bytes, size_t n, size_t *ret_n) {
        // A unit of two bytes is at most three in UTF-8.
        size_t room = n / 2 * 3 + 3, left = room;
        CLEANUP(mem_freep) char *text = try_calloc(room + 1, 1);
        iconv_t converter = iconv_open("UTF-8", encoding);
        char *in = (char *)(uintptr_t)bytes, *out = text;
        size_t result = (size_t)-1;

        if (converter == (iconv_t)-1)
                return NULL;
        if (text)
                result = iconv(converter, &in, &n, &out, &left);
        iconv_close(converter);
        if (!text || result == (size_t)-1 || n > 0) {
                errno = text ? EILSEQ : ENOMEM;
                return NULL;
        }
        *ret_n = room - left;
        return TAKE(text);
}

char *config_text_decode(const char *bytes, size_t n, size_t *ret_n) {
        const char *encoding = NULL;
        char *text;

        for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
                if (n >= marks[i].n && memcmp(bytes, marks[i].mark, marks[i].n) == 0) {
                        encoding = marks[i].encoding;
                        bytes += marks[i].n;
                        n -= marks[i].n;
                        break;
                }
        if (encoding)
                return text_convert(encoding, bytes, n, ret_n);
        text = try_calloc(n + 1, 1);
        if (!text)
                return NULL;
        if (n > 0)
                memcpy(text, bytes, n);
        *ret_n = n;
        return text;
}
