#include "util/fold.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "util/array.h"
#include "util/mem.h"
#include "util/unspaced.h"

// Characters that one can become: U+FDFA becomes eighteen.
#define PARTS_MAX 32

struct accent_range {
        int32_t first, last;
};

// Marks that a word is the same word without.
static bool is_accent(int32_t character) {
        static const struct accent_range accents[] = {
                {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05C7}, {0x0610, 0x061A},
                {0x064B, 0x065F}, {0x0670, 0x0670}, {0x06D6, 0x06ED}, {0x1AB0, 0x1AFF},
                {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF}, {0xFE20, 0xFE2F},
        };

        for (size_t i = 0; i < sizeof(accents) / sizeof(accents[0]); i++)
                if (character >= accents[i].first && character <= accents[i].last)
                        return true;
        return false;
}

// Letters with a stroke, and joined ones, in small; NULL for others.
static const char *letter_plain(int32_t character) {
        switch (character) {
        case 0x00E6:
                return "ae";
        case 0x00F8:
                return "o";
        case 0x0111:
                return "d";
        case 0x0127:
                return "h";
        case 0x0131:
                return "i";
        case 0x0142:
                return "l";
        case 0x0153:
                return "oe";
        default:
                return NULL;
        }
}

enum character_class { CLASS_WORD, CLASS_MARK, CLASS_BLANK, CLASS_OTHER };

static enum character_class class_of(int32_t character) {
        switch (utf8proc_category(character)) {
        case UTF8PROC_CATEGORY_LU:
        case UTF8PROC_CATEGORY_LL:
        case UTF8PROC_CATEGORY_LT:
        case UTF8PROC_CATEGORY_LM:
        case UTF8PROC_CATEGORY_LO:
        case UTF8PROC_CATEGORY_ND:
        case UTF8PROC_CATEGORY_NL:
        case UTF8PROC_CATEGORY_NO:
                return CLASS_WORD;
        case UTF8PROC_CATEGORY_MN:
        case UTF8PROC_CATEGORY_MC:
        case UTF8PROC_CATEGORY_ME:
                return CLASS_MARK;
        case UTF8PROC_CATEGORY_ZS:
        case UTF8PROC_CATEGORY_ZL:
        case UTF8PROC_CATEGORY_ZP:
        case UTF8PROC_CATEGORY_CC:
                return CLASS_BLANK;
        default:
                return CLASS_OTHER;
        }
}

// Signs below a consonant that make the next one part of the same character: Myanmar's virama
// and Khmer's coeng.
static bool is_joiner(int32_t character) {
        return character == 0x1039 || character == 0x17D2;
}

// --- making tokens ---------------------------------------------------------------------------

struct folding {
        struct folded *folded;
        struct fold_token *open;  // the last token, which may go on; NULL: none
        int32_t last;             // character of it
        enum fold_gap gap;        // since the token before
        uint32_t begin, end;      // the character of the text that is being folded
};

static void token_extend(struct folding *folding, const char *bytes, size_t n) {
        struct folded *folded = folding->folded;

        while (folded->n_bytes + n > folded->bytes_capacity) {
                folded->bytes_capacity =
                        folded->bytes_capacity ? 2 * folded->bytes_capacity : 256;
                folded->bytes = xrealloc_array(folded->bytes, folded->bytes_capacity, 1);
        }
        memcpy(folded->bytes + folded->n_bytes, bytes, n);
        folded->n_bytes += n;
        folding->open->n_folded += (uint32_t)n;
        folding->open->end = folding->end;
}

static void token_begin(struct folding *folding, bool unspaced) {
        struct folded *folded = folding->folded;

        folded->tokens = array_grow(folded->tokens, folded->n, &folded->capacity,
                                    sizeof(*folded->tokens));
        folding->open = &folded->tokens[folded->n++];
        *folding->open = (struct fold_token){
                .begin = folding->begin,
                .end = folding->end,
                .folded = (uint32_t)folded->n_bytes,
                .gap = (uint8_t)folding->gap,
                .is_unspaced = unspaced,
        };
        folding->gap = FOLD_GLUED;
}

// Between words.
static void gap_widen(struct folding *folding, enum fold_gap gap) {
        folding->open = NULL;
        if (gap > folding->gap)
                folding->gap = gap;
}

