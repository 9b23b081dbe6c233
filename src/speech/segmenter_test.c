#include "speech/segmenter.h"

#include <string.h>

#include "audio/pcm.h"
#include "speech/fixture.h"

#define WINDOWS_MAX 64

struct windows {
        struct window windows[WINDOWS_MAX];
        size_t n;
};

static struct segmenter *segmenter_of(const struct vad_model *model) {
        const struct segmenter_config config = segmenter_config_default();

        return segmenter_new(model, &config);
}

static void drain(struct segmenter *segmenter, struct windows *ret) {
        while (segmenter_next(segmenter, &ret->windows[ret->n]))
                assert_true(++ret->n < WINDOWS_MAX);
}

// The windows of the sound when it is fed in pieces of `piece` samples.
static void windows_of(const struct vad_model *model, const struct sound *sound, size_t piece,
                       struct windows *ret) {
        CLEANUP(segmenter_freep) struct segmenter *segmenter = segmenter_of(model);

        ret->n = 0;
        for (size_t at = 0; at < sound->n; at += piece) {
                const size_t n = sound->n - at < piece ? sound->n - at : piece;

                segmenter_feed(segmenter, sound->samples + at, n);
                drain(segmenter, ret);
        }
        assert_int_equal(segmenter_position(segmenter), sound->n);
        segmenter_flush(segmenter);
        drain(segmenter, ret);
}

static void assert_same(const struct windows *a, const struct windows *b) {
        assert_int_equal(a->n, b->n);
        for (size_t i = 0; i < a->n; i++) {
                assert_int_equal(a->windows[i].begin, b->windows[i].begin);
                assert_int_equal(a->windows[i].end, b->windows[i].end);
                assert_int_equal(a->windows[i].speech_end, b->windows[i].speech_end);
                assert_true(a->windows[i].speech_samples == b->windows[i].speech_samples);
                assert_int_equal(a->windows[i].is_cut, b->windows[i].is_cut);
        }
}

static void windows_do_not_depend_on_the_pieces(void **state) {
        const size_t pieces[] = {1, 160, 511, 512, 513, 4096, 160000};
        CLEANUP(vad_model_freep) struct vad_model *model = fixture_vad_model();
        struct sound sound = fixture_sound("misc/jfk.flac");
        struct windows whole;
        struct windows pieced;

        (void)state;
        windows_of(model, &sound, sound.n, &whole);
        assert_in_range(whole.n, 2, 6);
        for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
                windows_of(model, &sound, pieces[i], &pieced);
                assert_same(&pieced, &whole);
        }
        free(sound.samples);
}

// "And so my fellow Americans" is from 0.3 to 2.2 s, "ask not" from 3.3 to 4.4 s.
static void windows_hold_the_words(void **state) {
        CLEANUP(vad_model_freep) struct vad_model *model = fixture_vad_model();
        struct sound sound = fixture_sound("misc/jfk.flac");
        struct windows windows;

        (void)state;
        windows_of(model, &sound, 4096, &windows);
        assert_true(windows.windows[0].begin < (int64_t)(0.3 * AUDIO_RATE));
        assert_true(windows.windows[0].end > (int64_t)(2.2 * AUDIO_RATE));
        assert_true(windows.windows[1].begin < (int64_t)(3.3 * AUDIO_RATE));
        assert_true(windows.windows[1].end > (int64_t)(4.4 * AUDIO_RATE));
        assert_int_equal(windows.windows[windows.n - 1].end, sound.n);
        free(sound.samples);
}

