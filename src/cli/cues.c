#include "cli/cues.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "util/line_text.h"
#include "util/mem.h"

// A silence of so much ends a cue.
#define PAUSE ((int64_t)AUDIO_RATE * 4 / 5)
// A sentence ends one when it has so many characters; shorter ones share it.
#define SENTENCE_MIN 20

// Characters, not bytes.
static size_t length_of(const char *text) {
        size_t n = 0;

        for (; *text; text++)
                n += ((unsigned char)*text & 0xC0) != 0x80;
        return n;
}

// True when the word ends with one of the signs (each a UTF-8 string), maybe in quotes.
static bool ends_with(const char *word, const char *const *signs) {
        size_t n = strlen(word);

        while (n > 0 && (word[n - 1] == '"' || word[n - 1] == '\'' || word[n - 1] == ')'))
                n--;
        for (; *signs; signs++) {
                size_t length = strlen(*signs);

                if (n >= length && memcmp(word + n - length, *signs, length) == 0)
                        return true;
        }
        return false;
}

static bool ends_sentence(const struct hypothesis_word *word) {
        static const char *const signs[] = {".", "!", "?", "。", "！", "？", "…", NULL};

        return ends_with(word->text, signs);
}

static bool ends_clause(const struct hypothesis_word *word) {
        static const char *const signs[] = {",", ";", ":", "，", "、", "；", "：", NULL};

        return ends_sentence(word) || ends_with(word->text, signs);
}

// A good place among n words that are too many for one cue: behind the last clause that ends in
// their later half.
static size_t place_to_break(const struct hypothesis_word *words, size_t n) {
        for (size_t i = n; i > n / 2 && i > 1; i--)
                if (ends_clause(&words[i - 1]))
                        return i;
        return n;
}

// How many words go into the cue that begins with the first of n.
static size_t words_of_cue(const struct hypothesis_word *words, size_t n) {
        size_t length = length_of(words[0].text);

        for (size_t i = 1; i < n; i++) {
                size_t longer = length + length_of(words[i].text);

                if (words[i].begin - words[i - 1].end >= PAUSE ||
                    (ends_sentence(&words[i - 1]) && length >= SENTENCE_MIN))
                        return i;
                if (longer > 2 * CUE_LINE_MAX ||
                    words[i].end - words[0].begin > (int64_t)CUE_SECONDS_MAX * AUDIO_RATE)
                        return place_to_break(words, i);
                length = longer;
        }
        return n;
}

struct cue cue_next(const struct segment *segment, size_t first) {
        const struct hypothesis_word *words = segment->words + first;
        size_t n = words_of_cue(words, segment->n_words - first);

        return (struct cue){
                .first = first, .n = n, .begin = words[0].begin, .end = words[n - 1].end};
}

// Before which word the second line begins, so that both are about as long; 0 for one line.
static size_t line_break(const struct hypothesis_word *words, size_t n) {
        size_t total = 0, before = 0, best = 0, least = SIZE_MAX;

        for (size_t i = 0; i < n; i++)
                total += length_of(words[i].text);
        if (total <= CUE_LINE_MAX + 1)
                return 0;  // with the space in front
        for (size_t i = 1; i < n; i++) {
                size_t longer;

                before += length_of(words[i - 1].text);
                longer = before > total - before ? before : total - before;
                if (longer < least) {
                        least = longer;
                        best = i;
                }
        }
        return best;
}

// Each of the text's lines made fit for one.
static char *lines_fit(char *text) {
        char *rest = text, *first = strsep(&rest, "\n");
        CLEANUP(mem_freep) char *first_fit = line_text_copy(first);
        CLEANUP(mem_freep) char *rest_fit = rest ? line_text_copy(rest) : NULL;

        return rest_fit ? xasprintf("%s\n%s", first_fit, rest_fit) : TAKE(first_fit);
}

char *cue_text(const struct segment *segment, const struct cue *cue) {
        const struct hypothesis_word *words = segment->words + cue->first;
        size_t n_text = 0, second = line_break(words, cue->n);
        CLEANUP(mem_freep) char *text = NULL;
        FILE *stream = open_memstream(&text, &n_text);

        for (size_t i = 0; stream && i < cue->n; i++) {
                bool begins_line = i == 0 || i == second;
                const char *word =
                        words[i].text + (begins_line ? strspn(words[i].text, " ") : 0);

                if (i > 0 && i == second)
                        fputc('\n', stream);
                for (; *word; word++)
                        fputc(*word == '\n' ? ' ' : *word, stream);
        }
        if (!stream || fclose(stream) != 0)
                return xstrdup("");
        return lines_fit(text);
}