// A letter or digit, or a mark that is part of one.
static void letter_add(struct folding *folding, int32_t character, bool is_mark) {
        const char *plain = letter_plain(character);
        char bytes[4];
        bool unspaced = unspaced_is_letter((uint32_t)character);
        bool goes_on = folding->open && (is_mark || (unspaced ? is_joiner(folding->last)
                                                              : !folding->open->is_unspaced));

        if (!goes_on)
                token_begin(folding, unspaced);
        folding->last = character;
        if (plain)
                token_extend(folding, plain, strlen(plain));
        else
                token_extend(
                        folding, bytes,
                        (size_t)utf8proc_encode_char(character, (utf8proc_uint8_t *)bytes));
}

// What is left out of a token, but stands on it in the text.
static void invisible_add(struct folding *folding) {
        if (folding->open)
                folding->open->end = folding->end;
}

static void character_fold(struct folding *folding, int32_t character) {
        static const utf8proc_option_t options =
                (utf8proc_option_t)((unsigned)UTF8PROC_DECOMPOSE | (unsigned)UTF8PROC_COMPAT |
                                    (unsigned)UTF8PROC_CASEFOLD | (unsigned)UTF8PROC_IGNORE);
        utf8proc_int32_t parts[PARTS_MAX];
        int boundary = 0;
        utf8proc_ssize_t n =
                utf8proc_decompose_char(character, parts, PARTS_MAX, options, &boundary);

        if (n == 0)  // a choice of a shape, say, that changes nothing
                invisible_add(folding);
        for (utf8proc_ssize_t i = 0; i < n && n <= PARTS_MAX; i++) {
                enum character_class class = class_of(parts[i]);

                if (is_accent(parts[i])) {
                        invisible_add(folding);
                        continue;
                }
                if (class == CLASS_WORD || class == CLASS_MARK)
                        letter_add(folding, parts[i], class == CLASS_MARK);
                else
                        gap_widen(folding, class == CLASS_BLANK ? FOLD_BLANK : FOLD_MARK);
        }
}

// Most of most texts. Returns false when the byte is not one of them.
static bool ascii_fold(struct folding *folding, char byte) {
        char small = (char)(byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte);

        if ((small < 'a' || small > 'z') && (small < '0' || small > '9')) {
                if (byte != ' ')
                        return false;
                gap_widen(folding, FOLD_BLANK);
                return true;
        }
        if (!folding->open || folding->open->is_unspaced)
                token_begin(folding, false);
        folding->last = (unsigned char)small;
        token_extend(folding, &small, 1);
        return true;
}

void fold_text(struct folded *folded, const char *text, size_t n, enum fold_gap gap) {
        struct folding folding = {.folded = folded, .gap = gap};

        folded->n = folded->n_bytes = 0;
        for (size_t i = 0; i < n;) {
                utf8proc_int32_t character;
                utf8proc_ssize_t step = 1;

                folding.begin = (uint32_t)i;
                folding.end = (uint32_t)i + 1;
                if (!ascii_fold(&folding, text[i])) {
                        step = utf8proc_iterate((const utf8proc_uint8_t *)text + i,
                                                (utf8proc_ssize_t)(n - i), &character);
                        if (step > 0) {
                                folding.end = (uint32_t)(i + (size_t)step);
                                character_fold(&folding, character);
                        } else {
                                step = 1;
                                gap_widen(&folding, FOLD_MARK);
                        }
                }
                i += (size_t)step;
        }
        folded->gap = folding.gap;
}

char *fold_key(struct folded *folded, const char *text, size_t n) {
        char *key, *to;

        fold_text(folded, text, n, FOLD_BLANK);
        to = key = xcalloc(folded->n_bytes + folded->n + 1, 1);
        for (size_t i = 0; i < folded->n; i++) {
                const struct fold_token *token = &folded->tokens[i];

                memcpy(to, folded->bytes + token->folded, token->n_folded);
                to += token->n_folded;
                *to++ = ' ';
        }
        return key;
}

bool fold_begins_unspaced(const char *text) {
        utf8proc_int32_t character;

        return utf8proc_iterate((const utf8proc_uint8_t *)text, -1, &character) > 0 &&
               unspaced_is_letter((uint32_t)character);
}

void folded_deinit(struct folded *folded) {
        free(folded->bytes);
        free(folded->tokens);
        *folded = (struct folded){0};
}
