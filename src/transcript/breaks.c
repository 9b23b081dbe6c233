#include "transcript/breaks.h"

#include <stdint.h>
#include <string.h>

#include "util/utf8.h"

// Scripts, as far as words begin and end with them.
enum script {
        SCRIPT_OTHER,   // signs
        SCRIPT_LETTER,  // of a script that writes words apart, or not at all (Thai): one word
        SCRIPT_HAN,
        SCRIPT_HIRAGANA,
        SCRIPT_KATAKANA,
};

// The code point of the valid character at `text`, `step` bytes; 0xfffd for what is none.
static uint32_t point_of(const char *text, int step) {
        return step < 1 ? 0xfffd : utf8_point(text, step);
}

static uint32_t first_point(const char *text, size_t n) {
        return n > 0 ? point_of(text, utf8_step(text, n)) : 0;
}

static uint32_t last_point(const char *text, size_t n) {
        size_t i = n;

        while (i > 0 && n - i < 4 && ((uint8_t)text[--i] & 0xc0) == 0x80)
                ;
        return n > 0 ? point_of(text + i, utf8_step(text + i, n - i)) : 0;
}

static bool is_within(uint32_t point, uint32_t first, uint32_t last) {
        return point >= first && point <= last;
}

static enum script script_of(uint32_t point) {
        if (is_within(point, 0x3041, 0x309f))
                return SCRIPT_HIRAGANA;
        if (is_within(point, 0x30a1, 0x30ff) || is_within(point, 0x31f0, 0x31ff) ||
            is_within(point, 0xff66, 0xff9f))
                return SCRIPT_KATAKANA;
        if (point == 0x3005 || is_within(point, 0x3400, 0x4dbf) ||
            is_within(point, 0x4e00, 0x9fff) || is_within(point, 0xf900, 0xfaff) ||
            is_within(point, 0x20000, 0x3ffff))
                return SCRIPT_HAN;
        // ASCII's signs, general punctuation to symbols, CJK signs, full-width ones.
        if ((point < 0x80 && !is_within(point | 0x20, 'a', 'z') &&
             !is_within(point, '0', '9')) ||
            is_within(point, 0x2000, 0x2bff) || is_within(point, 0x3000, 0x303f) ||
            is_within(point, 0xff01, 0xff0f) || is_within(point, 0xff1a, 0xff20) ||
            is_within(point, 0x1f000, 0x1faff))
                return SCRIPT_OTHER;
        return SCRIPT_LETTER;
}

// True when one of the signs (each a character in UTF-8) is this one.
static bool is_among(uint32_t point, const char *signs) {
        size_t n = strlen(signs);

        for (size_t i = 0; i < n;) {
                int step = utf8_step(signs + i, n - i);

                if (point_of(signs + i, step) == point)
                        return true;
                i += step > 0 ? (size_t)step : 1;
        }
        return false;
}

// The last sign of the piece that is no closing quote or bracket.
static uint32_t end_point(const char *text, size_t n) {
        uint32_t point = last_point(text, n);

        while (n > 0 && is_among(point, "\"')’”」』）〉》】")) {
                while (--n > 0 && ((uint8_t)text[n] & 0xc0) == 0x80)
                        ;
                point = last_point(text, n);
        }
        return point;
}

bool break_ends_sentence(const char *text, size_t n) {
        return is_among(end_point(text, n), ".!?。！？…．｡");
}

// Signs that no line begins with: what closes, lengthens, or is written small (as Japanese
// typesetting has it).
static bool sticks_to_the_left(uint32_t point) {
        return is_among(point,
                        ".,!?:;)]}%’”。、，．！？：；…‥・」』）〉》】〕｝］ー々〜～ゝゞヽヾ"
                        "ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ｡｣､･ｰ％");
}

// And that none ends with.
static bool sticks_to_the_right(uint32_t point) {
        return is_among(point, "([{‘“「『（〈《【〔｛［｢");
}

enum break_quality break_judge(const char *before, size_t n_before, const char *after,
                               size_t n_after) {
        uint32_t left = last_point(before, n_before), right = first_point(after, n_after);
        enum script left_script = script_of(left), right_script = script_of(right);
        bool is_blank = left == ' ' || right == ' ' || left == 0x3000 || right == 0x3000;

        if (!is_blank && (sticks_to_the_left(right) || sticks_to_the_right(left)))
                return BREAK_NEVER;
        if (break_ends_sentence(before, n_before) ||
            is_among(end_point(before, n_before), ",;:，、；：､"))
                // "3.5" and "10:30" are no clauses.
                return is_blank || left >= 0x80 ? BREAK_CLAUSE : BREAK_NEVER;
        if (is_blank)
                return BREAK_BLANK;
        if (left_script != right_script)
                // A word's ending and what follows it are written in Hiragana behind Han.
                return left_script == SCRIPT_HAN && right_script == SCRIPT_HIRAGANA
                               ? BREAK_NEVER
                               : BREAK_WORDS;
        return left_script == SCRIPT_HAN || left_script == SCRIPT_HIRAGANA ||
                               left_script == SCRIPT_OTHER
                       ? BREAK_PARTS
                       : BREAK_NEVER;
}
