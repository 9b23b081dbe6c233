#include "vad/segmenter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/sound_rig.h"
#include "util/mem.h"
#include "vad/silero_rig.h"

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

// The windows of the sound when the segmenter is fed in pieces of `piece` samples.
static void windows_by(struct segmenter *segmenter, const struct sound *sound, size_t piece,
                       struct windows *ret) {
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

static void windows_of(const struct vad_model *model, const struct sound *sound, size_t piece,
                       struct windows *ret) {
        CLEANUP(segmenter_freep) struct segmenter *segmenter = segmenter_of(model);

        windows_by(segmenter, sound, piece, ret);
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
        CLEANUP(vad_model_freep) struct vad_model *model = rig_need_vad();
        struct sound sound = rig_need_sound("misc/jfk.flac");
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
        CLEANUP(vad_model_freep) struct vad_model *model = rig_need_vad();
        struct sound sound = rig_need_sound("misc/jfk.flac");
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
        CLEANUP(vad_model_freep) struct vad_model *model = rig_need_vad();
        CLEANUP(segmenter_freep) struct segmenter *segmenter = segmenter_of(model);
        struct sound sound = rig_need_sound("misc/jfk.flac");
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
        CLEANUP(vad_model_freep) struct vad_model *model = rig_need_vad();
        const int64_t pause = segmenter_config_default().pause;
        const int64_t pieces[] = {1, 512, 3001, pause};
        struct sound sound = rig_need_sound("misc/jfk.flac");

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
        CLEANUP(vad_model_freep) struct vad_model *model = rig_need_vad();
        CLEANUP(segmenter_freep) struct segmenter *segmenter = segmenter_of(model);
        struct sound sound = rig_need_sound("misc/jfk.flac");
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
static void assert_within_a_chunk(int64_t a, int64_t b) {
        assert_true(a - b <= VAD_CHUNK && b - a <= VAD_CHUNK);
}

// To the chunk: the detector, which has forgotten the voice before, hears a few more zeros or
// fewer.
static void zeros_are_silence(void **state) {
        CLEANUP(vad_model_freep) struct vad_model *model = rig_need_vad();
        struct sound sound = rig_need_sound("misc/jfk.flac");
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
        for (size_t i = 1; i < 3; i++) {
                assert_int_equal(windows[i].n, windows[0].n);
                for (size_t k = 0; k < windows[0].n; k++) {
                        assert_within_a_chunk(windows[i].windows[k].begin,
                                              windows[0].windows[k].begin);
                        assert_within_a_chunk(windows[i].windows[k].end,
                                              windows[0].windows[k].end);
                }
        }
        free(sound.samples);
}

// As if the silence had not been, to the chunk.
static void after_long_silence_speech_is_found_as_before(void **state) {
        CLEANUP(vad_model_freep) struct vad_model *model = rig_need_vad();
        CLEANUP(segmenter_freep) struct segmenter *segmenter = segmenter_of(model);
        struct sound sound = rig_need_sound("misc/jfk.flac");
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
        assert_int_equal(windows.n, fresh.n);
        for (size_t i = 0; i < windows.n; i++) {
                assert_within_a_chunk(windows.windows[i].begin, fresh.windows[i].begin + later);
                assert_within_a_chunk(windows.windows[i].end, fresh.windows[i].end + later);
        }
        free(sound.samples);
}

// One at the microphone, then one at the other end of the room: 42 dB quieter, as recorded.
static void a_far_voice_is_heard_behind_a_loud_one(void **state) {
        CLEANUP(vad_model_freep) struct vad_model *model = rig_need_vad();
        CLEANUP(segmenter_freep) struct segmenter *segmenter = segmenter_of(model);
        struct sound loud = rig_need_sound("fleurs/fleurs-en-001.ogg");
        struct sound far = rig_need_sound("fleurs/fleurs-en-002.ogg");
        struct windows windows = {0};
        float speech = 0;

        (void)state;
        segmenter_feed(segmenter, loud.samples, loud.n);
        segmenter_feed_silence(segmenter, AUDIO_RATE);
        drain(segmenter, &windows);
        assert_int_equal(windows.n, 1);
        windows.n = 0;
        segmenter_feed(segmenter, far.samples, far.n);
        segmenter_flush(segmenter);
        drain(segmenter, &windows);
        for (size_t i = 0; i < windows.n; i++)
                speech += windows.windows[i].speech_samples;
        assert_true(speech > 9 * AUDIO_RATE);
        free(loud.samples);
        free(far.samples);
}

static float noise_next(uint32_t *seed) {
        *seed = *seed * 1664525u + 1013904223u;
        return (float)(int32_t)*seed * 0x1p-31f;
}

// Ten seconds of a quiet room, then a speech: what the detector hears when it is asked about
// all of it is what it hears behind its gate, in whatever pieces the sound comes.
static void the_gate_changes_nothing(void **state) {
        const size_t pieces[] = {1024, 160, 4096, 100000};
        CLEANUP(vad_model_freep) struct vad_model *model = rig_need_vad();
        struct segmenter_config config = segmenter_config_default();
        CLEANUP(segmenter_freep) struct segmenter *ungated = NULL;
        struct sound speech = rig_need_sound("misc/jfk.flac");
        struct sound sound = {.n = (size_t)10 * AUDIO_RATE + speech.n};
        struct windows gated[4];
        struct windows all;
        uint32_t seed = 5;

        (void)state;
        config.is_gated = false;
        ungated = segmenter_new(model, &config);
        sound.samples = xcalloc(sound.n, sizeof(float));
        for (size_t i = 0; i < sound.n; i++)
                sound.samples[i] = 0.001f * noise_next(&seed);
        for (size_t i = 0; i < speech.n; i++)
                sound.samples[sound.n - speech.n + i] += speech.samples[i];
        windows_by(ungated, &sound, 1024, &all);
        for (size_t p = 0; p < 4; p++) {
                windows_of(model, &sound, pieces[p], &gated[p]);
                assert_same(&gated[p], &gated[0]);
        }
        assert_int_equal(all.n, gated[0].n);
        for (size_t i = 0; i < all.n; i++) {
                assert_within_a_chunk(all.windows[i].begin, gated[0].windows[i].begin);
                assert_within_a_chunk(all.windows[i].end, gated[0].windows[i].end);
        }
        free(speech.samples);
        free(sound.samples);
}

// What the ring must keep reaches back to the sound that the closed gate holds.
static void held_sound_is_needed(void **state) {
        CLEANUP(vad_model_freep) struct vad_model *model = rig_need_vad();
        CLEANUP(segmenter_freep) struct segmenter *segmenter = segmenter_of(model);
        const int64_t padding = segmenter_config_default().padding;
        float noise[37];
        uint32_t seed = 5;

        (void)state;
        while (segmenter_position(segmenter) < 10 * AUDIO_RATE) {
                int64_t behind;

                for (size_t i = 0; i < sizeof(noise) / sizeof(noise[0]); i++)
                        noise[i] = 0.001f * noise_next(&seed);
                segmenter_feed(segmenter, noise, sizeof(noise) / sizeof(noise[0]));
                behind = segmenter_position(segmenter) - segmenter_oldest_needed(segmenter);
                assert_true(behind <= padding + 16 * VAD_CHUNK + 37);
                if (segmenter_position(segmenter) > 4 * AUDIO_RATE)  // the gate is closed
                        assert_true(behind >= padding + 8 * VAD_CHUNK);
        }
}

static void reset_forgets_but_positions_go_on(void **state) {
        CLEANUP(vad_model_freep) struct vad_model *model = rig_need_vad();
        CLEANUP(segmenter_freep) struct segmenter *segmenter = segmenter_of(model);
        struct sound sound = rig_need_sound("misc/jfk.flac");
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
        CLEANUP(vad_model_freep) struct vad_model *model = rig_need_vad();
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
                cmocka_unit_test(after_long_silence_speech_is_found_as_before),
                cmocka_unit_test(a_far_voice_is_heard_behind_a_loud_one),
                cmocka_unit_test(the_gate_changes_nothing),
                cmocka_unit_test(held_sound_is_needed),
                cmocka_unit_test(reset_forgets_but_positions_go_on),
                cmocka_unit_test(silence_and_hum_give_no_window),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
