#include "whisper/tokenizer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "models/models_rig.h"
#include "util/mem.h"
#include "whisper/tokenizer_bpe.h"
#include "whisper/weights/formats.h"

static json_t *json_free(json_t *json) {
        json_decref(json);
        return NULL;
}

DEFINE_CLEANUP(json_t *, json_free);

// What make_tokens.py wrote: texts and, by model, what the originals make of them.
static json_t *golden_load(void) {
        json_t *golden = json_load_file(GOLDEN "/tokens.json", 0, NULL);

        assert_non_null(golden);
        return golden;
}

// The tokenizer of a fetched model, or the test is skipped.
static struct tokenizer *tokenizer_load(const char *model) {
        CLEANUP(mem_freep) char *path = rig_find_model(model);
        CLEANUP(weights_closep) struct weights *weights = NULL;
        struct tokenizer *tokenizer = NULL;
        struct error error;

        if (!path)
                skip();
        if (weights_open(&weights, path, &error) < 0)
                fail_msg("%s", error.text);
        if (tokenizer_new(&tokenizer, weights, &error) < 0)
                fail_msg("%s", error.text);
        return tokenizer;
}

static void assert_tokens(const int32_t *tokens, size_t n, const json_t *expected,
                          const char *about) {
        if (n != json_array_size(expected))
                fail_msg("'%s': %zu tokens, not %zu", about, n, json_array_size(expected));
        for (size_t i = 0; i < n; i++)
                if (tokens[i] != json_integer_value(json_array_get(expected, i)))
                        fail_msg("'%s': token %zu is %d, not %d", about, i, tokens[i],
                                 (int)json_integer_value(json_array_get(expected, i)));
}

static int32_t *tokens_from_json(const json_t *list, size_t *ret_n) {
        int32_t *tokens = xcalloc(json_array_size(list), sizeof(*tokens));

        *ret_n = json_array_size(list);
        for (size_t i = 0; i < *ret_n; i++)
                tokens[i] = (int32_t)json_integer_value(json_array_get(list, i));
        return tokens;
}

// Every text to the tokens that tiktoken makes of it, and those back to the text.
static void assert_encodes(const struct tokenizer *tokenizer, const json_t *texts,
                           const json_t *model) {
        const json_t *encoded = json_object_get(model, "encoded");

        assert_int_equal(json_array_size(texts), json_array_size(encoded));
        for (size_t i = 0; i < json_array_size(texts); i++) {
                const char *text = json_string_value(json_array_get(texts, i));
                CLEANUP(mem_freep) char *back = NULL;
                int32_t *tokens = NULL;
                size_t n;

                assert_int_equal(tokenizer_encode(tokenizer, text, &tokens, &n), 0);
                assert_tokens(tokens, n, json_array_get(encoded, i), text);
                back = tokenizer_decode(tokenizer, tokens, n);
                assert_string_equal(back, text);
                free(tokens);
        }
}

// Token sequences that no text gives, to text with U+FFFD where bytes make none.
static void assert_decodes(const struct tokenizer *tokenizer, const json_t *model) {
        const json_t *sequences = json_object_get(model, "sequences");
        const json_t *decoded = json_object_get(model, "decoded");

        for (size_t i = 0; i < json_array_size(sequences); i++) {
                size_t n;
                int32_t *tokens = tokens_from_json(json_array_get(sequences, i), &n);
                CLEANUP(mem_freep) char *text = tokenizer_decode(tokenizer, tokens, n);

                assert_string_equal(text, json_string_value(json_array_get(decoded, i)));
                free(tokens);
        }
}

static void assert_languages(const struct tokenizer *tokenizer, const json_t *model) {
        json_t *languages = json_object_get(model, "languages"), *token;
        bool is_multilingual = tokenizer_specials(tokenizer)->n_languages > 0;
        const char *code;

        json_object_foreach(languages, code, token) {
                int32_t expected =
                        json_is_integer(token) ? (int32_t)json_integer_value(token) : -1;

                if (!is_multilingual)
                        expected = -1;
                assert_int_equal(tokenizer_language_token(tokenizer, code), expected);
                if (expected >= 0)
                        assert_string_equal(tokenizer_language_code(tokenizer, expected), code);
        }
}

