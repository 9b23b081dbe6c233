// The path through tokens and frames, words and their limits, and which heads are looked at.
#include "whisper/dtw.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/mem.h"
#include "whisper/alignment_heads.h"
#include "whisper/word_timestamps.h"

// --- warping ------------------------------------------------------------------------------

// The most that any monotone path gathers, by trying all of them.
static double best_path(const float *matrix, size_t n_rows, size_t n_frames, size_t row,
                        size_t frame) {
        double here = (double)matrix[row * n_frames + frame], best = -INFINITY, next;

        if (row + 1 == n_rows && frame + 1 == n_frames)
                return here;
        for (int step = 1; step < 4; step++) {
                size_t below = row + (step & 1), right = frame + (step >> 1);

                if (below == n_rows || right == n_frames)
                        continue;
                next = best_path(matrix, n_rows, n_frames, below, right);
                best = next > best ? next : best;
        }
        return here + best;
}

// What the path with these beginnings gathers: a row goes on until the next one begins.
static double path_value(const float *matrix, size_t n_rows, size_t n_frames,
                         const uint32_t *begins, uint32_t ends) {
        double value = 0;

        for (size_t row = 0; row < n_rows; row++) {
                // The row's last frame: the one before the next row's, or that one itself
                // (a step straight down). `ends` says which, a bit for each row.
                size_t last = row + 1 < n_rows ? begins[row + 1] : n_frames - 1;

                if (row + 1 < n_rows && !(ends >> row & 1)) {
                        if (last == begins[row])
                                return -INFINITY;
                        last--;
                }
                for (size_t frame = begins[row]; frame <= last; frame++)
                        value += (double)matrix[row * n_frames + frame];
        }
        return value;
}

static void test_the_path_gathers_most(void **state) {
        (void)state;
        srand(7);
        for (int round = 0; round < 200; round++) {
                size_t n_rows = 1 + (size_t)rand() % 5, n_frames = 1 + (size_t)rand() % 6;
                float matrix[30] = {0};
                uint32_t begins[5];
                double best = -INFINITY;

                for (size_t i = 0; i < n_rows * n_frames; i++)
                        matrix[i] = (float)(rand() % 100) / 10 - 5;
                dtw_path(matrix, n_rows, n_frames, begins);
                assert_int_equal(begins[0], 0);
                for (size_t row = 1; row < n_rows; row++)
                        assert_true(begins[row] >= begins[row - 1] && begins[row] < n_frames);
                for (uint32_t ends = 0; ends < 1u << n_rows; ends++)
                        best = fmax(best, path_value(matrix, n_rows, n_frames, begins, ends));
                assert_float_equal(best, best_path(matrix, n_rows, n_frames, 0, 0), 1e-4);
        }
}

static void test_heads_that_look_at_a_diagonal(void **state) {
        enum { ROWS = 8, HEADS = 2, STRIDE = 70, FRAMES = 60, SKIPPED = 2 };
        static float weights[ROWS * HEADS * STRIDE];
        uint32_t begins[ROWS];

        (void)state;
        // Rows 2 to 6 look at twelve frames each; all look at the padding much more, and a
        // single frame stands out where it does not belong.
        for (size_t row = 0; row < ROWS; row++)
                for (size_t head = 0; head < HEADS; head++)
                        for (size_t i = 0; i < STRIDE; i++) {
                                float *x = &weights[(row * HEADS + head) * STRIDE + i];
                                size_t first = (row - SKIPPED) * 12;

                                *x = 0.001f;
                                if (row >= SKIPPED && row < 7 && i >= first && i < first + 12)
                                        *x = 0.02f;
                                if (i >= FRAMES)
                                        *x = 0.05f;
                                if (row == 5 && i == 3)
                                        *x = 0.5f;
                        }
        dtw_align(weights,
                  &(struct dtw_shape){.n_rows = ROWS,
                                      .n_heads = HEADS,
                                      .stride = STRIDE,
                                      .n_frames = FRAMES,
                                      .n_skipped = SKIPPED},
                  NULL, begins);
        for (size_t row = 0; row < ROWS - SKIPPED - 1; row++)
                assert_int_equal(begins[row], 12 * row);
}

