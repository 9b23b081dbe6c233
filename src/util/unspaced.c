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

static const struct point_range marks[] = {
        {0x0300, 0x036f},  // of all scripts
        {0x0e31, 0x0e31},  // Thai
        {0x0e34, 0x0e3a},  //
        {0x0e47, 0x0e4e},  //
        {0x0eb1, 0x0eb1},  // Lao
        {0x0eb4, 0x0ebc},  //
        {0x0ec8, 0x0ece},  //
        {0x102b, 0x103e},  // Myanmar
        {0x1056, 0x1059},  //
        {0x105e, 0x1060},  //
        {0x1062, 0x1064},  //
        {0x1067, 0x106d},  //
        {0x1071, 0x1074},  //
        {0x1082, 0x108d},  //
        {0x108f, 0x108f},  //
        {0x109a, 0x109d},  //
        {0x17b4, 0x17d3},  // Khmer
        {0x17dd, 0x17dd},  //
        {0x1dc0, 0x1dff},  // of all scripts
        {0x20d0, 0x20ff},  //
        {0x302a, 0x302f},  // Han
        {0x3099, 0x309a},  // Kana: voicing
        {0xa9e5, 0xa9e5},  // Myanmar
        {0xaa7b, 0xaa7d},  //
        {0xfe20, 0xfe2f},  // of all scripts
        {0xff9e, 0xff9f},  // Katakana of half width: voicing
};

static const struct point_range variations[] = {
        {0xfe00, 0xfe0f},
        {0xe0100, 0xe01ef},
};

#define LENGTH(stretches) (sizeof(stretches) / sizeof((stretches)[0]))

static bool stretches_hold(const struct point_range *stretches, size_t n, uint32_t point) {
        while (n > 0) {
                size_t middle = n / 2;

                if (point < stretches[middle].first) {
                        n = middle;
                } else if (point > stretches[middle].last) {
                        stretches += middle + 1;
                        n -= middle + 1;
                } else {
                        return true;
                }
        }
        return false;
}

bool unspaced_is_letter(uint32_t point) {
        return stretches_hold(letters, LENGTH(letters), point);
}

bool unspaced_is_mark(uint32_t point) {
        return stretches_hold(marks, LENGTH(marks), point) || unspaced_is_variation(point);
}

bool unspaced_is_variation(uint32_t point) {
        return stretches_hold(variations, LENGTH(variations), point);
}