static void model_is_as_its_original(const char *name) {
        CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = tokenizer_load(name);
        CLEANUP(json_freep) json_t *golden = golden_load();
        const json_t *model = json_object_get(json_object_get(golden, "models"), name);
        int32_t *suppressed;
        const int32_t the_models_own = -1;
        size_t n;

        assert_encodes(tokenizer, json_object_get(golden, "texts"), model);
        assert_decodes(tokenizer, model);
        assert_languages(tokenizer, model);
        suppressed = tokenizer_suppress(tokenizer, &the_models_own, 1, &n);
        assert_tokens(suppressed, n, json_object_get(model, "suppressed"), "suppressed");
        free(suppressed);
}

static void wishes_are_suppressed(void **state) {
        CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = tokenizer_load("tiny.en");
        const struct tokenizer_specials *specials = tokenizer_specials(tokenizer);
        const int32_t wishes[] = {42, specials->end_of_text, 60000};
        int32_t *suppressed;
        size_t n;

        (void)state;
        suppressed = tokenizer_suppress(tokenizer, wishes, 3, &n);
        assert_int_equal(n, 7);  // six specials, and the one wish that can be granted
        assert_int_equal(suppressed[0], specials->start_of_transcript);
        assert_int_equal(suppressed[6], 42);
        free(suppressed);
}

static void multilingual_is_as_its_original(void **state) {
        (void)state;
        model_is_as_its_original("base");
}

static void english_is_as_its_original(void **state) {
        (void)state;
        model_is_as_its_original("tiny.en");
}

// --- on made-up vocabularies ----------------------------------------------------------------

// All bytes, then tokens without any. The lent name makes the token at that place.
static struct weights made_up(int32_t n, int32_t named, const char *name) {
        struct weights weights = {.info = {.n_vocabulary = n}};

        for (int32_t id = 0; id < n; id++)
                if (id == named)
                        vocabulary_append(&weights.vocabulary, name, strlen(name), NULL);
                else
                        vocabulary_append(&weights.vocabulary, &(char){(char)id}, id < 256,
                                          NULL);
        return weights;
}

static void specials_follow_from_the_size(void **state) {
        static const struct {
                int32_t n, end_of_text, n_languages, translate, timestamp_begin;
        } expected[] = {
                {51864, 50256, 0, 50357, 50363},
                {51865, 50257, 99, 50358, 50364},
                {51866, 50257, 100, 50359, 50365},
        };

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                struct weights weights = made_up(expected[i].n, -1, "");
                CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = NULL;
                const struct tokenizer_specials *specials;

                assert_int_equal(tokenizer_new(&tokenizer, &weights, NULL), 0);
                specials = tokenizer_specials(tokenizer);
                assert_int_equal(specials->end_of_text, expected[i].end_of_text);
                assert_int_equal(specials->start_of_transcript, expected[i].end_of_text + 1);
                assert_int_equal(specials->n_languages, expected[i].n_languages);
                assert_int_equal(specials->translate, expected[i].translate);
                assert_int_equal(specials->timestamp_begin, expected[i].timestamp_begin);
                assert_int_equal(specials->timestamp_begin + 1501, expected[i].n);
                assert_int_equal(tokenizer_language_token(tokenizer, "yue"),
                                 i == 2 ? 50358 : -1);
                vocabulary_deinit(&weights.vocabulary);
        }
}

static void assert_refused(struct weights weights, const char *words) {
        struct tokenizer *tokenizer = NULL;
        struct error error = {0};

        assert_int_equal(tokenizer_new(&tokenizer, &weights, &error), -EBADMSG);
        if (!strstr(error.text, words))
                fail_msg("'%s' lacks '%s'", error.text, words);
        vocabulary_deinit(&weights.vocabulary);
}

static void other_vocabularies_are_refused(void **state) {
        (void)state;
        assert_refused(made_up(51863, -1, ""), "51863 tokens, expected 51864");
        assert_refused(made_up(51867, -1, ""), "51867 tokens");
        assert_refused(made_up(300, -1, ""), "300 tokens");
        assert_refused(made_up(51865, 200, "x"), "no token for the byte 0xc8");
        assert_refused(made_up(51865, 50257, "<|endoftext"), "not <|endoftext|>");
        assert_refused(made_up(51865, 50364, "<|0.02|>"), "not <|0.00|>");
}

