#include "util/unspaced.h"

#include <stddef.h>

struct point_range {
        uint32_t first, last;
};

// Unicode 15: letters and digits by their property Script, in order.
static const struct point_range letters[] = {
        {0x0e01, 0x0e30},    // Thai
        {0x0e32, 0x0e33},    //
        {0x0e40, 0x0e46},    //
        {0x0e50, 0x0e59},    //
        {0x0e81, 0x0eb0},    // Lao
        {0x0eb2, 0x0eb3},    //
        {0x0ebd, 0x0ec6},    //
        {0x0ed0, 0x0edf},    //
        {0x1000, 0x102a},    // Myanmar
        {0x103f, 0x1049},    //
        {0x1050, 0x1055},    //
        {0x105a, 0x105d},    //
        {0x1061, 0x1061},    //
        {0x1065, 0x1066},    //
        {0x106e, 0x1070},    //
        {0x1075, 0x1081},    //
        {0x108e, 0x108e},    //
        {0x1090, 0x1099},    //
        {0x1780, 0x17b3},    // Khmer
        {0x17d7, 0x17d7},    //
        {0x17dc, 0x17dc},    //
        {0x17e0, 0x17f9},    //
        {0x2e80, 0x2fd5},    // Han: radicals
        {0x3005, 0x3007},    // Han: repetition, zero
        {0x3021, 0x3029},    //
        {0x3031, 0x3035},    // Kana: repetition
        {0x3038, 0x303c},    //
        {0x3041, 0x3096},    // Hiragana
        {0x309d, 0x309f},    //
        {0x30a1, 0x30fa},    // Katakana
        {0x30fc, 0x30ff},    //
        {0x31f0, 0x31ff},    //
        {0x3400, 0x4dbf},    // Han
        {0x4e00, 0x9fff},    //
        {0xa9e0, 0xa9e4},    // Myanmar
        {0xa9e6, 0xa9fe},    //
        {0xaa60, 0xaa76},    //
        {0xaa7a, 0xaa7a},    //
        {0xaa7e, 0xaa7f},    //
        {0xf900, 0xfaff},    // Han
        {0xff66, 0xff9d},    // Katakana of half width
        {0x1aff0, 0x1b16f},  // Kana: supplements
        {0x20000, 0x3ffff},  // Han
};

bool unspaced_is_letter(uint32_t point) {
        const struct point_range *ranges = letters;
        size_t n = sizeof(letters) / sizeof(letters[0]);

        while (n > 0) {
                size_t middle = n / 2;

                if (point < ranges[middle].first) {
                        n = middle;
                } else if (point > ranges[middle].last) {
                        ranges += middle + 1;
                        n -= middle + 1;
                } else {
                        return true;
                }
        }
        return false;
}
