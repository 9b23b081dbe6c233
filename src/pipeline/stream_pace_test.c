// Sound that comes in bursts, stops coming, or is poured in faster than it is spoken.
#include "pipeline/stream_pace.h"

#include <stdio.h>
#include <string.h>

#include "pipeline/stream_rig.h"

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

// A microphone whose clock is 0.5 % fast, for a day; and one that brings two seconds each
// second.
static void a_fast_clock_is_no_flood(void **state) {
        struct stream_pace microphone = {0}, file = {0};
        nsec_t now = 1000 * NSEC_PER_SEC;

        (void)state;
        for (int second = 0; second < 86400; second++) {
                stream_pace_hear(&microphone, AUDIO_RATE + AUDIO_RATE / 200, now);
                assert_false(stream_pace_is_flood(&microphone, now));
                now += NSEC_PER_SEC;
        }
        for (int second = 0; second < 15; second++) {
                stream_pace_hear(&file, (size_t)2 * AUDIO_RATE, now);
                now += NSEC_PER_SEC;
        }
        assert_true(stream_pace_is_flood(&file, now));
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
        size_t backlog = stream_backlog(rig->stream);

        engine_script_release(rig->script);
        stream_rig_wait(rig);
        assert_int_equal(rig->n_relieved, 1);
        assert_int_equal(rig->capture.n_finals, backlog);
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
        assert_true(stream_backlog(rig->stream) >= 20);
        assert_false(stream_is_backlogged(rig->stream));
        stream_on_audio(rig->stream, rig->speech.samples, rig->speech.n);
        assert_true(stream_is_backlogged(rig->stream));
        engine_script_release(rig->script);
        stream_rig_wait(rig);
        assert_false(stream_is_backlogged(rig->stream));
        for (size_t i = 1; i < rig->capture.n_finals; i++)
                assert_true(rig->capture.finals[i].begin >= rig->capture.finals[i - 1].end);
}

// Push the speech as fast as it goes, until so many seconds have gone in.
static void pour(struct stream_rig *rig, size_t seconds) {
        for (size_t n = 0; n < seconds * AUDIO_RATE; n += RIG_PIECE)
                stream_on_audio(rig->stream,
                                rig->speech.samples + n % (rig->speech.n - RIG_PIECE),
                                RIG_PIECE);
}

// Seconds count, not windows: a few long ones are as much sound as many short ones.
static void half_a_minute_unheard_is_enough(void **state) {
        struct stream_rig *rig = stream_rig_need(state);

        engine_script_hold(rig->script);
        pour(rig, 25);
        assert_false(stream_is_backlogged(rig->stream));
        pour(rig, 10);
        assert_true(stream_backlog(rig->stream) < 16);
        assert_true(stream_is_backlogged(rig->stream));
        engine_script_release(rig->script);
        stream_rig_wait(rig);
        assert_int_equal(rig->n_relieved, 1);
}

// The clock catches up with who was ahead of it: then his text comes like everybody else's.
static void who_is_not_ahead_any_more_is_not_held_up(void **state) {
        struct stream_rig *rig = stream_rig_need(state);

        engine_script_hold(rig->script);
        pour(rig, 40);
        assert_true(stream_is_backlogged(rig->stream));
        loop_advance(rig->loop, 25 * NSEC_PER_SEC);
        assert_int_equal(rig->n_relieved, 0);
        loop_advance(rig->loop, 10 * NSEC_PER_SEC);
        assert_int_equal(rig->n_relieved, 1);
        assert_true(stream_backlog(rig->stream) > 0);
        assert_false(stream_is_backlogged(rig->stream));
        engine_script_release(rig->script);
        stream_rig_wait(rig);
}

// Sound that was asked to stop has not stopped: no window ends for it in mid-sentence.
static void who_is_held_up_is_not_silent(void **state) {
        struct stream_rig *rig = stream_rig_need(state);
        size_t backlog;

        engine_script_hold(rig->script);
        pour(rig, 39);
        assert_true(stream_is_backlogged(rig->stream));
        backlog = stream_backlog(rig->stream);
        loop_advance(rig->loop, 20 * NSEC_PER_SEC);
        assert_int_equal(stream_backlog(rig->stream), backlog);
        engine_script_release(rig->script);
        stream_rig_wait(rig);
}

