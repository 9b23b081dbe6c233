// Subtitles: where they end, and how their text is laid out.
#include "cli/cues.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/pcm.h"
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

static void check_cue(const struct segment *segment, size_t *first, const char *expected) {
        struct cue cue = cue_next(segment, *first);
        CLEANUP(mem_freep) char *text = cue_text(segment, &cue);

        assert_string_equal(text, expected);
        assert_int_equal(cue.begin, segment->words[*first].begin);
        *first += cue.n;
        assert_int_equal(cue.end, segment->words[*first - 1].end);
}

static void test_sentences_and_pauses_end_cues(void **state) {
        char text[] = " Yes.+ No,+ I+ think+ it+ was+ him.+ And+|\" then+ he+ went.";
        struct segment segment;
        size_t first = 0;

        (void)state;
        text[0] = ' ';
        segment = say(text);
        check_cue(&segment, &first, "Yes. No, I think it was him.");
        check_cue(&segment, &first, "And");
        check_cue(&segment, &first, "\" then he went.");
        assert_int_equal(first, segment.n_words);
}

static void test_long_sentences_break_at_clauses(void **state) {
        char text[] =
                " It+ carried+ him+ back+ a+ dozen+ years+ to+ a+ dirty+ little+ cabin+ on+"
                " the+ hillside,+ to+ the+ livid+ face+ of+ a+ young+ Albanian+ chief";
        struct segment segment = say(text);
        size_t first = 0;

        (void)state;
        check_cue(&segment, &first,
                  "It carried him back a dozen years to\n"
                  "a dirty little cabin on the hillside,");
        check_cue(&segment, &first, "to the livid face of\na young Albanian chief");
        assert_int_equal(first, segment.n_words);
}

static void test_slow_speech_is_cut_by_time(void **state) {
        char text[] = " a+ b+ c";
        struct segment segment = say(text);

        (void)state;
        segment.words[1].end = 6 * AUDIO_RATE;
        segment.words[2].begin = 6 * AUDIO_RATE;
        segment.words[2].end = 8 * AUDIO_RATE;
        assert_int_equal(cue_next(&segment, 0).n, 2);
}

static void test_characters_are_not_bytes(void **state) {
        // 50 characters without spaces, three bytes each: one cue of two lines.
        static char text[50 * 4];
        struct segment segment;
        struct cue cue;
        CLEANUP(mem_freep) char *lines = NULL;

        (void)state;
        for (size_t i = 0; i < 50; i++)
                memcpy(text + 4 * i, "語+", 4);
        text[sizeof(text) - 1] = '\0';
        segment = say(text);
        segment.words[49].end = segment.words[0].begin;
        for (size_t i = 0; i < 50; i++)
                segment.words[i].begin = segment.words[i].end = 0;
        cue = cue_next(&segment, 0);
        assert_int_equal(cue.n, 50);
        lines = cue_text(&segment, &cue);
        assert_int_equal(strchr(lines, '\n') - lines, 25 * 3);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sentences_and_pauses_end_cues),
                cmocka_unit_test(test_long_sentences_break_at_clauses),
                cmocka_unit_test(test_slow_speech_is_cut_by_time),
                cmocka_unit_test(test_characters_are_not_bytes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
