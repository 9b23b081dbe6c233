#include "whisper/seam.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

// The last character of valid UTF-8; 0 of an empty text.
static uint32_t last_character(const char *text) {
        const unsigned char *bytes = (const unsigned char *)text;
        size_t n = strlen(text), first = n;
        uint32_t character = 0;

        while (first > 0 && (bytes[first - 1] & 0xc0) == 0x80)
                first--;
        if (first == 0)
                return 0;
        first--;
        // Of a character's first byte the bits behind those that tell its length.
        character = n - first == 1 ? bytes[first] : bytes[first] & (0x7fu >> (n - first));
        for (size_t i = first + 1; i < n; i++)
                character = character << 6 | (bytes[i] & 0x3fu);
        return character;
}

// Scripts without spaces between words, whose characters are whole when they are there: Thai
// and Lao, Burmese, Khmer, and Chinese and Japanese with their punctuation.
static bool is_whole_by_itself(uint32_t character) {
        static const struct {
                uint32_t first, last;
        } ranges[] = {
                {0x0e00, 0x0eff}, {0x1000, 0x109f},   {0x1780, 0x17ff}, {0x2e80, 0x30ff},
                {0x31c0, 0x31ff}, {0x3400, 0x4dbf},   {0x4e00, 0x9fff}, {0xf900, 0xfaff},
                {0xff00, 0xffef}, {0x20000, 0x3ffff},
        };

        for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
                if (character >= ranges[i].first && character <= ranges[i].last)
                        return true;
        return false;
}

// How many of the words are whole for sure: without the last one, and what it is made of where
// each character counts as a word. None where there is only one.
static size_t count_whole(const struct timed_words *words) {
        size_t n = words->n;

        while (n > 0) {
                const char *text = words->items[n - 1].text;

                if (is_whole_by_itself(last_character(text)))
                        return n;
                n--;
                if (text[0] == ' ')
                        return n;
        }
        return 0;
}

// Of the last whole words, those behind a sign or a pause are left to the next window when they
// are few: what is said in one breath is heard better as a whole.
static size_t count_to_breath(const struct timed_words *words, size_t n_whole) {
        size_t least = n_whole - n_whole / SEAM_BREATH_PART;

        for (size_t n = n_whole; n > 0 && n >= least; n--) {
                const struct timed_word *word = &words->items[n - 1];
                size_t length = strlen(word->text);

                if (length > 0 && ispunct((unsigned char)word->text[length - 1]))
                        return n;
                if (n < words->n && words->items[n].begin - word->end >= SEAM_PAUSE)
                        return n;
        }
        return n_whole;
}

// The tokens up to the last of `n_text` text tokens.
static size_t count_tokens(const int32_t *tokens, size_t n, int32_t end_of_text,
                           size_t n_text) {
        size_t at = 0;

        for (size_t n_seen = 0; at < n && n_seen < n_text; at++)
                n_seen += tokens[at] < end_of_text;
        return at;
}

struct seam seam_find(const struct timed_words *words, const int32_t *tokens, size_t n,
                      int32_t end_of_text, double least) {
        struct seam seam = {.position = least};
        size_t n_words = count_to_breath(words, count_whole(words)), n_text = 0;

        if (n_words == 0)
                n_words = words->n;
        while (n_words < words->n && words->items[n_words].begin < least)
                n_words++;
        for (size_t i = 0; i < n_words; i++) {
                const struct timed_word *word = &words->items[i];

                n_text += word->n_tokens;
                if (word->text[0] != '\0' && word->end > seam.position)
                        seam.position = word->end;
        }
        seam.n_tokens = count_tokens(tokens, n, end_of_text, n_text);
        return seam;
}
