#include "transcript/agreement.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/utf8.h"

// --- words -----------------------------------------------------------------------------------

struct words {
        const char *text;
        size_t *ends;  // byte after the i-th word
        size_t n;
};

// Is this a character of a script that is written without blanks between words?
static bool is_unspaced(uint32_t character) {
        static const struct {
                uint32_t first, last;
        } blocks[] = {
                {0x0e00, 0x0eff},    // Thai, Lao
                {0x1000, 0x109f},    // Burmese
                {0x1780, 0x17ff},    // Khmer
                {0x2e80, 0x9fff},    // Chinese characters, kana
                {0xf900, 0xfaff},    // more of them
                {0x20000, 0x3ffff},  // and the rare ones
        };

        for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
                if (character >= blocks[i].first && character <= blocks[i].last)
                        return true;
        return false;
}

static size_t word_end(const char *text, size_t n, size_t begin) {
        size_t at = begin;

        while (at < n && utf8_is_blank(text[at]))
                at++;
        for (size_t first = at; at < n && !utf8_is_blank(text[at]);) {
                int step = utf8_step(text + at, n - at);

                if (step > 0 && is_unspaced(utf8_point(text + at, step)))
                        return at == first ? at + (size_t)step : at;
                at += (size_t)(step > 0 ? step : -step);
        }
        return at;
}

static struct words words_of(const char *text, size_t n) {
        struct words words = {.text = text, .ends = xcalloc(n + 1, sizeof(*words.ends))};

        for (size_t at = 0; at < n;) {
                at = word_end(text, n, at);
                words.ends[words.n++] = at;
        }
        return words;
}

static size_t words_bytes(const struct words *words, size_t n) {
        return n > 0 ? words->ends[n - 1] : 0;
}

static bool words_agree(const struct words *a, size_t i, const struct words *b, size_t j) {
        size_t a_begin = words_bytes(a, i), b_begin = words_bytes(b, j);
        size_t length = a->ends[i] - a_begin;

        return length == b->ends[j] - b_begin &&
               memcmp(a->text + a_begin, b->text + b_begin, length) == 0;
}

// --- alignment -------------------------------------------------------------------------------

static size_t distance_between(size_t a, size_t b) {
        return a > b ? a - b : b - a;
}

// How many of the words heard take the place of the stable ones: the beginning with the least
// edit distance to them, of equal ones the one nearest in length.
static size_t stable_length(const struct words *stable, const struct words *heard) {
        CLEANUP(mem_freep) char *block = xcalloc(heard->n + 1, sizeof(size_t));
        size_t *row = (size_t *)(void *)block;  // distance of the stable words so far to the
        size_t best = 0;                        // first j heard

        for (size_t j = 0; j <= heard->n; j++)
                row[j] = j;
        for (size_t i = 0; i < stable->n; i++) {
                size_t diagonal = row[0];

                row[0] = i + 1;
                for (size_t j = 1; j <= heard->n; j++) {
                        size_t least = diagonal + !words_agree(stable, i, heard, j - 1);

                        diagonal = row[j];
                        if (row[j] + 1 < least)
                                least = row[j] + 1;
                        if (row[j - 1] + 1 < least)
                                least = row[j - 1] + 1;
                        row[j] = least;
                }
        }
        for (size_t j = 1; j <= heard->n; j++)
                if (row[j] < row[best] ||
                    (row[j] == row[best] &&
                     distance_between(j, stable->n) < distance_between(best, stable->n)))
                        best = j;
        return best;
}

static size_t common_words(const struct words *a, const struct words *b) {
        size_t n = 0;

        while (n < a->n && n < b->n && words_agree(a, n, b, n))
                n++;
        return n;
}

// --- the tail --------------------------------------------------------------------------------

void agreement_add(struct agreement *agreement, const char *heard) {
        const char *shown = agreement->text ? agreement->text : "";
        struct words stable = words_of(shown, agreement->stable_bytes);
        struct words before = words_of(shown + agreement->stable_bytes,
                                       strlen(shown + agreement->stable_bytes));
        struct words all = words_of(heard, strlen(heard)), rest;
        char *text;
        size_t n_agreed;

        rest.text = heard + words_bytes(&all, stable_length(&stable, &all));
        rest = words_of(rest.text, strlen(rest.text));
        n_agreed = common_words(&before, &rest);
        text = xasprintf("%.*s%s", (int)agreement->stable_bytes, shown, rest.text);
        agreement->stable_bytes += words_bytes(&rest, n_agreed);
        agreement->stable_words += n_agreed;
        free(agreement->text);
        agreement->text = text;
        free(stable.ends);
        free(before.ends);
        free(all.ends);
        free(rest.ends);
}

void agreement_reset(struct agreement *agreement) {
        free(agreement->text);
        *agreement = (struct agreement){0};
}