// While memory is short whoever can wait waits sooner, until there is more of it again; a
// window that is open then ends, for nothing else would.
static void who_pours_waits_for_memory(void **state) {
        struct stream_rig *rig = stream_rig_need(state);

        budget_charge_always(rig->budget, BUDGET_MESSAGES, RIG_BUDGET / 5 * 4);
        pour(rig, 15);
        assert_true(stream_is_backlogged(rig->stream));
        loop_advance(rig->loop, 5 * NSEC_PER_SEC);
        stream_rig_wait(rig);
        assert_int_equal(stream_backlog(rig->stream), 0);
        assert_int_equal(rig->n_relieved, 1);

        engine_script_hold(rig->script);
        pour(rig, 15);
        assert_true(stream_is_backlogged(rig->stream));
        budget_refund(rig->budget, BUDGET_MESSAGES, RIG_BUDGET / 5 * 4);
        loop_advance(rig->loop, NSEC_PER_SEC);
        assert_int_equal(rig->n_relieved, 2);
        engine_script_release(rig->script);
        stream_rig_wait(rig);
}

// What a stream keeps of its sound is counted, and given back.
static void open_windows_are_charged(void **state) {
        struct stream_rig *rig = stream_rig_need(state);
        size_t idle = budget_used(rig->budget, BUDGET_SOUND);

        engine_script_hold(rig->script);
        pour(rig, 5);
        assert_true(budget_used(rig->budget, BUDGET_SOUND) > idle);
        stream_flush(rig->stream);
        assert_true(budget_used(rig->budget, BUDGET_BACKLOG) >
                    (size_t)AUDIO_RATE * sizeof(float));
        engine_script_release(rig->script);
        stream_rig_wait(rig);
        assert_int_equal(budget_used(rig->budget, BUDGET_BACKLOG), 0);
        rig->stream = stream_close(rig->stream);
        assert_int_equal(budget_used(rig->budget, BUDGET_SOUND), 0);
}

// Nobody says now what is poured in: only its finals count.
static void a_flood_gets_no_partial_text(void **state) {
        struct stream_rig *rig = stream_rig_need(state);

        engine_script_hold(rig->script);
        for (int i = 0; i < 2; i++)
                stream_on_audio(rig->stream, rig->speech.samples, rig->speech.n);
        // The backlog is so late that partial text may come before it.
        loop_advance(rig->loop, 2100 * NSEC_PER_MSEC);
        for (size_t i = 0; i + RIG_PIECE <= (size_t)6 * AUDIO_RATE; i += RIG_PIECE)
                stream_on_audio(rig->stream, rig->speech.samples + i, RIG_PIECE);
        engine_script_release(rig->script);
        stream_rig_wait(rig);
        assert_int_equal(atomic_load(&rig->n_partial), 0);
        assert_true(rig->capture.n_finals > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(silence_begins_when_what_came_is_played),
                cmocka_unit_test(a_flood_is_what_nobody_can_have_spoken),
                cmocka_unit_test(a_fast_clock_is_no_flood),
                STREAM_TEST(sound_that_stops_coming_is_a_pause),
                STREAM_TEST(bursts_are_not_pauses),
                STREAM_TEST(sound_poured_in_waits_no_longer_than_the_limit),
                STREAM_TEST(a_late_decoder_loses_nothing_and_asks_for_a_pause),
                STREAM_TEST(only_a_flood_is_asked_to_pause),
                STREAM_TEST(half_a_minute_unheard_is_enough),
                STREAM_TEST(who_is_not_ahead_any_more_is_not_held_up),
                STREAM_TEST(who_is_held_up_is_not_silent),
                STREAM_TEST(who_pours_waits_for_memory),
                STREAM_TEST(open_windows_are_charged),
                STREAM_TEST(a_flood_gets_no_partial_text),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
