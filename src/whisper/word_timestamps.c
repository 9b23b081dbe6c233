#include "whisper/word_timestamps.h"

#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "util/mem.h"

#define MEDIAN_MAX 0.7  // seconds

static const char ascii_punctuation[] = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

bool word_timestamps_by_character(const char *language) {
        static const char *const codes[] = {"zh", "ja", "th", "lo", "my", "yue"};

        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
                if (strcmp(codes[i], language) == 0)
                        return true;
        return false;
}

void word_timestamps_deinit(struct timed_words *words) {
        for (size_t i = 0; i < words->n; i++)
                free(words->items[i].text);
        free(words->items);
        *words = (struct timed_words){0};
}

// --- Splitting ----------------------------------------------------------------------------

// True when `text` without blanks around it stands somewhere in `signs`: one sign, or several
// in that order.
static bool is_among(const char *text, const char *signs) {
        CLEANUP(mem_freep) char *bare = NULL;
        size_t n;

        text += strspn(text, " ");
        n = strlen(text);
        while (n > 0 && text[n - 1] == ' ')
                n--;
        bare = xasprintf("%.*s", (int)n, text);
        return strstr(signs, bare) != NULL;
}

static void text_append(char **text, const char *more) {
        CLEANUP(mem_freep) char *before = *text;

        *text = xasprintf("%s%s", before, more);
}

// A character or more, made of n tokens, becomes a word or goes on with the last one.
static void take_characters(struct timed_words *words, const char *text, size_t n,
                            bool by_character) {
        struct timed_word *last;

        if (by_character || words->n == 0 || text[0] == ' ' ||
            is_among(text, ascii_punctuation)) {
                words->items[words->n++] =
                        (struct timed_word){.text = xstrdup(text), .n_tokens = n};
                return;
        }
        last = &words->items[words->n - 1];
        text_append(&last->text, text);
        last->n_tokens += n;
}

void word_timestamps_split(struct timed_words *ret, const struct tokenizer *tokenizer,
                           const int32_t *tokens, size_t n, bool by_character) {
        CLEANUP(mem_freep) char *whole = tokenizer_decode(tokenizer, tokens, n);
        size_t first = 0, n_bytes = 0;

        *ret = (struct timed_words){.items = xcalloc(n, sizeof(*ret->items))};
        // A character may take several tokens: they are together when what they say is what
        // stands there in the whole text.
        for (size_t i = 1; i <= n; i++) {
                CLEANUP(mem_freep)
                char *text = tokenizer_decode(tokenizer, tokens + first, i - first);
                size_t length = strlen(text);

                if (i < n && strncmp(whole + n_bytes, text, length) != 0)
                        continue;
                take_characters(ret, text, i - first, by_character);
                n_bytes += length;
                first = i;
        }
}

// --- Times --------------------------------------------------------------------------------

static int double_compare(const void *a, const void *b) {
        double first = *(const double *)a, second = *(const double *)b;

        return first < second ? -1 : first > second;
}

// What words last that last at all.
static double median_duration(const struct timed_words *words) {
        double *durations = xcalloc(words->n + 1, sizeof(*durations)), median = 0;
        size_t n = 0;

        for (size_t i = 0; i < words->n; i++)
                if (words->items[i].end > words->items[i].begin)
                        durations[n++] = words->items[i].end - words->items[i].begin;
        qsort(durations, n, sizeof(*durations), double_compare);
        if (n > 0)
                median = (durations[(n - 1) / 2] + durations[n / 2]) / 2;
        free(durations);
        return median < MEDIAN_MAX ? median : MEDIAN_MAX;
}

static void limit_sentence_ends(struct timed_words *words) {
        static const char marks[] = ".。!！?？";
        double longest = 2 * words->median;

        for (size_t i = 1; longest > 0 && i < words->n; i++) {
                struct timed_word *word = &words->items[i];

                if (word->end - word->begin <= longest)
                        continue;
                if (strstr(marks, word->text))
                        word->end = word->begin + longest;
                else if (strstr(marks, words->items[i - 1].text))
                        word->begin = word->end - longest;
        }
}

// `from` becomes part of `into`, before or after what is there.
static void word_merge(struct timed_word *into, struct timed_word *from, bool goes_before) {
        CLEANUP(mem_freep)
        char *text = goes_before ? xasprintf("%s%s", from->text, into->text)
                                 : xasprintf("%s%s", into->text, from->text);

        free(into->text);
        into->text = TAKE(text);
        into->n_tokens += from->n_tokens;
        from->text[0] = '\0';
        from->n_tokens = 0;
}

static void merge_prepended(struct timed_words *words, const char *signs) {
        size_t into = words->n - 1;

        for (size_t i = words->n - 1; i > 0; i--) {
                struct timed_word *word = &words->items[i - 1];

                if (word->text[0] == ' ' && is_among(word->text, signs))
                        word_merge(&words->items[into], word, true);
                else
                        into = i - 1;
        }
}

static void merge_appended(struct timed_words *words, const char *signs) {
        size_t into = 0;

        for (size_t i = 1; i < words->n; i++) {
                struct timed_word *word = &words->items[i];
                const char *before = words->items[into].text;
                size_t n = strlen(before);

                if (!(n > 0 && before[n - 1] == ' ') && strstr(signs, word->text))
                        word_merge(&words->items[into], word, false);
                else
                        into = i;
        }
}

void word_timestamps_place(struct timed_words *words, const uint32_t *begins,
                           const float *probabilities, double offset, const char *prepended,
                           const char *appended) {
        size_t token = 0;

        for (size_t i = 0; i < words->n; i++) {
                struct timed_word *word = &words->items[i];
                double total = 0;

                for (size_t k = 0; k < word->n_tokens; k++)
                        total += (double)probabilities[token + k];
                word->probability = (float)(total / (double)word->n_tokens);
                word->begin = offset + begins[token] * WORD_TIMESTAMPS_FRAME;
                token += word->n_tokens;
                word->end = offset + begins[token] * WORD_TIMESTAMPS_FRAME;
        }
        words->median = median_duration(words);
        limit_sentence_ends(words);
        if (words->n == 0)
                return;
        merge_prepended(words, prepended);
        merge_appended(words, appended);
}

// --- Segments -----------------------------------------------------------------------------

// After a pause alignment likes to begin too early: the first two words are cut.
static void limit_after_pause(double median, struct timed_word *words, size_t n,
                              double last_speech) {
        double longest = 2 * median;
        bool has_second = n > 1;

        if (words[0].end - last_speech <= 4 * median)
                return;
        if (words[0].end - words[0].begin <= longest &&
            !(has_second && words[1].end - words[0].begin > 2 * longest))
                return;
        if (has_second && words[1].end - words[1].begin > longest) {
                double boundary = MAX(words[1].end / 2, words[1].end - longest);

                words[0].end = words[1].begin = boundary;
        }
        words[0].begin = MAX(0, words[0].end - longest);
}

void word_timestamps_fit(const struct timed_words *all, struct timed_word *words, size_t n,
                         double last_speech, double *begin, double *end) {
        struct timed_word *last = &words[n - 1];

        limit_after_pause(all->median, words, n, last_speech);
        if (*begin<words[0].end && * begin - 0.5> words[0].begin)
                words[0].begin = MAX(0, MIN(words[0].end - all->median, *begin));
        else
                *begin = words[0].begin;
        if (*end > last->begin && *end + 0.5 < last->end)
                last->end = MAX(last->begin + all->median, *end);
        else
                *end = last->end;
}