static void test_more_rows_than_frames(void **state) {
        enum { ROWS = 6 };
        float weights[ROWS] = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f};
        uint32_t begins[ROWS] = {9, 9, 9, 9, 9, 9};

        (void)state;
        dtw_align(weights,
                  &(struct dtw_shape){.n_rows = ROWS,
                                      .n_heads = 1,
                                      .stride = 1,
                                      .n_frames = 1,
                                      .n_skipped = 1},
                  NULL, begins);
        for (size_t i = 0; i < ROWS - 2; i++)
                assert_int_equal(begins[i], 0);
}

// --- words --------------------------------------------------------------------------------

static void word_set(struct timed_words *words, const char *text, size_t n_tokens) {
        words->items[words->n++] =
                (struct timed_word){.text = xstrdup(text), .n_tokens = n_tokens};
}

static void test_punctuation_joins_its_word(void **state) {
        struct timed_words words = {.items = xcalloc(8, sizeof(struct timed_word))};
        const uint32_t begins[] = {0, 5, 10, 15, 20, 25, 30, 35};
        const float probabilities[] = {0.5f, 1, 0.5f, 0.25f, 0.5f, 0.5f, 0.5f};

        (void)state;
        word_set(&words, " (", 1);
        word_set(&words, "Well", 2);
        word_set(&words, ",", 1);
        word_set(&words, " he", 1);
        word_set(&words, " said", 1);
        word_set(&words, ".", 1);
        word_timestamps_place(&words, begins, probabilities, 1.0, decode_prepended,
                              decode_appended);
        assert_string_equal(words.items[0].text, "");
        assert_string_equal(words.items[1].text, " (Well,");
        assert_int_equal(words.items[1].n_tokens, 4);
        assert_float_equal(words.items[1].begin, 1.1, 1e-9);
        assert_float_equal(words.items[1].end, 1.3, 1e-9);
        assert_float_equal(words.items[1].probability, 0.75, 1e-6);
        assert_string_equal(words.items[3].text, " he");
        assert_string_equal(words.items[4].text, " said.");
        word_timestamps_deinit(&words);
}

static void test_words_around_a_full_stop_do_not_last(void **state) {
        struct timed_words words = {.items = xcalloc(8, sizeof(struct timed_word))};
        const uint32_t begins[] = {0, 10, 20, 80, 150, 160};
        const float probabilities[5] = {0};

        (void)state;
        word_set(&words, " one", 1);
        word_set(&words, " two", 1);
        word_set(&words, ".", 1);
        word_set(&words, " And", 1);
        word_set(&words, " so", 1);
        word_timestamps_place(&words, begins, probabilities, 0, "", "");
        assert_float_equal(words.median, 0.2, 1e-9);
        assert_float_equal(words.items[2].end, 0.8, 1e-9);    // not 1.6
        assert_float_equal(words.items[3].begin, 2.6, 1e-9);  // not 1.6
        assert_float_equal(words.items[3].end, 3.0, 1e-9);
        word_timestamps_deinit(&words);
}

static void test_a_word_after_a_pause_is_cut(void **state) {
        struct timed_words all = {.median = 0.2};
        struct timed_word words[] = {{.begin = 0, .end = 3}, {.begin = 3, .end = 3.2}};
        struct timed_word brief[] = {{.begin = 2.7, .end = 3}};
        double begin = 0, end = 3.2;

        (void)state;
        word_timestamps_fit(&all, words, 2, 0, &begin, &end);
        assert_float_equal(words[0].begin, 2.6, 1e-9);
        assert_float_equal(begin, 2.6, 1e-9);
        assert_float_equal(end, 3.2, 1e-9);

        // The model said that speech began and ended elsewhere.
        begin = 3.5, end = 2.2;
        word_timestamps_fit(&all, brief, 1, 2.9, &begin, &end);
        assert_float_equal(begin, 2.7, 1e-9);
        assert_float_equal(end, 3, 1e-9);
        begin = 0, end = 1;
        words[0] = (struct timed_word){.begin = 0.5, .end = 2};
        word_timestamps_fit(&all, words, 1, 0.5 + 2, &begin, &end);
        assert_float_equal(words[0].end, 1, 1e-9);
}

