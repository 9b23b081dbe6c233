/* The vocabulary, from below: text tokens, end of text, start of transcript, the languages,
 * translate, transcribe, start of LM, start of previous, no speech, no timestamps, and 1501
 * timestamps from 0.00 to 30.00 in steps of 0.02 s.
 *
 * The English vocabulary has 50256 text tokens and the multilingual ones 50257 (one of them
 * empty); all else moves up with that, and by one more for large-v3's hundredth language.
 */
#include "whisper/tokenizer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode/language.h"
#include "util/mem.h"
#include "util/utf8.h"
#include "whisper/tokenizer_bpe.h"

#define ENGLISH_TEXT_TOKENS 50256
#define TIMESTAMPS          1501  // 0.00 s to 30.00 s
// End of text, start of transcript, and the six between the languages and the timestamps.
#define OTHER_SPECIALS 8

struct tokenizer {
        struct tokenizer_specials specials;
        struct bpe *bpe;
        int32_t *suppressed;
        size_t n_suppressed;
};

// From the size of the vocabulary: 51864 English, 51865 multilingual, 51866 large-v3 (and the
// turbo made from it).
static int specials_set(struct tokenizer_specials *ret, int n_vocabulary, struct error *error) {
        int n_languages = LANGUAGES - 1;
        bool is_multilingual = n_vocabulary > ENGLISH_TEXT_TOKENS + OTHER_SPECIALS + LANGUAGES -
                                                      1 + TIMESTAMPS;
        int n_text = ENGLISH_TEXT_TOKENS + is_multilingual;
        int32_t after;

        if (is_multilingual)
                n_languages = n_vocabulary - n_text - OTHER_SPECIALS - TIMESTAMPS;
        if (n_languages > LANGUAGES ||
            n_text + OTHER_SPECIALS + n_languages + TIMESTAMPS != n_vocabulary)
                return error_set(error, -EBADMSG,
                                 "a vocabulary of %d tokens, expected 51864 (English), 51865 "
                                 "or 51866",
                                 n_vocabulary);
        after = n_text + 2 + n_languages;
        *ret = (struct tokenizer_specials){
                .end_of_text = n_text,
                .start_of_transcript = n_text + 1,
                .language_begin = n_text + 2,
                .n_languages = is_multilingual ? n_languages : 0,
                .translate = after,
                .transcribe = after + 1,
                .start_of_lm = after + 2,
                .start_of_prev = after + 3,
                .no_speech = after + 4,
                .no_timestamps = after + 5,
                .timestamp_begin = after + 6,
        };
        return 0;
}

// Where the vocabulary names its specials, the names must stand where they are expected.
static int specials_check(const struct tokenizer_specials *specials,
                          const struct weights *weights, struct error *error) {
        const struct {
                int32_t id;
                const char *name;
        } expected[] = {
                {specials->end_of_text, "<|endoftext|>"},
                {specials->start_of_transcript, "<|startoftranscript|>"},
                {specials->transcribe, "<|transcribe|>"},
                {specials->no_timestamps, "<|notimestamps|>"},
                {specials->timestamp_begin, "<|0.00|>"},
        };

        for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
                size_t length;
                const char *bytes = weights_token(weights, expected[i].id, &length);

                if (length && (length != strlen(expected[i].name) ||
                               memcmp(bytes, expected[i].name, length) != 0))
                        return error_set(error, -EBADMSG,
                                         "token %d is not %s: not Whisper's vocabulary",
                                         expected[i].id, expected[i].name);
        }
        return 0;
}

static int token_compare(const void *a, const void *b) {
        int32_t first = *(const int32_t *)a, second = *(const int32_t *)b;

        return first < second ? -1 : first > second;
}

#define SUPPRESSED_MAX 128

