// Options and settings: copies are deep, and settings go with the last who holds them, on
// whatever thread that is.
#include "decode/settings.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"

#define THREADS 4
#define HOLDS   2000  // references that each takes and lets go of, one after the other

static void defaults_are_those_of_faster_whisper(void **state) {
        struct decode_options options = decode_options_default();

        (void)state;
        assert_string_equal(options.language, "");
        assert_int_equal(options.task, DECODE_TRANSCRIBE);
        assert_true(options.suppress_blank);
        assert_true(options.condition_on_previous_text);
        assert_float_equal(options.prompt_reset_on_temperature, 0.5f, 0);
        assert_int_equal(options.suppress_tokens[0], -1);
        assert_float_equal(options.language_detection_threshold, 0.5f, 0);
        assert_int_equal(options.n_temperatures, 6);
        assert_float_equal(options.temperatures[0], 0.0f, 0);
        assert_float_equal(options.temperatures[5], 1.0f, 0);
        assert_float_equal(options.compression_ratio_threshold, 2.4f, 0);
        assert_float_equal(options.log_prob_threshold, -1.0f, 0);
        assert_float_equal(options.no_speech_threshold, 0.6f, 0);
}

static void a_copy_of_options_shares_nothing(void **state) {
        struct decode_options options = decode_options_default(), copy;

        (void)state;
        options.prompt = xstrdup("prompt");
        options.prefix_tokens.items = xcalloc(2, sizeof(int32_t));
        options.prefix_tokens.items[1] = 9;
        options.prefix_tokens.n = 2;
        copy = decode_options_copy(&options);
        decode_options_deinit(&options);
        assert_string_equal(copy.prompt, "prompt");
        assert_null(copy.hotwords);
        assert_int_equal(copy.prefix_tokens.n, 2);
        assert_int_equal(copy.prefix_tokens.items[1], 9);
        decode_options_deinit(&copy);
        assert_null(copy.prompt);
}

// Under ASan: nothing is freed twice, and nothing is left.
static void settings_take_the_texts_and_keep_them_to_the_last(void **state) {
        struct decode_options options = decode_options_default();
        const struct decode_settings *first, *second;

        (void)state;
        options.prompt = xstrdup("prompt");
        options.beam_size = 7;
        first = decode_settings_new(&options);
        assert_null(options.prompt);
        second = decode_settings_ref(first);
        assert_ptr_equal(second, first);
        assert_int_equal(atomic_load(&first->n_references), 2);
        first = decode_settings_unref(first);
        assert_null(first);
        assert_string_equal(second->options.prompt, "prompt");
        assert_int_equal(second->options.beam_size, 7);
        assert_null(decode_settings_unref(second));
        assert_null(decode_settings_unref(NULL));
}

// Hold, read and let go again and again; at last of what the thread was given.
static void *hold_and_let_go(void *context) {
        const struct decode_settings *given = context;

        for (int i = 0; i < HOLDS; i++) {
                const struct decode_settings *held = decode_settings_ref(given);

                if (strcmp(held->options.prompt, "prompt") != 0)
                        return context;
                decode_settings_unref(held);
        }
        decode_settings_unref(given);
        return NULL;
}

// Under TSan: whoever is last frees what the others have read.
static void threads_let_go_in_any_order(void **state) {
        struct decode_options options = decode_options_default();
        const struct decode_settings *settings, *own;
        pthread_t threads[THREADS];

        (void)state;
        options.prompt = xstrdup("prompt");
        settings = decode_settings_new(&options);
        for (int i = 0; i < THREADS; i++) {
                own = decode_settings_ref(settings);
                assert_int_equal(pthread_create(&threads[i], NULL, hold_and_let_go,
                                                (struct decode_settings *)(uintptr_t)own),
                                 0);
        }
        decode_settings_unref(settings);
        for (int i = 0; i < THREADS; i++) {
                void *wrong;

                pthread_join(threads[i], &wrong);
                assert_null(wrong);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(defaults_are_those_of_faster_whisper),
                cmocka_unit_test(a_copy_of_options_shares_nothing),
                cmocka_unit_test(settings_take_the_texts_and_keep_them_to_the_last),
                cmocka_unit_test(threads_let_go_in_any_order),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
