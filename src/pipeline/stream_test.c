// A stream from its sound to its text: what becomes final, what is forgotten, and when it was.
#include "pipeline/stream.h"

#include <math.h>
#include <string.h>

#include "pipeline/stream_rig.h"

static void speech_becomes_final_text_after_a_pause(void **state) {
        struct stream_rig *rig = stream_rig_need(state);
        const struct segment *finals;
        int64_t covered = 0;

        stream_rig_push(rig, rig->speech.samples, rig->speech.n);
        stream_rig_push_silence(rig, 2);
        assert_true(rig->capture.n_finals > 0);
        finals = rig->capture.finals;
        for (size_t i = 0; i < rig->capture.n_finals; i++) {
                if (i > 0)
                        assert_true(finals[i].begin >= finals[i - 1].end);
                covered += finals[i].end - finals[i].begin;
        }
        // He speaks for most of the eleven seconds, pauses between his sentences.
        assert_true(covered > (int64_t)rig->speech.n * 7 / 10);
        assert_string_equal(rig->capture.tail, "");
        assert_int_equal(stream_backlog(rig->stream), 0);
}

struct closings {
        int64_t last;
        unsigned n_pauses, n_cuts;
        int64_t ends[64];  // of windows that were told to be closed
        unsigned n_begun, n_closed, n_answered, n_cut, n_flushed;
        bool is_open;
};

static void closings_on_window(void *state, const struct observer_window *window) {
        struct closings *closings = state;

        if (!window->is_closed) {
                assert_false(closings->is_open);
                closings->is_open = true;
                closings->n_begun++;
                return;
        }
        closings->is_open = false;
        assert_true(window->begin < window->speech_end && window->speech_end <= window->end);
        assert_true(closings->n_closed < 64);
        closings->ends[closings->n_closed++] = window->end;
        closings->n_cut += window->is_cut;
        closings->n_flushed += window->is_flushed;
}

static void closings_on_update(void *state, const struct stream_facts *stream,
                               const struct update *update) {
        struct closings *closings = state;

        (void)stream;
        if (update->closed_at == 0) {
                assert_int_equal(update->n_finals, 0);
                return;
        }
        assert_true(update->closed_at > closings->last);
        assert_true(closings->n_answered < closings->n_closed);  // that was told before
        assert_int_equal(update->closed_at, closings->ends[closings->n_answered++]);
        for (size_t i = 0; i < update->n_finals; i++) {
                assert_true(update->finals[i].begin >= closings->last);
                assert_true(update->finals[i].end <= update->closed_at);
        }
        closings->last = update->closed_at;
        if (update->is_pause)
                closings->n_pauses++;
        else
                closings->n_cuts++;
}

// Somebody who never pauses is cut.
static void a_reader_is_told_where_windows_ended_and_why(void **state) {
        static const struct observer_ops ops = {.name = "closings",
                                                .on_update = closings_on_update,
                                                .on_window = closings_on_window};
        struct stream_rig *rig = stream_rig_need(state);
        struct closings closings = {0};
        struct observer observer = {.ops = &ops, .state = &closings};

        stream_add_observer(rig->stream, &observer);
        stream_rig_push(rig, rig->speech.samples, rig->speech.n);
        stream_rig_push_silence(rig, 2);
        assert_true(closings.n_pauses > 1);
        assert_int_equal(closings.n_cuts, 0);
        assert_int_equal(closings.n_flushed, 0);
        for (int i = 0; i < 40; i++)
                stream_rig_push(rig, rig->speech.samples + AUDIO_RATE, AUDIO_RATE);
        stream_flush(rig->stream);
        stream_rig_wait(rig);
        assert_true(closings.n_cuts > 0);
        assert_int_equal(closings.n_cut, closings.n_cuts);
        assert_int_equal(closings.n_flushed, 1);
        assert_int_equal(closings.n_answered, closings.n_closed);
        assert_true(closings.n_begun == closings.n_closed && !closings.is_open);
        stream_remove_observer(rig->stream, &observer);
}