static void test_languages_without_spaces(void **state) {
        (void)state;
        assert_true(word_timestamps_by_character("ja"));
        assert_true(word_timestamps_by_character("yue"));
        assert_false(word_timestamps_by_character("en"));
        assert_false(word_timestamps_by_character("ko"));
}

// --- heads --------------------------------------------------------------------------------

static const struct whisper_info base = {
        .n_text_layers = 6, .n_text_state = 512, .n_text_heads = 8, .n_vocabulary = 51865};

static char *folder_with(const char *config) {
        char *folder = xstrdup("/tmp/warping_test.XXXXXX");
        CLEANUP(mem_freep) char *path = NULL;
        FILE *file;

        assert_non_null(mkdtemp(folder));
        path = xasprintf("%s/config.json", folder);
        file = fopen(path, "we");
        assert_non_null(file);
        fputs(config, file);
        fclose(file);
        return folder;
}

static size_t heads_with(const char *config, const struct whisper_info *info,
                         struct decoder_head *ret) {
        CLEANUP(mem_freep) char *folder = folder_with(config);
        CLEANUP(mem_freep) char *path = xasprintf("%s/config.json", folder);
        size_t n = alignment_heads_find(ret, info, folder);

        unlink(path);
        rmdir(folder);
        return n;
}

static void test_heads(void **state) {
        struct decoder_head heads[ALIGNMENT_HEADS_MAX];
        struct whisper_info odd = base;

        (void)state;
        assert_int_equal(alignment_heads_find(heads, &base, "/nowhere"), 8);
        assert_int_equal(heads[3].layer, 4);
        assert_int_equal(heads[3].head, 7);
        assert_int_equal(heads_with("{\"alignment_heads\": [[2, 5], [5, 7]]}", &base, heads),
                         2);
        assert_int_equal(heads[0].layer, 2);
        assert_int_equal(heads[0].head, 5);
        // What the model cannot have, or is no list of heads, does not count.
        assert_int_equal(heads_with("{\"alignment_heads\": [[2, 5], [6, 0]]}", &base, heads),
                         8);
        assert_int_equal(heads_with("{\"alignment_heads\": [[2, 5], [0, 8]]}", &base, heads),
                         8);
        assert_int_equal(heads_with("{\"alignment_heads\": [[2], 7, -1]}", &base, heads), 8);
        assert_int_equal(heads_with("{\"alignment_heads\": {}}", &base, heads), 8);
        assert_int_equal(heads_with("nonsense", &base, heads), 8);
        odd.n_text_state = 640;
        assert_int_equal(alignment_heads_find(heads, &odd, "/nowhere"), 24);
        assert_int_equal(heads[0].layer, 5);
        assert_int_equal(heads[23].layer, 3);
        assert_int_equal(heads[23].head, 7);
        odd.n_text_heads = 20;
        assert_int_equal(alignment_heads_find(heads, &odd, "/nowhere"), ALIGNMENT_HEADS_MAX);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_path_gathers_most),
                cmocka_unit_test(test_heads_that_look_at_a_diagonal),
                cmocka_unit_test(test_more_rows_than_frames),
                cmocka_unit_test(test_punctuation_joins_its_word),
                cmocka_unit_test(test_words_around_a_full_stop_do_not_last),
                cmocka_unit_test(test_a_word_after_a_pause_is_cut),
                cmocka_unit_test(test_languages_without_spaces),
                cmocka_unit_test(test_heads),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
