#include "journal/search_words.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/utf8.h"

// A word or phrase: `n` bytes without quotes.
struct term {
        const char *text;
        size_t n;
        bool is_excluded;
};

struct terms {
        const char *words;  // all of them
        struct term items[SEARCH_WORDS_MAX];
        size_t n, n_wanted;
};

// --- words into terms ------------------------------------------------------------------------

// Bytes of the blank at `text`; 0 of anything else.
static size_t blank_length(const char *text) {
        if (utf8_is_blank(*text))
                return 1;
        if (strncmp(text, "\u00a0", 2) == 0)  // no-break space
                return 2;
        return strncmp(text, "\u3000", 3) == 0 ? 3 : 0;  // ideographic space
}

static int words_error(const struct terms *terms, const char *place, struct error *error,
                       const char *what) {
        return error_set(error, -EINVAL, "%s (byte %td)", what, place - terms->words + 1);
}

// Anything beyond ASCII may be a letter; if it is none FTS5 leaves it out.
static bool has_letter(const char *text, size_t n) {
        for (size_t i = 0; i < n; i++)
                if ((unsigned char)text[i] >= 0x80 || isalnum((unsigned char)text[i]))
                        return true;
        return false;
}

// A phrase ends with its quote, behind which a blank or nothing stands; a word at a blank.
// Fill term->text and n, and *ret_end.
static int term_read(const struct terms *terms, const char *begin, struct term *term,
                     const char **ret_end, struct error *error) {
        const char *end = begin + 1;

        term->text = begin;
        if (*begin == '"') {
                end = strchr(begin + 1, '"');
                if (!end)
                        return words_error(terms, begin, error, "a quote that is not closed");
                term->text = begin + 1;
                term->n = (size_t)(end - term->text);
                *ret_end = ++end;
                if (*end != '\0' && blank_length(end) == 0)
                        return words_error(terms, end, error, "no blank behind a phrase");
                return 0;
        }
        while (*end != '\0' && *end != '"' && blank_length(end) == 0)
                end++;
        if (*end == '"')
                return words_error(terms, end, error, "a quote within a word");
        term->n = (size_t)(end - begin);
        *ret_end = end;
        return 0;
}

// The term at *at, which is moved behind it, into the list, unless nothing in it can be found.
static int term_add(struct terms *terms, const char **at, struct error *error) {
        const char *begin = *at;
        struct term term = {.is_excluded = *begin == '-'};
        int result;

        begin += term.is_excluded;
        if (*begin == '\0' || blank_length(begin) > 0)
                return words_error(terms, *at, error, "nothing behind the minus sign");
        result = term_read(terms, begin, &term, at, error);
        if (result != 0)
                return result;
        if (!has_letter(term.text, term.n))
                return 0;
        if (terms->n == SEARCH_WORDS_MAX)
                return words_error(terms, begin, error, "too many words");
        terms->items[terms->n++] = term;
        terms->n_wanted += !term.is_excluded;
        return 0;
}

static int terms_check(const struct terms *terms, size_t n, struct error *error) {
        if (n > SEARCH_WORDS_BYTES_MAX)
                return words_error(terms, terms->words + SEARCH_WORDS_BYTES_MAX, error,
                                   "too long");
        for (size_t i = 0; i < n;) {
                int step = utf8_step(terms->words + i, n - i);

                if (step < 0)
                        return words_error(terms, terms->words + i, error, "no UTF-8");
                i += (size_t)step;
        }
        return 0;
}

static int terms_read(struct terms *terms, struct error *error) {
        const char *at = terms->words;
        int result = terms_check(terms, strlen(at), error);

        while (result == 0 && *at != '\0') {
                size_t blank = blank_length(at);

                if (blank > 0)
                        at += blank;
                else
                        result = term_add(terms, &at, error);
        }
        if (result == 0 && terms->n_wanted == 0)
                return words_error(terms, terms->words, error,
                                   terms->n ? "only words to leave out, and none to find"
                                            : "nothing to search for");
        return result;
}

// --- terms into an expression ----------------------------------------------------------------

// In quotes every byte stands for itself; there are no quotes in a term.
static void terms_print(FILE *stream, const struct terms *terms, bool are_excluded,
                        const char *between) {
        const char *before = "";

        for (size_t i = 0; i < terms->n; i++) {
                const struct term *term = &terms->items[i];

                if (term->is_excluded != are_excluded)
                        continue;
                fprintf(stream, "%s\"%.*s\"", before, (int)term->n, term->text);
                before = between;
        }
}

int search_words_translate(char **ret, const char *words, struct error *error) {
        struct terms terms = {.words = words};
        char *expression = NULL;
        size_t length;
        FILE *stream;
        int result = terms_read(&terms, error);

        if (result != 0)
                return result;
        stream = open_memstream(&expression, &length);
        if (!stream)
                return error_set(error, -ENOMEM, "out of memory");
        // A blank between them is an AND that leaves out what has no token.
        terms_print(stream, &terms, false, " ");
        if (terms.n_wanted < terms.n) {
                fputs(" NOT (", stream);
                terms_print(stream, &terms, true, " OR ");
                fputc(')', stream);
        }
        if (fclose(stream) != 0) {
                free(expression);
                return error_set(error, -ENOMEM, "out of memory");
        }
        *ret = expression;
        return 0;
}
