// Lists of clips: which are taken, and what is said about those that are not.
#include "pipeline/clips.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "audio/pcm.h"

static struct clips parse_good(const char *text) {
        struct clips clips = {0};
        struct error error = {0};

        if (clips_parse(&clips, text, &error) < 0)
                fail_msg("%s", error.text);
        return clips;
}

static void assert_refused(const char *text, const char *expected) {
        struct clips clips = {0};
        struct error error = {0};

        assert_int_equal(clips_parse(&clips, text, &error), -EINVAL);
        assert_string_equal(error.text, expected);
        assert_null(clips.items);
}

static void test_pairs_and_an_open_end(void **state) {
        struct clips clips = parse_good("1.5,3, 10 , 20.25,20.25");

        (void)state;
        assert_int_equal(clips.n, 3);
        assert_int_equal(clips.items[0].begin, 24000);
        assert_int_equal(clips.items[0].end, 48000);
        assert_int_equal(clips.items[1].begin, 160000);
        assert_int_equal(clips.items[1].end, 324000);
        assert_int_equal(clips.items[2].begin, 324000);
        assert_true(clips.items[2].end == CLIP_OPEN);
        clips_deinit(&clips);
        assert_null(clips.items);
        clips = parse_good("0,2");
        assert_int_equal(clips.n, 1);
        assert_int_equal(clips.items[0].end, 32000);
        clips_deinit(&clips);
}

static void test_nothing_is_the_whole_file(void **state) {
        static const char *const texts[] = {"", " ", "0", "0.0"};

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct clips clips = parse_good(texts[i]);

                assert_int_equal(clips.n, clips_whole.n);
                assert_int_equal(clips.items[0].begin, clips_whole.items[0].begin);
                assert_true(clips.items[0].end == clips_whole.items[0].end);
                clips_deinit(&clips);
        }
}

static void test_what_is_no_time(void **state) {
        static const char *const bad[] = {"x",   "1,x", "1,",   ",1",  "1,,2", "nan",
                                          "inf", "0x1", "1e3",  "--1", ".",    "1 2",
                                          "+1",  "1s",  "1:30", "-",   "1.2.3"};

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct clips clips;
                struct error error = {0};

                assert_int_equal(clips_parse(&clips, bad[i], &error), -EINVAL);
                assert_non_null(strstr(error.text, "is not a number of seconds"));
        }
        assert_refused("5,1:30", "\"1:30\" is not a number of seconds");
        assert_refused("-1,5", "\"-1\" is negative");
        assert_refused("0,10000000000", "\"10000000000\" is more than any file lasts");
}

static void test_what_is_out_of_order(void **state) {
        (void)state;
        assert_refused("0,5,4,8",
                       "clip 2 begins at 4 s, before the end of the one before it at "
                       "5 s");
        assert_refused("0,5,4",
                       "clip 2 begins at 4 s, before the end of the one before it at 5 s");
        assert_refused("7,5", "clip 1 ends at 5 s, not after its beginning at 7 s");
        assert_refused("0,1,2.5,2.5", "clip 2 ends at 2.5 s, not after its beginning at 2.5 s");
}

static void test_clips_behind_the_end(void **state) {
        struct clips clips = parse_good("1,9,10,20");
        struct error error = {0};

        (void)state;
        assert_int_equal(clips_check(&clips, (int64_t)11 * AUDIO_RATE, &error), 0);
        assert_int_equal(clips_check(&clips, (int64_t)10 * AUDIO_RATE, &error), -ERANGE);
        assert_string_equal(error.text, "clip 2 begins at 10 s, but the sound ends at 10 s");
        // No sound at all is not the clips' fault.
        assert_int_equal(clips_check(&clips_whole, 0, NULL), 0);
        clips_deinit(&clips);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pairs_and_an_open_end),
                cmocka_unit_test(test_nothing_is_the_whole_file),
                cmocka_unit_test(test_what_is_no_time),
                cmocka_unit_test(test_what_is_out_of_order),
                cmocka_unit_test(test_clips_behind_the_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
