#include "dialect/written_words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

// A sign alone is not meant: what the model says with a sign behind it, or with nothing but
// one, has been put to its word already.
static bool word_goes_on(const char *text) {
        return text[0] && strchr(",.-'/:%", text[0]) && text[1];
}

static void word_append(struct hypothesis_word *word, const struct hypothesis_word *rest) {
        char *before = word->text;

        word->text = xasprintf("%s%s", before, rest->text);
        free(before);
        word->end = rest->end;
        if (rest->probability < word->probability)
                word->probability = rest->probability;
}

struct hypothesis_word *written_words(const struct segment *segment, size_t *ret_n) {
        struct hypothesis_word *words = hypothesis_words_copy(segment->words, segment->n_words);
        size_t n = 0;

        for (size_t i = 0; i < segment->n_words; i++) {
                if (n > 0 && word_goes_on(words[i].text)) {
                        word_append(&words[n - 1], &words[i]);
                        free(words[i].text);
                } else {
                        words[n++] = words[i];
                }
        }
        *ret_n = n;
        return words;
}