// Symbols that mark what is not speech, as OpenAI's decoder suppresses them: as they are and
// after a space, when that is one token.
static const char *const non_speech[] = {
        "\"",  "#",  "(",  ")",   "*",   "+",   "/",   ":",  ";",   "<",  "=",   ">",
        "@",   "[",  "\\", "]",   "^",   "_",   "`",   "{",  "|",   "}",  "~",   "「",
        "」",  "『", "』", "<<",  ">>",  "<<<", ">>>", "--", "---", "-(", "-[",  "('",
        "(\"", "((", "))", "(((", ")))", "[[",  "]]",  "{{", "}}",  "♪♪", "♪♪♪",
};

// Of these the first token is suppressed even when there are more: it leads to nothing but
// musical signs and their neighbours.
static const char *const musical[] = {"♩", "♪", "♫", "♬", "♭", "♮", "♯"};

// Suppressed after a space only: between words they are needed.
static const char *const before_word[] = {" -", " '"};

static int suppress_text(struct tokenizer *tokenizer, const char *text, bool needs_one_token) {
        int32_t *tokens;
        size_t n;
        int r;

        r = tokenizer_encode(tokenizer, text, &tokens, &n);
        if (r < 0)
                return r;
        if (n == 1 || (n && !needs_one_token))
                tokenizer->suppressed[tokenizer->n_suppressed++] = tokens[0];
        free(tokens);
        return 0;
}

static int suppress_symbols(struct tokenizer *tokenizer, const char *const *symbols, size_t n,
                            bool needs_one_token) {
        for (size_t i = 0; i < n; i++) {
                char spaced[16];
                int r;

                snprintf(spaced, sizeof(spaced), " %s", symbols[i]);
                r = suppress_text(tokenizer, symbols[i], needs_one_token);
                if (r == 0)
                        r = suppress_text(tokenizer, spaced, needs_one_token);
                if (r < 0)
                        return r;
        }
        return 0;
}

#define N(array) (sizeof(array) / sizeof((array)[0]))

static int suppressed_fill(struct tokenizer *tokenizer) {
        const struct tokenizer_specials *specials = &tokenizer->specials;
        const int32_t never_said[] = {specials->transcribe,  specials->translate,
                                      specials->start_of_lm, specials->start_of_prev,
                                      specials->no_speech,   specials->start_of_transcript};
        size_t n = 0;
        int r;

        _Static_assert(2 * N(non_speech) + 2 * N(musical) + N(before_word) + N(never_said) <=
                               SUPPRESSED_MAX,
                       "room for all");
        tokenizer->suppressed = xcalloc(SUPPRESSED_MAX, sizeof(*tokenizer->suppressed));
        r = suppress_symbols(tokenizer, non_speech, N(non_speech), true);
        if (r == 0)
                r = suppress_symbols(tokenizer, musical, N(musical), false);
        for (size_t i = 0; r == 0 && i < N(before_word); i++)
                r = suppress_text(tokenizer, before_word[i], false);
        if (r < 0)
                return r;
        for (size_t i = 0; i < N(never_said); i++)
                tokenizer->suppressed[tokenizer->n_suppressed++] = never_said[i];
        qsort(tokenizer->suppressed, tokenizer->n_suppressed, sizeof(*tokenizer->suppressed),
              token_compare);
        for (size_t i = 0; i < tokenizer->n_suppressed; i++)
                if (i == 0 || tokenizer->suppressed[i] != tokenizer->suppressed[n - 1])
                        tokenizer->suppressed[n++] = tokenizer->suppressed[i];
        tokenizer->n_suppressed = n;
        return 0;
}

static const char *weights_token_of(const void *weights, int32_t id, size_t *ret_length) {
        return weights_token(weights, id, ret_length);
}

int tokenizer_new(struct tokenizer **ret, const struct weights *weights, struct error *error) {
        CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = xnew(struct tokenizer);
        int r;

        r = specials_set(&tokenizer->specials, weights_info(weights)->n_vocabulary, error);
        if (r < 0)
                return r;
        r = specials_check(&tokenizer->specials, weights, error);
        if (r < 0)
                return r;
        r = bpe_new(&tokenizer->bpe, weights_token_of, weights, tokenizer->specials.end_of_text,
                    error);
        if (r < 0)
                return r;
        r = suppressed_fill(tokenizer);
        if (r < 0)
                return error_set(error, r, "no memory for the tokenizer");
        *ret = TAKE(tokenizer);
        return 0;
}