static void broken_text_counts_as_replaced(void **state) {
        struct weights weights = made_up(51865, -1, "");
        CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = NULL;
        CLEANUP(mem_freep) char *text = NULL;
        CLEANUP(mem_freep) char *huge = xcalloc(TOKENIZER_TEXT_MAX + 2, 1);
        int32_t *tokens;
        size_t n;

        (void)state;
        assert_int_equal(tokenizer_new(&tokenizer, &weights, NULL), 0);
        assert_int_equal(tokenizer_encode(tokenizer,
                                          "a\xff"
                                          "b\xe2\x82",
                                          &tokens, &n),
                         0);
        text = tokenizer_decode(tokenizer, tokens, n);
        assert_string_equal(text, "a\xef\xbf\xbd"
                                  "b\xef\xbf\xbd");
        free(tokens);
        memset(huge, 'x', TOKENIZER_TEXT_MAX + 1);
        assert_int_equal(tokenizer_encode(tokenizer, huge, &tokens, &n), -E2BIG);
        huge[TOKENIZER_TEXT_MAX] = 0;
        assert_int_equal(tokenizer_encode(tokenizer, huge, &tokens, &n), 0);
        assert_int_equal(n, TOKENIZER_TEXT_MAX);
        free(tokens);
        vocabulary_deinit(&weights.vocabulary);
}

// The token that two make together, of those below `best`; `best` when there is none.
static int32_t joined_find(const struct bpe *bpe, int32_t left, int32_t right, int32_t best) {
        size_t n_left, n_right, n_joined;
        const char *a = bpe_bytes(bpe, left, &n_left), *b = bpe_bytes(bpe, right, &n_right);

        for (int32_t id = 256; id < best; id++) {
                const char *joined = bpe_bytes(bpe, id, &n_joined);

                if (n_joined == n_left + n_right && memcmp(joined, a, n_left) == 0 &&
                    memcmp(joined + n_left, b, n_right) == 0)
                        return id;
        }
        return best;
}

// Reckoned by hand: join the lowest-ranked neighbours, the leftmost first, until there are
// none.
static size_t merge_naively(const struct bpe *bpe, const char *text, size_t n, int32_t n_tokens,
                            int32_t *ret) {
        for (size_t i = 0; i < n; i++)
                ret[i] = (unsigned char)text[i];
        for (;;) {
                int32_t best = n_tokens;
                size_t at = 0;

                for (size_t i = 0; i + 1 < n; i++) {
                        int32_t joined = joined_find(bpe, ret[i], ret[i + 1], best);

                        at = joined < best ? i : at;
                        best = joined;
                }
                if (best == n_tokens)
                        return n;
                ret[at] = best;
                memmove(ret + at + 1, ret + at + 2, (n - at - 2) * sizeof(*ret));
                n--;
        }
}

// 256 bytes, then all joins of two to five of "ab".
#define JOINS_FIRST 256
#define JOINS       60

static const char *join_token(const void *context, int32_t id, size_t *ret_length) {
        static char bytes[JOINS_FIRST + JOINS][8];
        uint32_t number = (uint32_t)(id - JOINS_FIRST) + 4, n = 0;

        (void)context;
        *ret_length = 1;
        bytes[id][0] = (char)id;
        if (id < JOINS_FIRST)
                return bytes[id];
        // The number's bits behind its highest one spell the token.
        for (uint32_t left = number; left > 1; left >>= 1)
                n++;
        for (uint32_t i = 0; i < n; i++)
                bytes[id][i] = "ab"[number >> (n - 1 - i) & 1];
        *ret_length = n;
        return bytes[id];
}

static struct bpe *joins_new(void) {
        struct bpe *bpe = NULL;

        assert_int_equal(bpe_new(&bpe, join_token, NULL, JOINS_FIRST + JOINS, NULL), 0);
        return bpe;
}

static void merging_is_as_by_hand(void **state) {
        CLEANUP(bpe_freep) struct bpe *bpe = joins_new();
        uint32_t random = 1;

        (void)state;
        for (size_t round = 0; round < 200; round++) {
                struct bpe_wish wish = {.n_max = SIZE_MAX};
                char text[40];
                int32_t expected[40], *tokens;
                size_t n_expected, n;

                for (size_t i = 0; i < sizeof(text); i++) {
                        random = random * 1664525u + 1013904223u;
                        text[i] = "ab"[random >> 24 & 1];
                }
                n_expected =
                        merge_naively(bpe, text, sizeof(text), JOINS_FIRST + JOINS, expected);
                assert_int_equal(bpe_encode(bpe, text, sizeof(text), &wish, &tokens, &n), 0);
                assert_int_equal(n, n_expected);
                assert_memory_equal(tokens, expected, n * sizeof(*tokens));
                free(tokens);
        }
}