static void sound_is_in_a_window_or_silent(void **state) {
        struct stream_rig *rig = stream_rig_need(state);
        const struct stream_counts *counts = &rig->counts;
        uint64_t in_windows = 0, undecided;

        stream_rig_push_silence(rig, 3);
        stream_rig_push(rig, rig->speech.samples, rig->speech.n);
        stream_rig_push_silence(rig, 5);
        assert_true(rig->capture.n_finals > 1);
        for (size_t i = 0; i < rig->capture.n_finals; i++)
                in_windows +=
                        (uint64_t)(rig->capture.finals[i].end - rig->capture.finals[i].begin);
        assert_int_equal(counts->samples_in, (8 * 10 + rig->speech.n / RIG_PIECE) * RIG_PIECE);
        // The last moments may still become the start of a window.
        undecided = counts->samples_in - counts->samples_silent - in_windows;
        assert_true(undecided < AUDIO_RATE);
        assert_true(counts->samples_silent > (uint64_t)6 * AUDIO_RATE);
        assert_int_equal(rig->observer_counts.n_updates, rig->capture.n_updates);
}

static void silence_never_reaches_the_engine(void **state) {
        struct stream_rig *rig = stream_rig_need(state);

        stream_rig_push_silence(rig, 30);
        assert_int_equal(engine_script_submitted(rig->script), 0);
}

static void flush_is_idle_at_once_without_a_backlog(void **state) {
        struct stream_rig *rig = stream_rig_need(state);

        stream_flush(rig->stream);
        assert_int_equal(rig->n_finished, 1);
        stream_rig_push_silence(rig, 1);
        stream_flush(rig->stream);
        assert_int_equal(rig->n_finished, 2);
        assert_int_equal(rig->capture.n_finals, 0);
}

static void cancel_forgets_what_was_said(void **state) {
        struct stream_rig *rig = stream_rig_need(state);

        engine_script_hold(rig->script);
        for (size_t i = 0; i < (size_t)2 * AUDIO_RATE; i += RIG_PIECE)
                stream_on_audio(rig->stream, rig->speech.samples + i, RIG_PIECE);
        assert_true(stream_is_speaking(rig->stream));
        stream_flush(rig->stream);
        assert_false(stream_is_speaking(rig->stream));
        assert_int_equal(stream_backlog(rig->stream), 1);
        stream_cancel(rig->stream);
        assert_int_equal(stream_backlog(rig->stream), 0);
        engine_script_release(rig->script);
        stream_rig_push_silence(rig, 2);
        assert_int_equal(rig->capture.n_finals, 0);
}

static void a_language_that_was_found_is_kept_until_all_is_forgotten(void **state) {
        struct stream_rig *rig = stream_rig_need(state);
        unsigned n_detected;

        stream_rig_push(rig, rig->speech.samples, rig->speech.n);
        stream_rig_push_silence(rig, 2);
        n_detected = atomic_load(&rig->n_detected);
        assert_true(n_detected > 0);
        stream_rig_push(rig, rig->speech.samples, rig->speech.n);
        stream_rig_push_silence(rig, 2);
        assert_int_equal(atomic_load(&rig->n_detected), n_detected);
        stream_cancel(rig->stream);
        stream_rig_push(rig, rig->speech.samples, rig->speech.n);
        assert_true(atomic_load(&rig->n_detected) > n_detected);
}

