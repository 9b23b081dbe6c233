#include "util/utf8.h"

#include <stdlib.h>
#include <string.h>

// What may follow a leading byte: how many bytes, and the range of the first of them, which
// excludes overlong forms, surrogates and what is above U+10FFFF (RFC 3629, section 4).
static int follow_count(uint8_t lead, uint8_t *ret_low, uint8_t *ret_high) {
        *ret_low = 0x80;
        *ret_high = 0xbf;
        if (lead >= 0xc2 && lead <= 0xdf)
                return 1;
        if (lead >= 0xe0 && lead <= 0xef) {
                if (lead == 0xe0)
                        *ret_low = 0xa0;
                if (lead == 0xed)
                        *ret_high = 0x9f;
                return 2;
        }
        if (lead >= 0xf0 && lead <= 0xf4) {
                if (lead == 0xf0)
                        *ret_low = 0x90;
                if (lead == 0xf4)
                        *ret_high = 0x8f;
                return 3;
        }
        return -1;
}

int utf8_step(const char *bytes, size_t n) {
        const uint8_t *at = (const uint8_t *)bytes;
        uint8_t low, high;
        int count;

        if (at[0] < 0x80)
                return 1;
        count = follow_count(at[0], &low, &high);
        for (int i = 1; i <= count; i++) {
                if ((size_t)i == n || at[i] < low || at[i] > high)
                        return -i;
                low = 0x80;
                high = 0xbf;
        }
        return count < 0 ? -1 : count + 1;
}

uint32_t utf8_point(const char *bytes, int n) {
        static const uint8_t lead_masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
        uint32_t point = (uint8_t)bytes[0] & lead_masks[n];

        for (int i = 1; i < n; i++)
                point = point << 6 | ((uint8_t)bytes[i] & 0x3fu);
        return point;
}

size_t utf8_cut(const char *bytes, size_t n) {
        // A character has at most four bytes: one that lacks its end begins in the last three.
        for (size_t back = 1; back <= 3 && back <= n; back++) {
                const char *place = bytes + n - back;

                if ((*place & 0xc0) == 0x80)
                        continue;
                return utf8_step(place, back) == -(int)back ? n - back : n;
        }
        return n;
}

char *utf8_repair(const char *bytes, size_t n) {
        // The worst case: every byte becomes a replacement of three.
        char *repaired = n < SIZE_MAX / 3 ? malloc(3 * n + 1) : NULL;
        size_t length = 0;

        if (!repaired)
                return NULL;
        for (size_t i = 0; i < n;) {
                int step = utf8_step(bytes + i, n - i);

                if (step < 0 || bytes[i] == 0) {
                        memcpy(repaired + length, UTF8_REPLACEMENT, 3);
                        length += 3;
                } else {
                        memcpy(repaired + length, bytes + i, (size_t)step);
                        length += (size_t)step;
                }
                i += (size_t)abs(step);
        }
        repaired[length] = 0;
        return repaired;
}