// One word of 16 KiB: a quadratic merge takes 16384 * 16384 / 2 steps.
static void an_odd_text_takes_few_steps(void **state) {
        CLEANUP(bpe_freep) struct bpe *bpe = joins_new();
        CLEANUP(mem_freep) char *text = xcalloc(TOKENIZER_TEXT_MAX, 1);
        struct bpe_wish wish = {.n_max = SIZE_MAX};
        uint32_t random = 1;
        int32_t *tokens;
        size_t n;

        (void)state;
        for (size_t i = 0; i < TOKENIZER_TEXT_MAX; i++) {
                random = random * 1664525u + 1013904223u;
                text[i] = "ab"[random >> 24 & 1];
        }
        assert_int_equal(bpe_encode(bpe, text, TOKENIZER_TEXT_MAX, &wish, &tokens, &n), 0);
        // Two pairs looked up for each join, and 14 or 15 places in the heap.
        assert_in_range(wish.n_steps, TOKENIZER_TEXT_MAX, 40 * TOKENIZER_TEXT_MAX);
        free(tokens);
}

// Of many words only those are merged whose tokens are wanted.
static void only_what_is_wished_is_merged(void **state) {
        CLEANUP(bpe_freep) struct bpe *bpe = joins_new();
        CLEANUP(mem_freep) char *text = xcalloc(TOKENIZER_TEXT_MAX + 1, 1);
        struct bpe_wish all = {.n_max = SIZE_MAX}, first = {.n_max = 10},
                        last = {.n_max = 10, .is_from_end = true};
        int32_t *tokens, *some;
        size_t n, n_some;

        (void)state;
        for (size_t i = 0; i < TOKENIZER_TEXT_MAX; i++)
                text[i] = "ab bbaba"[i % 8];
        assert_int_equal(bpe_encode(bpe, text, TOKENIZER_TEXT_MAX, &all, &tokens, &n), 0);
        assert_int_equal(bpe_encode(bpe, text, TOKENIZER_TEXT_MAX, &first, &some, &n_some), 0);
        assert_int_equal(n_some, 10);
        assert_memory_equal(some, tokens, n_some * sizeof(*some));
        assert_true(first.n_steps < 200);
        free(some);
        assert_int_equal(bpe_encode(bpe, text, TOKENIZER_TEXT_MAX, &last, &some, &n_some), 0);
        assert_int_equal(n_some, 10);
        assert_memory_equal(some, tokens + n - 10, n_some * sizeof(*some));
        assert_true(last.n_steps < 200);
        free(some);
        free(tokens);
}

static void specials_are_no_text(void **state) {
        struct weights weights = made_up(51865, -1, "");
        CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = NULL;
        CLEANUP(mem_freep) char *text = NULL;
        const int32_t tokens[] = {50258, 'a', 50364, -5, 51864, 'b', 50257, 999999};

        (void)state;
        assert_int_equal(tokenizer_new(&tokenizer, &weights, NULL), 0);
        text = tokenizer_decode(tokenizer, tokens, sizeof(tokens) / sizeof(tokens[0]));
        assert_string_equal(text, "ab");
        assert_null(tokenizer_language_code(tokenizer, 50258));
        assert_string_equal(tokenizer_language_code(tokenizer, 50259), "en");
        assert_null(tokenizer_language_code(tokenizer, 50358));
        vocabulary_deinit(&weights.vocabulary);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(wishes_are_suppressed),
                cmocka_unit_test(multilingual_is_as_its_original),
                cmocka_unit_test(english_is_as_its_original),
                cmocka_unit_test(specials_follow_from_the_size),
                cmocka_unit_test(other_vocabularies_are_refused),
                cmocka_unit_test(broken_text_counts_as_replaced),
                cmocka_unit_test(merging_is_as_by_hand),
                cmocka_unit_test(an_odd_text_takes_few_steps),
                cmocka_unit_test(only_what_is_wished_is_merged),
                cmocka_unit_test(specials_are_no_text),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
