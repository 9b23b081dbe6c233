#include "dialect/deepgram/words.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "dialect/deepgram/bare_word.h"
#include "dialect/json_text.h"
#include "dialect/written_words.h"
#include "util/mem.h"
#include "util/utf8.h"

int64_t deepgram_milliseconds(int64_t position) {
        return (position * 1000 + AUDIO_RATE / 2) / AUDIO_RATE;
}

static int64_t later(int64_t position, int64_t begin) {
        return position > begin ? position : begin;
}

// --- collecting ------------------------------------------------------------------------------

// `written` may have blanks around it, or be nothing but blanks.
static void word_add(struct deepgram_words *words, size_t *room, const char *written,
                     int64_t begin, int64_t end, double confidence) {
        char *text = bare_text(written);

        if (!text[0]) {
                free(text);
                return;
        }
        if (words->n == *room) {
                *room = 2 * *room + 16;
                words->all = xrealloc_array(words->all, *room, sizeof(*words->all));
        }
        words->all[words->n++] =
                (struct deepgram_word){text, utf8_is_blank(written[0]), begin, end, confidence};
}

static double segment_confidence(const struct segment *segment) {
        double confidence = exp((double)segment->avg_logprob);

        return confidence > 1 ? 1 : confidence;
}

static void words_spread(struct deepgram_words *words, size_t *room,
                         const struct segment *segment, int64_t begin) {
        const char *from = segment->text;
        int64_t n = (int64_t)strlen(from), first = later(segment->begin, begin);
        int64_t length = later(segment->end, first) - first;

        for (int64_t at = 0, end; at < n; at = end) {
                CLEANUP(mem_freep) char *word = NULL;

                for (end = at; end < n && utf8_is_blank(from[end]);)
                        end++;
                while (end < n && !utf8_is_blank(from[end]))
                        end++;
                word = xasprintf("%.*s", (int)(end - at), from + at);
                word_add(words, room, word, first + length * at / n, first + length * end / n,
                         segment_confidence(segment));
        }
}

void deepgram_words_collect(struct deepgram_words *ret, const struct segment *segments,
                            size_t n, int64_t begin) {
        size_t room = 0;

        *ret = (struct deepgram_words){0};
        for (size_t i = 0; i < n; i++) {
                const struct segment *segment = &segments[i];
                struct hypothesis_word *words;
                size_t n_words;

                if (segment->n_words == 0)
                        words_spread(ret, &room, segment, begin);
                words = written_words(segment, &n_words);
                for (size_t w = 0; w < n_words; w++)
                        word_add(ret, &room, words[w].text, later(words[w].begin, begin),
                                 later(words[w].end, begin), (double)words[w].probability);
                hypothesis_words_free(words, n_words);
        }
}

void deepgram_words_deinit(struct deepgram_words *words) {
        for (size_t i = 0; i < words->n; i++)
                free(words->all[i].text);
        free(words->all);
        *words = (struct deepgram_words){0};
}

// --- some of them ----------------------------------------------------------------------------

double deepgram_words_confidence(const struct deepgram_words *words, size_t first, size_t end) {
        double sum = 0;

        for (size_t i = first; i < end; i++)
                sum += words->all[i].confidence;
        return end > first ? sum / (double)(end - first) : 0;
}

char *deepgram_words_text(const struct deepgram_words *words, size_t first, size_t end) {
        size_t n = 0;
        char *text;

        for (size_t i = first; i < end; i++)
                n += strlen(words->all[i].text) + 1;
        text = xcalloc(n + 1, 1);
        n = 0;
        for (size_t i = first; i < end; i++) {
                size_t length = strlen(words->all[i].text);

                if (i > first && words->all[i].is_behind)
                        text[n++] = ' ';
                memcpy(text + n, words->all[i].text, length);
                n += length;
        }
        return text;
}

size_t deepgram_words_until_gap(const struct deepgram_words *words, size_t first, int64_t gap) {
        size_t end = first + 1;

        while (end < words->n && words->all[end].begin - words->all[end - 1].end < gap)
                end++;
        return end < words->n ? end : words->n;
}

static bool word_is_stop(const char *text) {
        static const char *const stops[] = {".", "!", "?", "…", "。", "！", "？"};
        size_t n = strlen(text);

        for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
                size_t length = strlen(stops[i]);

                if (n >= length && memcmp(text + n - length, stops[i], length) == 0)
                        return true;
        }
        return false;
}

size_t deepgram_words_until_stop(const struct deepgram_words *words, size_t first, size_t end) {
        size_t at = first;

        while (at < end && !word_is_stop(words->all[at].text))
                at++;
        return at < end ? at + 1 : end;
}

void deepgram_words_write(struct json_text *text, const struct deepgram_words *words,
                          size_t first, size_t end) {
        json_text_open(text, "words", '[');
        for (size_t i = first; i < end; i++) {
                const struct deepgram_word *word = &words->all[i];
                CLEANUP(mem_freep) char *spoken = bare_word(word->text);

                json_text_open(text, NULL, '{');
                json_text_string(text, "word", spoken);
                json_text_seconds(text, "start", deepgram_milliseconds(word->begin));
                json_text_seconds(text, "end", deepgram_milliseconds(word->end));
                json_text_real(text, "confidence", word->confidence);
                json_text_string(text, "punctuated_word", word->text);
                json_text_close(text, '}');
        }
        json_text_close(text, ']');
}