static void flush_closes_at_the_last_sample(void **state) {
        CLEANUP(vad_model_freep) struct vad_model *model = fixture_vad_model();
        CLEANUP(segmenter_freep) struct segmenter *segmenter = segmenter_of(model);
        struct sound sound = fixture_sound("misc/jfk.flac");
        const size_t inside_a_word = 22003;  // and inside a chunk
        struct window window;

        (void)state;
        segmenter_feed(segmenter, sound.samples, inside_a_word);
        assert_false(segmenter_next(segmenter, &window));
        assert_true(segmenter_open_window(segmenter, &window));
        assert_false(window.is_closed);
        assert_int_equal(window.end, inside_a_word);
        segmenter_flush(segmenter);
        assert_true(segmenter_next(segmenter, &window));
        assert_true(window.is_closed);
        assert_int_equal(window.end, inside_a_word);
        assert_int_equal(window.speech_end, inside_a_word);
        assert_false(segmenter_open_window(segmenter, &window));

        segmenter_flush(segmenter);
        assert_false(segmenter_next(segmenter, &window));
        segmenter_feed(segmenter, sound.samples + inside_a_word, 16000);
        segmenter_flush(segmenter);
        assert_true(segmenter_next(segmenter, &window));
        assert_true(window.begin >= (int64_t)inside_a_word);
        free(sound.samples);
}

static void a_pause_of_fed_silence_closes(void **state) {
        CLEANUP(vad_model_freep) struct vad_model *model = fixture_vad_model();
        const int64_t pause = segmenter_config_default().pause;
        const int64_t pieces[] = {1, 512, 3001, pause};
        struct sound sound = fixture_sound("misc/jfk.flac");

        (void)state;
        for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
                CLEANUP(segmenter_freep) struct segmenter *segmenter = segmenter_of(model);
                struct window window;
                int64_t fed = 0;

                segmenter_feed(segmenter, sound.samples, 22003);
                while (fed < pause) {
                        const int64_t piece = pause - fed < pieces[i] ? pause - fed : pieces[i];

                        assert_false(segmenter_next(segmenter, &window));
                        segmenter_feed_silence(segmenter, piece);
                        fed += piece;
                }
                assert_true(segmenter_next(segmenter, &window));
                assert_in_range(window.end, 22003, 22003 + 2 * VAD_CHUNK + pause);
                assert_int_equal(segmenter_position(segmenter), 22003 + pause);
        }
        free(sound.samples);
}

static void speech_is_found_again_after_a_month_of_silence(void **state) {
        CLEANUP(vad_model_freep) struct vad_model *model = fixture_vad_model();
        CLEANUP(segmenter_freep) struct segmenter *segmenter = segmenter_of(model);
        struct sound sound = fixture_sound("misc/jfk.flac");
        const int64_t month = (int64_t)30 * 86400 * AUDIO_RATE;
        struct window window;

        (void)state;
        segmenter_feed(segmenter, sound.samples, 22003);
        segmenter_feed_silence(segmenter, month);
        assert_true(segmenter_next(segmenter, &window));
        assert_int_equal(segmenter_position(segmenter), 22003 + month);
        assert_true(segmenter_oldest_needed(segmenter) > month);
        segmenter_feed(segmenter, sound.samples, (size_t)3 * AUDIO_RATE);
        assert_true(segmenter_next(segmenter, &window) ||
                    segmenter_open_window(segmenter, &window));
        assert_true(window.begin >= 22003 + month - AUDIO_RATE / 2);
        assert_true(window.begin < 22003 + month + AUDIO_RATE / 2);
        free(sound.samples);
}

// Speech, ten seconds without any, and speech again: the same windows, whether the silence was
// fed as such or came as zeros, whole or in pieces.
static void zeros_are_silence(void **state) {
        CLEANUP(vad_model_freep) struct vad_model *model = fixture_vad_model();
        struct sound sound = fixture_sound("misc/jfk.flac");
        static const float zeros[10 * AUDIO_RATE];
        struct windows windows[3] = {0};

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                CLEANUP(segmenter_freep) struct segmenter *segmenter = segmenter_of(model);

                segmenter_feed(segmenter, sound.samples, 22003);
                if (i == 0)
                        segmenter_feed_silence(segmenter, 10 * AUDIO_RATE);
                for (size_t at = 0; i == 1 && at < 10 * AUDIO_RATE; at += 100)
                        segmenter_feed_silence(segmenter, 100);
                if (i == 2)
                        segmenter_feed(segmenter, zeros, 10 * AUDIO_RATE);
                segmenter_feed(segmenter, sound.samples, sound.n);
                segmenter_flush(segmenter);
                drain(segmenter, &windows[i]);
        }
        assert_true(windows[0].n > 1);
        assert_same(&windows[1], &windows[0]);
        assert_same(&windows[2], &windows[0]);
        free(sound.samples);
}

