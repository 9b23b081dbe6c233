// What every window is told, as tokens: encoded once, and as much as there is room for.
#include "whisper/prompt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"
#include "whisper/tokenizer_rig.h"

#define HOTWORDS_ROOM 223  // half of the context but one
#define PROMPT_ROOM   113  // beside as many hotwords: all but a quarter of it
#define PREFIX_ROOM   56

static char *text_of(size_t n) {
        char *text = xcalloc(n + 1, 1);

        for (size_t i = 0; i < n; i++)
                text[i] = (char)('a' + i % 23);
        return text;
}

static void assert_says(const struct decode_tokens *tokens, const char *text, size_t n) {
        assert_int_equal(tokens->n, n);
        for (size_t i = 0; i < n; i++)
                assert_int_equal(tokens->items[i], (unsigned char)text[i]);
}

static void short_texts_stay_whole(void **state) {
        CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = rig_tokenizer_of_bytes();
        struct decode_options options = decode_options_default();

        (void)state;
        decode_options_tell(&options, "  the prompt\n", "hot words");
        assert_int_equal(prompt_prepare(tokenizer, &options), 0);
        assert_says(&options.prompt_tokens, " the prompt", 11);
        assert_says(&options.hotword_tokens, " hot words", 10);
        assert_null(options.prompt);
        assert_null(options.hotwords);
        assert_null(decode_options_tell_cuts(&options));
        decode_options_deinit(&options);
}

static void the_newest_of_a_long_prompt_stay(void **state) {
        CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = rig_tokenizer_of_bytes();
        CLEANUP(mem_freep) char *text = text_of(850);
        CLEANUP(mem_freep) char *cuts = NULL;
        struct decode_options options = decode_options_default();

        (void)state;
        decode_options_tell(&options, text, text);
        options.prefix = xstrdup(text);
        assert_int_equal(prompt_prepare(tokenizer, &options), 0);
        assert_says(&options.prompt_tokens, text + 850 - PROMPT_ROOM, PROMPT_ROOM);
        assert_int_equal(options.hotword_tokens.items[0], ' ');
        assert_int_equal(options.hotword_tokens.n, HOTWORDS_ROOM);
        assert_int_equal(options.prefix_tokens.n, PREFIX_ROOM);
        cuts = decode_options_tell_cuts(&options);
        assert_string_equal(cuts, "of the initial prompt only the last 113 tokens are used, "
                                  "of the hotwords only the first 223 tokens are used, "
                                  "of the prefix only the first 56 tokens are used");
        decode_options_deinit(&options);
}

// Hotwords, previous text and a lead, each as long as can be: all fit, the lead is whole and
// last, and there is room for text.
static void a_lead_has_room_beside_all_else(void **state) {
        CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = rig_tokenizer_of_bytes();
        int32_t tokens[PROMPT_CONTEXT];
        struct prompt prompt;

        (void)state;
        for (size_t i = 0; i < PROMPT_CONTEXT; i++)
                tokens[i] = (int32_t)i % 100;
        for (size_t n_hotwords = 0; n_hotwords < PROMPT_CONTEXT; n_hotwords++) {
                prompt = prompt_build(tokenizer_specials(tokenizer),
                                      &(struct prompt_parts){.hotwords = tokens,
                                                             .n_hotwords = n_hotwords,
                                                             .previous = tokens,
                                                             .n_previous = PROMPT_CONTEXT,
                                                             .lead = tokens,
                                                             .n_lead = PROMPT_CONTEXT,
                                                             .prefix = tokens,
                                                             .n_prefix = PROMPT_CONTEXT});
                assert_in_range(prompt.n, JOB_LEAD_TOKENS_MAX, PROMPT_CONTEXT - 40);
                assert_memory_equal(prompt.tokens + prompt.n - JOB_LEAD_TOKENS_MAX, tokens,
                                    JOB_LEAD_TOKENS_MAX * sizeof(*tokens));
                assert_in_range(prompt.n_after, 40, PROMPT_CONTEXT / 2);
        }
}

// As long as a client may send it, and longer.
static void no_text_is_too_long(void **state) {
        CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = rig_tokenizer_of_bytes();

        (void)state;
        for (size_t n = TOKENIZER_TEXT_MAX - 2; n <= TOKENIZER_TEXT_MAX + 2; n++) {
                CLEANUP(mem_freep) char *text = text_of(n);
                struct decode_options options = decode_options_default();

                decode_options_tell(&options, text, NULL);
                assert_int_equal(prompt_prepare(tokenizer, &options), 0);
                assert_says(&options.prompt_tokens, text + n - HOTWORDS_ROOM, HOTWORDS_ROOM);
                decode_options_deinit(&options);
        }
}

static void tokens_are_told_as_the_text_would_be(void **state) {
        CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = rig_tokenizer_of_bytes();
        CLEANUP(mem_freep) char *text = text_of(850);
        struct decode_options options = decode_options_default(), copy;
        struct prompt_texts of_text, of_tokens;

        (void)state;
        decode_options_tell(&options, text, text);
        assert_int_equal(prompt_encode(tokenizer, &options, &of_text), 0);
        assert_int_equal(prompt_prepare(tokenizer, &options), 0);
        copy = decode_options_copy(&options);
        decode_options_deinit(&options);
        assert_int_equal(prompt_encode(tokenizer, &copy, &of_tokens), 0);
        assert_int_equal(of_text.prompt.n, of_tokens.prompt.n);
        assert_memory_equal(of_text.prompt.items, of_tokens.prompt.items,
                            of_text.prompt.n * sizeof(int32_t));
        assert_int_equal(of_text.hotwords.n, of_tokens.hotwords.n);
        prompt_texts_deinit(&of_text);
        prompt_texts_deinit(&of_tokens);
        decode_options_deinit(&copy);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(short_texts_stay_whole),
                cmocka_unit_test(the_newest_of_a_long_prompt_stay),
                cmocka_unit_test(a_lead_has_room_beside_all_else),
                cmocka_unit_test(no_text_is_too_long),
                cmocka_unit_test(tokens_are_told_as_the_text_would_be),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
