#include "journal/row_words.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

// A number, seven bits a byte, the lowest first, the eighth bit set where more follow; at most
// ten bytes.
#define NUMBER_MAX 10

// --- writing ---------------------------------------------------------------------------------

static uint8_t *number_write(uint8_t *to, uint64_t number) {
        for (; number >= 0x80; number >>= 7)
                *to++ = (uint8_t)(number | 0x80);
        *to++ = (uint8_t)number;
        return to;
}

// Small differences are small numbers, whichever way they go.
static uint8_t *signed_write(uint8_t *to, int64_t number) {
        return number_write(to, (uint64_t)number << 1 ^ (uint64_t)(number >> 63));
}

// Where `word` comes next in the text; NULL where it does not.
static const char *word_find(const char *text, const char *word) {
        return text ? strstr(text, word) : NULL;
}

// The differences wrap, so that any times can be written.
static int64_t difference(int64_t a, int64_t b) {
        return (int64_t)((uint64_t)a - (uint64_t)b);
}

uint8_t *row_words_encode(const struct row *row, size_t *ret_n) {
        const char *rest = row->text;
        int64_t time = row->position;
        size_t most = NUMBER_MAX;
        uint8_t *bytes, *to;

        *ret_n = 0;
        if (row->n_words == 0)
                return NULL;
        for (size_t i = 0; i < row->n_words; i++)
                most += 4 * NUMBER_MAX + sizeof(float) + strlen(row->words[i].text);
        bytes = to = xcalloc(most, 1);
        to = number_write(to, row->n_words);
        for (size_t i = 0; i < row->n_words; i++) {
                const struct row_word *word = &row->words[i];
                size_t n = strlen(word->text);
                const char *place = word_find(rest, word->text);

                to = number_write(to, (uint64_t)n << 1 | (place != NULL));
                if (place) {
                        to = number_write(to, (uint64_t)(place - rest));
                        rest = place + n;
                } else {
                        memcpy(to, word->text, n);
                        to += n;
                }
                to = signed_write(to, difference(word->begin, time));
                to = signed_write(to, difference(word->end, word->begin));
                memcpy(to, &word->probability, sizeof(float));
                to += sizeof(float);
                time = word->end;
        }
        *ret_n = (size_t)(to - bytes);
        return bytes;
}

// --- reading ---------------------------------------------------------------------------------

struct input_bytes {
        const uint8_t *at;
        size_t left;
        bool is_wrong;
};

static uint64_t number_read(struct input_bytes *input) {
        uint64_t number = 0;

        for (unsigned shift = 0; shift < 7 * NUMBER_MAX; shift += 7) {
                uint8_t byte;

                if (input->left == 0)
                        break;
                byte = *input->at++;
                input->left--;
                number |= (uint64_t)(byte & 0x7F) << shift;
                if (byte < 0x80)
                        return number;
        }
        input->is_wrong = true;
        return 0;
}

static int64_t signed_read(struct input_bytes *input) {
        uint64_t number = number_read(input);

        return (int64_t)(number >> 1 ^ -(number & 1));
}

static const uint8_t *bytes_read(struct input_bytes *input, uint64_t n) {
        const uint8_t *bytes = input->at;

        if (input->is_wrong || n > input->left) {
                input->is_wrong = true;
                return NULL;
        }
        input->at += n;
        input->left -= n;
        return bytes;
}

static char *text_make(const void *bytes, size_t n) {
        char *text = xcalloc(n + 1, 1);

        memcpy(text, bytes, n);
        return text;
}

// The text of one word; `rest` is the text that is not used up. NULL when the input is wrong.
static char *word_text_read(struct input_bytes *input, const char **rest) {
        uint64_t head = number_read(input), n = head >> 1, skip;
        size_t left = *rest ? strlen(*rest) : 0;
        const uint8_t *bytes;

        if (!(head & 1)) {
                bytes = bytes_read(input, n);
                return bytes ? text_make(bytes, (size_t)n) : NULL;
        }
        skip = number_read(input);
        if (input->is_wrong || !*rest || skip > left || n > left - skip)
                return NULL;
        *rest += skip + n;
        return text_make(*rest - n, (size_t)n);
}

static bool word_read(struct input_bytes *input, const char **rest, int64_t *time,
                      struct row_word *ret) {
        const uint8_t *bytes;

        ret->text = word_text_read(input, rest);
        if (!ret->text)
                return false;
        ret->begin = (int64_t)((uint64_t)*time + (uint64_t)signed_read(input));
        ret->end = (int64_t)((uint64_t)ret->begin + (uint64_t)signed_read(input));
        *time = ret->end;
        bytes = bytes_read(input, sizeof(float));
        if (bytes)
                memcpy(&ret->probability, bytes, sizeof(float));
        return bytes != NULL;
}

static void words_drop(struct row *row) {
        for (size_t i = 0; i < row->n_words; i++)
                free(row->words[i].text);
        row->words = mem_free(row->words);
        row->n_words = 0;
}

bool row_words_decode(struct row *row, const uint8_t *bytes, size_t n) {
        struct input_bytes input = {.at = bytes, .left = n};
        const char *rest = row->text;
        int64_t time = row->position;
        uint64_t n_words = n ? number_read(&input) : 0;

        row->words = NULL;
        row->n_words = 0;
        // Each word takes bytes, so that their number cannot ask for more memory than they
        // have.
        if (input.is_wrong || n_words > input.left)
                return false;
        if (n_words)
                row->words = xcalloc(n_words, sizeof(*row->words));
        for (; row->n_words < n_words; row->n_words++) {
                if (word_read(&input, &rest, &time, &row->words[row->n_words]))
                        continue;
                row->n_words++;
                words_drop(row);
                return false;
        }
        if (input.left == 0)
                return true;
        words_drop(row);
        return false;
}
