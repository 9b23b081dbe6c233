// Sound that comes in bursts, stops coming, or is poured in faster than it is spoken.
#include "server/stream_pace.h"

#include <stdio.h>
#include <string.h>

#include "server/stream_rig.h"

static void silence_begins_when_what_came_is_played(void **state) {
        struct stream_pace pace = {0};
        nsec_t now = 1000 * NSEC_PER_SEC;

        (void)state;
        assert_int_equal(stream_pace_hear(&pace, AUDIO_RATE, now), NSEC_PER_SEC);
        now += NSEC_PER_SEC / 2;
        assert_int_equal(stream_pace_hear(&pace, AUDIO_RATE, now), 3 * NSEC_PER_SEC / 2);
        assert_int_equal(stream_pace_hear(&pace, AUDIO_RATE, now), 2 * NSEC_PER_SEC);
        // What was played long ago is no credit.
        now += 60 * NSEC_PER_SEC;
        assert_int_equal(stream_pace_hear(&pace, AUDIO_RATE, now), NSEC_PER_SEC);
}

static void a_flood_is_what_nobody_can_have_spoken(void **state) {
        struct stream_pace pace = {0};
        nsec_t now = 1000 * NSEC_PER_SEC;

        (void)state;
        stream_pace_hear(&pace, (size_t)10 * AUDIO_RATE, now);
        assert_false(stream_pace_is_flood(&pace, now));
        stream_pace_hear(&pace, 1, now);
        assert_true(stream_pace_is_flood(&pace, now));
        assert_false(stream_pace_is_flood(&pace, now + NSEC_PER_SEC));
}

// --- whole flows -----------------------------------------------------------------------------

static void sound_that_stops_coming_is_a_pause(void **state) {
        struct stream_rig *rig = stream_rig_need(state);
        size_t half = rig->speech.n / 2;
        char expected[32];

        stream_rig_push(rig, rig->speech.samples, half);
        stream_flush(rig->stream);
        stream_rig_wait(rig);
        size_t n_before = rig->capture.n_finals;

        stream_rig_push(rig, rig->speech.samples + half / RIG_PIECE * RIG_PIECE,
                        3 * AUDIO_RATE);
        assert_int_equal(rig->capture.n_finals, n_before);  // he goes on speaking
        loop_advance(rig->loop, 3 * NSEC_PER_SEC);
        stream_rig_wait(rig);
        assert_true(rig->capture.n_finals > n_before);
        // What there was is decoded to its very end.
        snprintf(expected, sizeof(expected), ",%zu)",
                 half / RIG_PIECE * RIG_PIECE + 3 * AUDIO_RATE);
        assert_non_null(strstr(rig->capture.finals[rig->capture.n_finals - 1].text, expected));
}

static void bursts_are_not_pauses(void **state) {
        struct stream_rig *rig = stream_rig_need(state);

        // Two seconds of sound every two seconds, in the middle of a sentence.
        for (int i = 0; i < 2; i++) {
                stream_on_audio(rig->stream,
                                rig->speech.samples + (3 + 2 * i) * AUDIO_RATE - AUDIO_RATE / 2,
                                (size_t)2 * AUDIO_RATE);
                loop_advance(rig->loop, 2 * NSEC_PER_SEC);
        }
        stream_rig_wait(rig);
        for (size_t i = 0; i < rig->capture.n_finals; i++)
                assert_null(strstr(rig->capture.finals[i].text, ",32000)"));
}

static void sound_poured_in_waits_no_longer_than_the_limit(void **state) {
        struct stream_rig *rig = stream_rig_need(state);
        const struct segment *last;

        // Seven seconds at once, ending in the middle of a sentence.
        stream_on_audio(rig->stream, rig->speech.samples, (size_t)7 * AUDIO_RATE);
        loop_advance(rig->loop, 3 * NSEC_PER_SEC);
        stream_rig_wait(rig);
        assert_true(rig->capture.n_finals > 0);
        last = &rig->capture.finals[rig->capture.n_finals - 1];
        assert_non_null(strstr(last->text, ",112000)"));
}

static void a_late_decoder_loses_nothing_and_asks_for_a_pause(void **state) {
        struct stream_rig *rig = stream_rig_need(state);
        int rounds = 0;

        engine_script_hold(rig->script);
        while (!stream_is_backlogged(rig->stream)) {
                static const float zeros[AUDIO_RATE];

                stream_on_audio(rig->stream, rig->speech.samples, rig->speech.n);
                stream_on_audio(rig->stream, zeros, AUDIO_RATE);
                rounds++;
        }
        assert_int_equal(rig->n_relieved, 0);
        size_t owed = stream_owed(rig->stream);

        engine_script_release(rig->script);
        stream_rig_wait(rig);
        assert_int_equal(rig->n_relieved, 1);
        assert_int_equal(rig->capture.n_finals, owed);
        assert_true(rounds >= 2);
}

// Faster than real time: asked to pause. At the pace of real time: never.
static void only_a_flood_is_asked_to_pause(void **state) {
        struct stream_rig *rig = stream_rig_need(state);
        static const float zeros[AUDIO_RATE];

        engine_script_hold(rig->script);
        for (int round = 0; round < 20; round++) {
                for (size_t i = 0; i + RIG_PIECE <= rig->speech.n; i += RIG_PIECE) {
                        stream_on_audio(rig->stream, rig->speech.samples + i, RIG_PIECE);
                        loop_advance(rig->loop, NSEC_PER_SEC / 10);
                }
                stream_on_audio(rig->stream, zeros, AUDIO_RATE);
                loop_advance(rig->loop, NSEC_PER_SEC);
        }
        assert_true(stream_owed(rig->stream) >= 20);
        assert_false(stream_is_backlogged(rig->stream));
        stream_on_audio(rig->stream, rig->speech.samples, rig->speech.n);
        assert_true(stream_is_backlogged(rig->stream));
        engine_script_release(rig->script);
        stream_rig_wait(rig);
        assert_false(stream_is_backlogged(rig->stream));
        for (size_t i = 1; i < rig->capture.n_finals; i++)
                assert_true(rig->capture.finals[i].begin >= rig->capture.finals[i - 1].end);
}

// Nobody says now what is poured in: only its finals count.
static void a_flood_gets_no_tentative_text(void **state) {
        struct stream_rig *rig = stream_rig_need(state);

        engine_script_hold(rig->script);
        for (int i = 0; i < 2; i++)
                stream_on_audio(rig->stream, rig->speech.samples, rig->speech.n);
        // What is owed is so late that tentative text may come before it.
        loop_advance(rig->loop, 2100 * NSEC_PER_MSEC);
        for (size_t i = 0; i + RIG_PIECE <= (size_t)6 * AUDIO_RATE; i += RIG_PIECE)
                stream_on_audio(rig->stream, rig->speech.samples + i, RIG_PIECE);
        engine_script_release(rig->script);
        stream_rig_wait(rig);
        assert_int_equal(atomic_load(&rig->n_tentative), 0);
        assert_true(rig->capture.n_finals > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(silence_begins_when_what_came_is_played),
                cmocka_unit_test(a_flood_is_what_nobody_can_have_spoken),
                STREAM_TEST(sound_that_stops_coming_is_a_pause),
                STREAM_TEST(bursts_are_not_pauses),
                STREAM_TEST(sound_poured_in_waits_no_longer_than_the_limit),
                STREAM_TEST(a_late_decoder_loses_nothing_and_asks_for_a_pause),
                STREAM_TEST(only_a_flood_is_asked_to_pause),
                STREAM_TEST(a_flood_gets_no_tentative_text),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