struct tokenizer *tokenizer_free(struct tokenizer *tokenizer) {
        if (!tokenizer)
                return NULL;
        bpe_free(tokenizer->bpe);
        free(tokenizer->suppressed);
        free(tokenizer);
        return NULL;
}

const struct tokenizer_specials *tokenizer_specials(const struct tokenizer *tokenizer) {
        return &tokenizer->specials;
}

char *tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *tokens, size_t n) {
        CLEANUP(mem_freep) char *bytes = NULL;
        size_t n_bytes = 0, length;

        for (size_t i = 0; i < n; i++) {
                if (tokens[i] < 0 || tokens[i] >= tokenizer->specials.end_of_text)
                        continue;
                bpe_bytes(tokenizer->bpe, tokens[i], &length);
                n_bytes += length;
        }
        bytes = xcalloc(n_bytes, 1);
        n_bytes = 0;
        for (size_t i = 0; i < n; i++) {
                const char *token;

                if (tokens[i] < 0 || tokens[i] >= tokenizer->specials.end_of_text)
                        continue;
                token = bpe_bytes(tokenizer->bpe, tokens[i], &length);
                memcpy(bytes + n_bytes, token, length);
                n_bytes += length;
        }
        return utf8_repair(bytes, n_bytes);
}

int tokenizer_encode(const struct tokenizer *tokenizer, const char *text, int32_t **ret,
                     size_t *ret_n) {
        struct bpe_wish all = {.n_max = SIZE_MAX};

        return tokenizer_encode_some(tokenizer, text, &all, ret, ret_n);
}

int tokenizer_encode_some(const struct tokenizer *tokenizer, const char *text,
                          struct bpe_wish *wish, int32_t **ret, size_t *ret_n) {
        CLEANUP(mem_freep) char *repaired = NULL;
        size_t n = strlen(text);

        if (n > TOKENIZER_TEXT_MAX)
                return -E2BIG;
        repaired = utf8_repair(text, n);
        if (!repaired)
                return -ENOMEM;
        return bpe_encode(tokenizer->bpe, repaired, strlen(repaired), wish, ret, ret_n);
}

int32_t tokenizer_language_token(const struct tokenizer *tokenizer, const char *language) {
        for (int32_t i = 0; i < tokenizer->specials.n_languages; i++)
                if (strcmp(language_code(i), language) == 0)
                        return tokenizer->specials.language_begin + i;
        return -1;
}

const char *tokenizer_language_code(const struct tokenizer *tokenizer, int32_t token) {
        int32_t i = token - tokenizer->specials.language_begin;

        return token >= tokenizer->specials.language_begin &&
                               i < tokenizer->specials.n_languages
                       ? language_code(i)
                       : NULL;
}

int32_t *tokenizer_suppress(const struct tokenizer *tokenizer, const int32_t *wishes, size_t n,
                            size_t *ret_n) {
        const struct tokenizer_specials *specials = &tokenizer->specials;
        int32_t *tokens = xcalloc(tokenizer->n_suppressed + n, sizeof(*tokens));
        bool has_symbols = false;

        for (size_t i = 0; i < n; i++)
                has_symbols = has_symbols || wishes[i] == -1;
        *ret_n = 0;
        // The non-speech set is text; the specials stand behind it.
        for (size_t i = 0; i < tokenizer->n_suppressed; i++)
                if (has_symbols || tokenizer->suppressed[i] > specials->end_of_text)
                        tokens[(*ret_n)++] = tokenizer->suppressed[i];
        for (size_t i = 0; i < n; i++)
                if (wishes[i] >= 0 && wishes[i] != specials->end_of_text &&
                    wishes[i] < specials->timestamp_begin + TIMESTAMPS)
                        tokens[(*ret_n)++] = wishes[i];
        return tokens;
}