static void a_restart_counts_from_zero_again(void **state) {
        struct stream_rig *rig = stream_rig_need(state);
        uint64_t id;

        stream_rig_push(rig, rig->speech.samples, rig->speech.n);
        stream_rig_push_silence(rig, 2);
        assert_true(history_length(stream_history(rig->stream)) > 0);
        id = rig->capture.finals[0].id;
        stream_restart(rig->stream);
        assert_int_equal(history_length(stream_history(rig->stream)), 0);
        assert_int_equal(stream_origin(rig->stream),
                         (int64_t)(rig->speech.n / RIG_PIECE * RIG_PIECE) + 2 * AUDIO_RATE);
        size_t n = rig->capture.n_finals;

        stream_rig_push(rig, rig->speech.samples, rig->speech.n);
        stream_rig_push_silence(rig, 2);
        assert_true(rig->capture.n_finals > n);
        assert_true(rig->capture.finals[n].begin >= stream_origin(rig->stream));
        // The texts differ (they name positions), so the ids do; but the chain began anew.
        assert_true(rig->capture.finals[n].id ==
                    segment_id_next(segment_id_first(), rig->capture.finals[n].text));
        assert_true(id == segment_id_next(segment_id_first(), rig->capture.finals[0].text));
}

static void wall_clock_times_follow_the_anchor(void **state) {
        struct stream_rig *rig = stream_rig_need(state);
        struct stream_facts facts;

        loop_advance(rig->loop, 50 * NSEC_PER_SEC);
        stream_rig_push(rig, rig->speech.samples, AUDIO_RATE);
        facts = stream_facts(rig->stream);
        // The first tenth of a second had been spoken when it arrived.
        assert_true(observer_wall(&facts, AUDIO_RATE) ==
                    1051 * NSEC_PER_SEC - NSEC_PER_SEC / 10);
}

static void the_last_second_has_a_level(void **state) {
        struct stream_rig *rig = stream_rig_need(state);

        assert_true(isnan(stream_level(rig->stream).rms));
        stream_rig_push(rig, rig->speech.samples, rig->speech.n);
        assert_true(stream_level(rig->stream).rms > -60 && stream_level(rig->stream).rms < 0);
        assert_true(stream_level(rig->stream).peak >= stream_level(rig->stream).rms);
        stream_rig_push_silence(rig, 2);
        assert_true(stream_level(rig->stream).rms <= LEVEL_FLOOR);
}

// A phrase and the silence behind it, until it is text. Returns how many of its jobs had a
// lead.
static unsigned phrase_push(struct stream_rig *rig) {
        unsigned n_before = atomic_load(&rig->n_led);

        stream_rig_push(rig, rig->speech.samples, 5 * AUDIO_RATE / 2);
        stream_rig_push_silence(rig, 1.5);
        stream_rig_wait(rig);
        return atomic_load(&rig->n_led) - n_before;
}

static void a_window_brings_along_what_was_heard_before_it(void **state) {
        struct stream_rig *rig = stream_rig_need(state);

        assert_int_equal(phrase_push(rig), 0);
        assert_true(phrase_push(rig) > 0);
        loop_advance(rig->loop, 10 * NSEC_PER_SEC);  // nothing comes
        assert_int_equal(phrase_push(rig), 0);
        assert_true(phrase_push(rig) > 0);
        stream_cancel(rig->stream);
        assert_int_equal(phrase_push(rig), 0);
        assert_true(phrase_push(rig) > 0);
        stream_restart(rig->stream);
        assert_int_equal(phrase_push(rig), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                STREAM_TEST(speech_becomes_final_text_after_a_pause),
                STREAM_TEST(a_reader_is_told_where_windows_ended_and_why),
                STREAM_TEST(sound_is_in_a_window_or_silent),
                STREAM_TEST(silence_never_reaches_the_engine),
                STREAM_TEST(flush_is_idle_at_once_without_a_backlog),
                STREAM_TEST(cancel_forgets_what_was_said),
                STREAM_TEST(a_language_that_was_found_is_kept_until_all_is_forgotten),
                STREAM_TEST(a_restart_counts_from_zero_again),
                STREAM_TEST(wall_clock_times_follow_the_anchor),
                STREAM_TEST(the_last_second_has_a_level),
                STREAM_TEST(a_window_brings_along_what_was_heard_before_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
