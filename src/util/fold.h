#pragma once
// Fold: the words of a text as they are compared: without case and accents, and without what
// stands between them. Fire, FIRE and "feu!" of any keyboard are the same then.
//
// Folded are: case (Unicode's full case folding: ß is ss), accents of Latin, Greek, Cyrillic,
// Hebrew and Arabic (NFKD without their marks; what is a letter's own in Thai, Devanagari or
// Kana stays), compatibility forms (full-width digits, ligatures), and the letters ı ø ł đ ħ æ
// œ, which Unicode takes for no accented ones; İ, I, ı and i are one letter.
//
// A token is a word, or in scripts that are written without spaces (util/unspaced.h) one
// character with its marks.
//
// Threads: any one at a time.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"

// What stands between a token and the one before it.
enum fold_gap { FOLD_GLUED, FOLD_BLANK, FOLD_MARK };  // nothing; blanks; other signs

struct fold_token {
        uint32_t begin, end;        // bytes of the text that it stands for
        uint32_t folded, n_folded;  // its place in folded.bytes
        uint8_t gap;                // enum fold_gap
        bool is_unspaced;           // a character of a script without spaces
};

// Zeroed is empty; what was folded is overwritten by the next text.
struct folded {
        char *bytes;
        size_t n_bytes, bytes_capacity;
        struct fold_token *tokens;
        size_t n, capacity;
        enum fold_gap gap;  // what stands behind the last token
};

// Fold the `n` bytes of text (at most 4 GB; what is no UTF-8 in them stands between words).
// `gap` is what stood before it.
void fold_text(struct folded *folded, const char *text, size_t n, enum fold_gap gap);

// The tokens with a blank after each, to compare by. The caller frees it.
char *fold_key(struct folded *folded, const char *text, size_t n);

// Whether the text begins with a character of a script without spaces.
bool fold_begins_unspaced(const char *text);

void folded_deinit(struct folded *folded);
