// Subtitles: where they end, and how their text is laid out.
#include "transcript/cues.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "util/columns.h"
#include "util/mem.h"

// A segment of words that follow each other, a quarter of a second each; "|" before one is a
// pause of a second. They lie in one static place.
static struct segment say(char *text) {
        static struct hypothesis_word words[200];
        struct segment segment = {.words = words};
        int64_t now = 0;
        char *word;

        while ((word = strsep(&text, "+"))) {
                if (*word == '|') {
                        now += AUDIO_RATE;
                        word++;
                }
                words[segment.n_words++] = (struct hypothesis_word){
                        .begin = now, .end = now + AUDIO_RATE / 4, .text = word};
                now += AUDIO_RATE / 4;
        }
        return segment;
}

// The text n times; the caller frees it.
static char *repeat(const char *text, size_t n) {
        char *repeated = NULL;
        size_t length = 0;
        FILE *stream = open_memstream(&repeated, &length);

        while (n-- > 0)
                fputs(text, stream);
        fclose(stream);
        return repeated;
}

// The next cue has this text, and the times of its words.
static void check_cue(struct cues *cues, const struct segment *segment, size_t *first, size_t n,
                      const char *expected) {
        struct cue cue = {0};

        assert_true(cues_next(cues, &cue));
        assert_string_equal(cue.text, expected);
        assert_int_equal(cue.begin, segment->words[*first].begin);
        *first += n;
        assert_int_equal(cue.end, segment->words[*first - 1].end);
        free(cue.text);
}

static void check_no_cue(struct cues *cues) {
        struct cue cue = {0};

        assert_false(cues_next(cues, &cue));
}

static void test_sentences_and_pauses_end_cues(void **state) {
        char text[] = " Yes.+ No,+ I+ think+ it+ was+ him.+ And+|\" then+ he+ went.";
        struct segment segment = say(text);
        CLEANUP(cues_freep) struct cues *cues = cues_new(&segment);
        size_t first = 0;

        (void)state;
        check_cue(cues, &segment, &first, 7, "Yes. No, I think it was him.");
        check_cue(cues, &segment, &first, 1, "And");
        check_cue(cues, &segment, &first, 3, "\" then he went.");
        check_no_cue(cues);
}

static void test_long_sentences_break_at_clauses(void **state) {
        char text[] =
                " It+ carried+ him+ back+ a+ dozen+ years+ to+ a+ dirty+ little+ cabin+ on+"
                " the+ hillside,+ to+ the+ livid+ face+ of+ a+ young+ Albanian+ chief";
        struct segment segment = say(text);
        CLEANUP(cues_freep) struct cues *cues = cues_new(&segment);
        size_t first = 0;

        (void)state;
        check_cue(cues, &segment, &first, 15,
                  "It carried him back a dozen years to\n"
                  "a dirty little cabin on the hillside,");
        check_cue(cues, &segment, &first, 9, "to the livid face of\na young Albanian chief");
        check_no_cue(cues);
}

static void test_slow_speech_is_cut_by_time(void **state) {
        char text[] = " a+ b+ c";
        struct segment segment = say(text);
        CLEANUP(cues_freep) struct cues *cues = NULL;
        size_t first = 0;

        (void)state;
        segment.words[1].end = 6 * AUDIO_RATE;
        segment.words[2].begin = 6 * AUDIO_RATE;
        segment.words[2].end = 8 * AUDIO_RATE;
        cues = cues_new(&segment);
        check_cue(cues, &segment, &first, 2, "a b");
        check_cue(cues, &segment, &first, 1, "c");
}

// Of all cues: the lines, and that none is too long, and none but the last too many.
static size_t count_lines(const struct segment *segment, size_t *ret_cues,
                          size_t *ret_columns) {
        CLEANUP(cues_freep) struct cues *cues = cues_new(segment);
        size_t n_lines = 0;
        struct cue cue;

        *ret_cues = *ret_columns = 0;
        while (cues_next(cues, &cue)) {
                size_t n_before = n_lines;

                ++*ret_cues;
                for (char *rest = cue.text, *line; (line = strsep(&rest, "\n")); n_lines++) {
                        size_t columns = columns_of(line, strlen(line));

                        assert_true(columns > 0 && columns <= CUE_LINE_MAX);
                        assert_null(strstr(line, "\xef\xbf\xbd"));  // U+FFFD
                        *ret_columns += columns;
                }
                assert_true(segment->n_words == 0 || n_lines - n_before <= 2);
                free(cue.text);
        }
        return n_lines;
}

static void test_full_width_characters_take_two_columns(void **state) {
        // 50 characters without spaces, at once: 21 to a line, two lines to a cue.
        CLEANUP(mem_freep) char *text = repeat("語+", 50);
        struct segment segment;
        size_t n_cues, n_columns;

        (void)state;
        text[strlen(text) - 1] = '\0';
        segment = say(text);
        for (size_t i = 0; i < 50; i++)
                segment.words[i].begin = segment.words[i].end = 0;
        assert_int_equal(count_lines(&segment, &n_cues, &n_columns), 3);
        assert_int_equal(n_cues, 2);
        assert_int_equal(n_columns, 100);
}

static void test_chinese_breaks_behind_its_commas(void **state) {
        char text[] = "我们+今天+早上+一起+去了+学校，+然后+在那+里吃+了午+饭，+后来+回家+"
                      "休息。+晚上+再见。";
        struct segment segment = say(text);
        CLEANUP(cues_freep) struct cues *cues = cues_new(&segment);
        size_t first = 0;

        (void)state;
        check_cue(cues, &segment, &first, 14,
                  "我们今天早上一起去了学校，\n然后在那里吃了午饭，后来回家休息。");
        check_cue(cues, &segment, &first, 2, "晚上再见。");
        check_no_cue(cues);
}

