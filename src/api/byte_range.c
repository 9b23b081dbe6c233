#include "api/byte_range.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#define UNIT "bytes="

static const char *blanks_skip(const char *text) {
        return text + strspn(text, " \t");
}

// Digits; what is too large for a size is the largest one. NULL: there are none.
static const char *size_parse(const char *text, size_t *ret) {
        size_t size = 0, n = strspn(text, "0123456789");

        for (size_t i = 0; i < n; i++) {
                size_t digit = (size_t)(text[i] - '0');

                size = size > (SIZE_MAX - digit) / 10 ? SIZE_MAX : size * 10 + digit;
        }
        *ret = size;
        return n ? text + n : NULL;
}

// "-500": the last so many.
static enum byte_range_answer suffix_read(const char *text, size_t length,
                                          struct byte_range *ret) {
        size_t n;
        const char *end = size_parse(text, &n);

        if (!end || *blanks_skip(end))
                return BYTE_RANGE_WHOLE;
        if (n == 0)
                return BYTE_RANGE_NONE;
        n = n < length ? n : length;
        *ret = (struct byte_range){length - n, n};
        return BYTE_RANGE_PART;
}

enum byte_range_answer byte_range_read(const char *header, size_t length,
                                       struct byte_range *ret) {
        size_t first, last = SIZE_MAX;
        const char *at;

        *ret = (struct byte_range){0, length};
        if (!header || strncasecmp(header, UNIT, strlen(UNIT)) != 0)
                return BYTE_RANGE_WHOLE;
        header = blanks_skip(header + strlen(UNIT));
        if (*header == '-')
                return suffix_read(header + 1, length, ret);
        at = size_parse(header, &first);
        if (!at || *at++ != '-')
                return BYTE_RANGE_WHOLE;
        if (*blanks_skip(at))
                at = size_parse(at, &last);
        if (!at || *blanks_skip(at) || last < first)
                return BYTE_RANGE_WHOLE;
        if (first >= length)
                return BYTE_RANGE_NONE;
        last = last < length ? last : length - 1;
        *ret = (struct byte_range){first, last - first + 1};
        return BYTE_RANGE_PART;
}

bool byte_range_may(const char *if_range, const char *tag) {
        return !if_range || strcmp(if_range, tag) == 0;
}

// A list of tags, each maybe weak; a tag's text may have commas in it.
bool byte_range_has(const char *if_none_match, const char *tag) {
        size_t n = strlen(tag);

        if (!if_none_match)
                return false;
        if (strcmp(if_none_match, "*") == 0)
                return true;
        for (const char *at = strchr(if_none_match, '"'); at; at = strchr(at, '"')) {
                const char *end = strchr(at + 1, '"');

                if (!end)
                        return false;
                if ((size_t)(end + 1 - at) == n && memcmp(at, tag, n) == 0)
                        return true;
                at = end + 1;
        }
        return false;
}