static void after_long_silence_the_detector_is_fresh(void **state) {
        CLEANUP(vad_model_freep) struct vad_model *model = fixture_vad_model();
        CLEANUP(segmenter_freep) struct segmenter *segmenter = segmenter_of(model);
        struct sound sound = fixture_sound("misc/jfk.flac");
        const int64_t later = (int64_t)(43 + 320) * VAD_CHUNK;
        struct windows fresh;
        struct windows windows = {0};

        (void)state;
        windows_of(model, &sound, 4096, &fresh);
        segmenter_feed(segmenter, sound.samples, (size_t)43 * VAD_CHUNK);
        segmenter_feed_silence(segmenter, (int64_t)320 * VAD_CHUNK);
        drain(segmenter, &windows);
        assert_int_equal(windows.n, 1);
        windows.n = 0;
        segmenter_feed(segmenter, sound.samples, sound.n);
        segmenter_flush(segmenter);
        drain(segmenter, &windows);
        for (size_t i = 0; i < windows.n; i++) {
                windows.windows[i].begin -= later;
                windows.windows[i].end -= later;
                windows.windows[i].speech_end -= later;
        }
        assert_same(&windows, &fresh);
        free(sound.samples);
}

static void reset_forgets_but_positions_go_on(void **state) {
        CLEANUP(vad_model_freep) struct vad_model *model = fixture_vad_model();
        CLEANUP(segmenter_freep) struct segmenter *segmenter = segmenter_of(model);
        struct sound sound = fixture_sound("misc/jfk.flac");
        struct window window;

        (void)state;
        segmenter_feed(segmenter, sound.samples, (size_t)4 * AUDIO_RATE);
        assert_true(segmenter_open_window(segmenter, &window));
        segmenter_reset(segmenter);
        assert_false(segmenter_open_window(segmenter, &window));
        assert_false(segmenter_next(segmenter, &window));
        assert_int_equal(segmenter_position(segmenter), 4 * AUDIO_RATE);
        assert_int_equal(segmenter_oldest_needed(segmenter), 4 * AUDIO_RATE);
        segmenter_flush(segmenter);
        assert_false(segmenter_next(segmenter, &window));
        free(sound.samples);
}

static void silence_and_hum_give_no_window(void **state) {
        CLEANUP(vad_model_freep) struct vad_model *model = fixture_vad_model();
        CLEANUP(segmenter_freep) struct segmenter *segmenter = segmenter_of(model);
        float samples[1600];
        struct window window;
        uint32_t seed = 1;

        (void)state;
        for (int second = 0; second < 300; second++) {
                for (size_t i = 0; i < 1600; i++) {
                        seed = seed * 1664525u + 1013904223u;
                        samples[i] = second < 100 ? 0 : (float)(int32_t)seed * 0x1p-41f;
                }
                segmenter_feed(segmenter, samples, 1600);
        }
        segmenter_flush(segmenter);
        assert_false(segmenter_next(segmenter, &window));
        assert_null(segmenter_free(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(windows_do_not_depend_on_the_pieces),
                cmocka_unit_test(windows_hold_the_words),
                cmocka_unit_test(flush_closes_at_the_last_sample),
                cmocka_unit_test(a_pause_of_fed_silence_closes),
                cmocka_unit_test(speech_is_found_again_after_a_month_of_silence),
                cmocka_unit_test(zeros_are_silence),
                cmocka_unit_test(after_long_silence_the_detector_is_fresh),
                cmocka_unit_test(reset_forgets_but_positions_go_on),
                cmocka_unit_test(silence_and_hum_give_no_window),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
