// Streams of files: what a client uploads, as fast as it comes.
#include "pipeline/stream_rig.h"

// Ten times eleven seconds of speech, in one second.
static void pour(struct stream_rig *rig) {
        for (int i = 0; i < 10; i++)
                for (size_t k = 0; k + RIG_PIECE <= rig->speech.n; k += RIG_PIECE)
                        stream_on_audio(rig->stream, rig->speech.samples + k, RIG_PIECE);
}

static void a_file_is_windows_over_pauses_and_no_partial_text(void **state) {
        struct stream_rig *rig = stream_rig_need(state);

        stream_rig_open(rig, true);
        pour(rig);
        stream_flush(rig->stream);
        assert_true(stream_backlog(rig->stream) > 2);
        assert_int_equal(rig->n_finished, 0);
        stream_rig_wait(rig);
        assert_int_equal(stream_backlog(rig->stream), 0);
        assert_int_equal(rig->n_finished, 1);
        assert_int_equal(atomic_load(&rig->n_partial), 0);
        assert_true(rig->capture.n_finals > 2);
        // The pauses between two elevens are part of the windows.
        assert_true(rig->capture.n_finals < 8);
        assert_int_equal(history_length(stream_history(rig->stream)),
                         rig->capture.n_finals < 5 ? rig->capture.n_finals : 5);
}

// Jobs have copies of their sound: a flushed stream keeps next to nothing, however long it
// stays.
static void a_flushed_file_keeps_no_sound(void **state) {
        struct stream_rig *rig = stream_rig_need(state);

        stream_rig_open(rig, true);
        pour(rig);
        stream_flush(rig->stream);
        assert_in_range(budget_used(rig->budget, BUDGET_SOUND), 1, AUDIO_RATE * sizeof(float));
        stream_rig_wait(rig);
}

static void who_pours_a_file_in_is_held_while_windows_wait(void **state) {
        struct stream_rig *rig = stream_rig_need(state);
        unsigned n = 0;

        stream_rig_open(rig, true);
        engine_script_hold(rig->script);
        for (; n < 12 && !stream_is_backlogged(rig->stream); n++)
                pour(rig);
        assert_true(n > 1 && n < 12);
        assert_int_equal(rig->n_relieved, 0);
        engine_script_release(rig->script);
        stream_rig_wait(rig);
        assert_int_equal(rig->n_relieved, 1);
        assert_false(stream_is_backlogged(rig->stream));
}

static void all_windows_are_taken_to_be_in_the_language_of_a_sure_one(void **state) {
        struct stream_rig *rig = stream_rig_need(state);
        unsigned n_detected;

        stream_rig_open(rig, true);
        pour(rig);
        stream_rig_wait(rig);
        n_detected = atomic_load(&rig->n_detected);
        assert_true(n_detected > 0);  // those that did not wait for the first
        pour(rig);
        stream_flush(rig->stream);
        stream_rig_wait(rig);
        assert_int_equal(atomic_load(&rig->n_detected), n_detected);
}

static void a_lost_window_of_a_file_is_told(void **state) {
        struct stream_rig *rig = stream_rig_need(state);

        stream_rig_open(rig, true);
        rig->is_broken = true;
        pour(rig);
        stream_flush(rig->stream);
        stream_rig_wait(rig);
        assert_true(rig->n_failed > 2);
        assert_int_equal(rig->n_finished, 1);
        assert_int_equal(rig->capture.n_finals, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                STREAM_TEST(a_file_is_windows_over_pauses_and_no_partial_text),
                STREAM_TEST(a_flushed_file_keeps_no_sound),
                STREAM_TEST(who_pours_a_file_in_is_held_while_windows_wait),
                STREAM_TEST(all_windows_are_taken_to_be_in_the_language_of_a_sure_one),
                STREAM_TEST(a_lost_window_of_a_file_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
