#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "media/language.h"
#include "media/tracks.h"

static struct media_opened film(void) {
        struct media_opened opened = {.n_tracks = 3};

        snprintf(opened.tracks[0].language, MEDIA_LANGUAGE_MAX, "eng");
        snprintf(opened.tracks[1].language, MEDIA_LANGUAGE_MAX, "ger");
        snprintf(opened.tracks[2].language, MEDIA_LANGUAGE_MAX, "und");
        return opened;
}

static void a_wish_is_a_number_or_a_language(void **state) {
        static const struct {
                const char *wish;
                int found;
                const char *why;
        } cases[] = {
                {"1", 0, "it was asked for"},
                {"3", 2, "it was asked for"},
                {"de", 1, "its language 'ger' was asked for"},
                {"deu", 1, "its language 'ger' was asked for"},
                {"DE-AT", 1, "its language 'ger' was asked for"},
                {"en", 0, "its language 'eng' was asked for"},
                {"", MEDIA_TRACKS_BY_EAR, ""},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct media_opened opened = film();

                assert_int_equal(media_tracks_find(&opened, 3, cases[i].wish, NULL),
                                 cases[i].found);
                assert_string_equal(opened.why, cases[i].why);
        }
}

static void what_is_not_there_is_told(void **state) {
        static const struct {
                const char *wish, *words;
        } cases[] = {
                {"4", "there is no sound track 4: the last is 3"},
                {"0", "there is no sound track 0: the last is 3"},
                {"99999999999999999999", "there is no sound track 18446744073709551615: the "
                                         "last is 3"},
                {"2x", "there is no sound track 0: the last is 3"},
                {"fr", "there is no sound track in 'fr' (there are: eng, ger, und)"},
                {"und", "there is no sound track in 'und' (there are: eng, ger, und)"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct media_opened opened = film();
                struct error error;

                assert_int_equal(media_tracks_find(&opened, 3, cases[i].wish, &error), -ENOENT);
                assert_string_equal(error.text, cases[i].words);
        }
}

static void one_track_needs_no_choice(void **state) {
        struct media_opened opened = {.n_tracks = 1};
        struct error error;

        (void)state;
        assert_int_equal(media_tracks_find(&opened, 1, "", NULL), 0);
        assert_string_equal(opened.why, "it is the only one");
        assert_int_equal(media_tracks_find(&opened, 1, "2", &error), -ENOENT);
        assert_string_equal(error.text, "there is no sound track 2: there is only 1");
        assert_int_equal(media_tracks_find(&opened, 1, "de", &error), -ENOENT);
        assert_string_equal(error.text,
                            "there is no sound track in 'de' (no track's language is told)");
}

static void the_first_that_speaks_is_heard(void **state) {
        const struct media_track_heard heard[] = {{false, -20}, {true, -40}, {true, -10}};
        const struct media_track_heard none[] = {{false, NAN}, {false, -40}, {false, -30}};
        const struct media_track_heard silent[] = {{false, -90}, {false, NAN}, {false, -70}};
        bool is_silent;

        (void)state;
        assert_int_equal(media_tracks_speaking(heard, 3), 1);
        assert_int_equal(media_tracks_speaking(none, 3), -1);
        assert_int_equal(media_tracks_loudest(none, 3, &is_silent), 2);
        assert_false(is_silent);
        assert_int_equal(media_tracks_loudest(silent, 3, &is_silent), 0);
        assert_true(is_silent);
}

static void codes_of_one_language_are_the_same(void **state) {
        (void)state;
        assert_true(media_language_is_same("zh", "chi"));
        assert_true(media_language_is_same("zho", "CHI"));
        assert_true(media_language_is_same("pt_BR", "por"));
        assert_true(media_language_is_same("haw", "haw"));
        assert_false(media_language_is_same("de", "dut"));
        assert_false(media_language_is_same("", ""));
        assert_false(media_language_is_same("german", "german"));
        assert_false(media_language_is_same("und", "und"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_wish_is_a_number_or_a_language),
                cmocka_unit_test(what_is_not_there_is_told),
                cmocka_unit_test(one_track_needs_no_choice),
                cmocka_unit_test(the_first_that_speaks_is_heard),
                cmocka_unit_test(codes_of_one_language_are_the_same),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