// Too much for a cue: it ends behind the last comma, not where the lines are full.
static void test_chinese_cues_end_behind_commas(void **state) {
        char text[] = "我们+今天+早上+一起+去了+学校，+然后+在那+里吃+了午+饭，+后来+我们+又一+"
                      "起回+到了+家里+休息+了很+久很+久";
        struct segment segment = say(text);
        CLEANUP(cues_freep) struct cues *cues = cues_new(&segment);
        size_t first = 0;

        (void)state;
        check_cue(cues, &segment, &first, 11,
                  "我们今天早上一起去了学校，\n然后在那里吃了午饭，");
        check_cue(cues, &segment, &first, 10, "后来我们又一起回到了家里休息了很久很久");
        check_no_cue(cues);
}

static void test_japanese_words_stay_whole(void **state) {
        // The tokens of Whisper cut words: アル|バニア, 食|べ. Lines break before 首相, not
        // there.
        char text[] = "昨日+の+夜+、+アル+バニア+の+首相+が+新し+い+料理+を+食+べ+ました+と+"
                      "テレ+ビ+で+言って+いま+した";
        struct segment segment = say(text);
        CLEANUP(cues_freep) struct cues *cues = cues_new(&segment);
        size_t first = 0;

        (void)state;
        check_cue(
                cues, &segment, &first, 23,
                "昨日の夜、アルバニアの首相が新しい\n料理を食べましたとテレビで言っていました");
        check_no_cue(cues);
}

static void test_korean_breaks_at_blanks(void **state) {
        char text[] = " 나는+ 어제+ 친구와+ 함께+ 도서관에서+ 오랫동안+ 책을+ 읽었습니다";
        struct segment segment = say(text);
        CLEANUP(cues_freep) struct cues *cues = cues_new(&segment);
        size_t first = 0;

        (void)state;
        check_cue(cues, &segment, &first, 8,
                  "나는 어제 친구와 함께 도서관에서\n오랫동안 책을 읽었습니다");
        check_no_cue(cues);
}

// Chinese taken for a language with blanks is one word; so is a long address.
static void test_words_longer_than_a_line_are_cut_between_characters(void **state) {
        CLEANUP(mem_freep) char *wide = repeat("語", 100);
        CLEANUP(mem_freep) char *accents = repeat("e\xcc\x81", 200);
        struct segment segment;
        size_t n_cues, n_columns;

        (void)state;
        segment = say(wide);
        segment.words[0].end = 10 * AUDIO_RATE;
        assert_int_equal(count_lines(&segment, &n_cues, &n_columns), 5);
        assert_int_equal(n_columns, 200);
        assert_int_equal(n_cues, 3);
        segment = say(accents);
        assert_int_equal(count_lines(&segment, &n_cues, &n_columns), 5);
        assert_int_equal(n_columns, 200);
}

static void test_times_of_a_word_are_shared_by_its_parts(void **state) {
        CLEANUP(mem_freep) char *text = repeat("語", 60);
        struct segment segment;
        CLEANUP(cues_freep) struct cues *cues = NULL;
        struct cue first, second;

        (void)state;
        segment = say(text);
        segment.words[0].end = 6 * AUDIO_RATE;
        cues = cues_new(&segment);
        assert_true(cues_next(cues, &first));
        assert_true(cues_next(cues, &second));
        check_no_cue(cues);
        assert_int_equal(first.begin, 0);
        assert_int_equal(first.end, second.begin);
        assert_int_equal(first.end, 42 * AUDIO_RATE / 10);
        assert_int_equal(second.end, 6 * AUDIO_RATE);
        free(first.text);
        free(second.text);
}

static void test_without_words_there_is_one_cue_of_short_lines(void **state) {
        char english[] =
                " It carried him back a dozen years to a dirty little cabin on the hillside,"
                " to the livid face of a young Albanian chief";
        struct segment segment = {.text = english, .begin = 5, .end = 20 * AUDIO_RATE};
        CLEANUP(cues_freep) struct cues *cues = cues_new(&segment);
        size_t n_cues, n_columns;
        struct cue cue;

        (void)state;
        assert_true(cues_next(cues, &cue));
        assert_string_equal(cue.text, "It carried him back a dozen years to a\n"
                                      "dirty little cabin on the hillside, to\n"
                                      "the livid face of a young Albanian chief");
        free(cue.text);
        assert_int_equal(cue.begin, 5);
        assert_int_equal(cue.end, 20 * AUDIO_RATE);
        check_no_cue(cues);
        segment.text = (char[]){
                "語語語語語語語語語語語語語語語語語語語語語語語語語語語語語語語語語語"};
        assert_int_equal(count_lines(&segment, &n_cues, &n_columns), 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sentences_and_pauses_end_cues),
                cmocka_unit_test(test_long_sentences_break_at_clauses),
                cmocka_unit_test(test_slow_speech_is_cut_by_time),
                cmocka_unit_test(test_full_width_characters_take_two_columns),
                cmocka_unit_test(test_chinese_breaks_behind_its_commas),
                cmocka_unit_test(test_chinese_cues_end_behind_commas),
                cmocka_unit_test(test_japanese_words_stay_whole),
                cmocka_unit_test(test_korean_breaks_at_blanks),
                cmocka_unit_test(test_words_longer_than_a_line_are_cut_between_characters),
                cmocka_unit_test(test_times_of_a_word_are_shared_by_its_parts),
                cmocka_unit_test(test_without_words_there_is_one_cue_of_short_lines),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
