// Live sound that is decoded while it comes: what is kept of it, Finalize, and its end.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "dialect/deepgram/live_sound.h"
#include "dialect/deepgram/packets.h"
#include "source/media_backend.h"
#include "source/source_rig.h"
#include "util/budget.h"
#include "util/mem.h"
#include "util/process.h"

#define PATH      "/tmp/eavesdrop-deepgram-XXXXXX"
#define BYTES_MAX ((size_t)4 << 20)

static char path[] = PATH, silent_path[] = PATH;

struct talk {
        struct loop *loop;
        struct media_backend *backend;
        struct upload_services services;
        struct budget *budget;
        struct live_sound *sound;
        uint8_t *bytes;  // of the file
        size_t n_bytes;
        size_t n_samples, n_finalized, n_unwanted, n_ends;
        size_t n_finalized_at_end;
        int code;  // of the end
};

static void talk_on_samples(void *context, const uint8_t *bytes, size_t n) {
        struct talk *talk = context;

        (void)bytes;
        talk->n_samples += n / sizeof(float);
}

static void talk_on_finalized(void *context, int channel) {
        struct talk *talk = context;

        assert_int_equal(channel, (int)talk->n_finalized++);
}

static void talk_on_end(void *context, const struct error *error) {
        struct talk *talk = context;

        talk->n_ends++;
        talk->n_finalized_at_end = talk->n_finalized;
        talk->code = error ? error->code : 0;
}

static void talk_on_want(void *context, bool is_wanted) {
        struct talk *talk = context;

        talk->n_unwanted += !is_wanted;
}

static void talk_init_file(struct talk *talk, const char *query, const char *file_path) {
        const struct live_sound_listener listener = {
                .on_samples = talk_on_samples,
                .on_finalized = talk_on_finalized,
                .on_end = talk_on_end,
                .on_want = talk_on_want,
                .context = talk,
        };
        struct deepgram_wish wish;
        FILE *file = fopen(file_path, "rb");

        assert_non_null(file);
        *talk = (struct talk){.loop = loop_new_fake(0), .budget = budget_new((size_t)2 << 20)};
        talk->bytes = xcalloc(BYTES_MAX, 1);
        talk->n_bytes = fread(talk->bytes, 1, BYTES_MAX, file);
        fclose(file);
        talk->backend = media_backend_new(talk->loop, rig_media[1]);
        talk->services = (struct upload_services){
                .loop = talk->loop, .media = talk->backend, .budget = talk->budget};
        assert_int_equal(deepgram_wish_read(&wish, query, NULL), 0);
        talk->sound = live_sound_open(&wish, &talk->services, &listener);
        deepgram_wish_deinit(&wish);
}

static void talk_init(struct talk *talk, const char *query) {
        talk_init_file(talk, query, path);
}

static void talk_deinit(struct talk *talk) {
        live_sound_close(talk->sound);
        assert_int_equal(budget_used(talk->budget, BUDGET_UPLOADS), 0);
        while (source_children() > 0)
                loop_turn(talk->loop);
        media_backend_free(talk->backend);
        budget_free(talk->budget);
        loop_free(talk->loop);
        free(talk->bytes);
}

static void talk_write(struct talk *talk, size_t from, size_t n) {
        const struct websocket_piece piece = {talk->bytes + from, n, true, true};

        assert_true(from + n <= talk->n_bytes);
        live_sound_take(talk->sound, &piece);
}

static void no_process_is_started_for_nothing(void **state) {
        struct talk talk;

        (void)state;
        talk_init(&talk, "");
        assert_int_equal(source_children(), 0);
        live_sound_finalize(talk.sound, 0);
        assert_int_equal(talk.n_finalized, 1);
        live_sound_end(talk.sound);
        assert_true(talk.n_ends == 1 && talk.code == 0);
        talk_deinit(&talk);
}

static void what_costs_too_much_is_not_begun(void **state) {
        struct talk talk;

        (void)state;
        talk_init(&talk, "");
        budget_charge_always(talk.budget, BUDGET_SOUND, (size_t)2 << 20);
        talk_write(&talk, 0, 1000);
        assert_int_equal(source_children(), 0);
        assert_true(talk.n_ends == 1 && talk.code == -EAGAIN);
        budget_refund(talk.budget, BUDGET_SOUND, (size_t)2 << 20);
        talk_deinit(&talk);
}

// The process waits for us: what is written stays here.
static void who_pours_is_stopped_again_after_each_pause(void **state) {
        struct talk talk;
        size_t from = 0;

        (void)state;
        talk_init(&talk, "");
        talk_write(&talk, 0, 1000);
        live_sound_pause(talk.sound);
        for (from = 1000; talk.n_unwanted == 0; from += 4000)
                talk_write(&talk, from, 4000);
        live_sound_resume(talk.sound);
        assert_int_equal(talk.n_unwanted, 2);
        talk_deinit(&talk);
}

static void finalize_is_answered_while_sound_flows(void **state) {
        struct talk talk;
        size_t from;

        (void)state;
        talk_init(&talk, "");
        talk_write(&talk, 0, 60000);
        while (talk.n_samples == 0)
                loop_turn(talk.loop);
        live_sound_finalize(talk.sound, 0);
        for (from = 60000; talk.n_finalized == 0; from += 4000) {
                size_t n_samples = talk.n_samples;

                talk_write(&talk, from, 4000);
                while (talk.n_samples == n_samples)
                        loop_turn(talk.loop);
                loop_advance(talk.loop, 100 * NSEC_PER_MSEC);
        }
        assert_true(from > 60000 + 2 * 4000);
        talk_deinit(&talk);
}

static void finalize_is_answered_before_the_end(void **state) {
        struct talk talk;

        (void)state;
        talk_init(&talk, "");
        talk_write(&talk, 0, 60000);
        live_sound_finalize(talk.sound, 0);
        live_sound_finalize(talk.sound, 1);
        live_sound_end(talk.sound);
        while (talk.n_ends == 0)
                loop_turn(talk.loop);
        assert_int_equal(talk.code, 0);
        assert_int_equal(talk.n_finalized_at_end, 2);
        talk_deinit(&talk);
}

// An hour of silence in some kilobytes.
static void what_is_inflated_ends(void **state) {
        struct talk talk;

        (void)state;
        talk_init_file(&talk, "encoding=flac", silent_path);
        talk_write(&talk, 0, talk.n_bytes);
        live_sound_end(talk.sound);
        while (talk.n_ends == 0)
                loop_turn(talk.loop);
        assert_int_equal(talk.code, -EFBIG);
        assert_true(talk.n_samples < (size_t)700 * AUDIO_RATE);
        talk_deinit(&talk);
}

// Two bytes of head, one frame of 20 ms, and padding up to the longest packet; with one byte
// more it is none.
static void a_packet_that_is_too_long_is_left_out(void **state) {
        struct websocket_piece piece = {.n = PACKET_MAX, .is_first = true};
        struct talk talk;

        (void)state;
        talk_init(&talk, "encoding=opus&sample_rate=48000");
        memset(talk.bytes, 0, PACKET_MAX);
        talk.bytes[0] = 0xfb;
        talk.bytes[1] = 0x41;
        memset(talk.bytes + 2, 255, PACKET_MAX / 255 - 4);
        talk.bytes[2 + PACKET_MAX / 255 - 4] = 18;
        piece.bytes = talk.bytes;
        live_sound_take(talk.sound, &piece);
        piece = (struct websocket_piece){talk.bytes, 1, false, true};
        live_sound_take(talk.sound, &piece);
        live_sound_end(talk.sound);
        while (talk.n_ends == 0)
                loop_turn(talk.loop);
        assert_int_equal(talk.n_samples, 0);
        talk_deinit(&talk);
}

static void ignore_stdout(void *context, const uint8_t *bytes, size_t n) {
        (void)context, (void)bytes, (void)n;
}

static void stop_on_exit(void *context, const struct process_exit *exit) {
        assert_int_equal(exit->status, 0);
        loop_stop(context);
}

static void file_write(char *ret_path, const char *const argv[]) {
        const struct process_config config = {.argv = argv};
        struct loop *loop = loop_new();
        const struct process_listener listener = {ignore_stdout, NULL, NULL, stop_on_exit,
                                                  loop};
        struct process *process;

        close(mkstemp(ret_path));
        assert_int_equal(process_open(&process, loop, &config, &listener, NULL), 0);
        loop_run(loop);
        process_close(process);
        loop_free(loop);
}

// Noise: what is poured is to be much. And silence, in the longest frames.
static int files_make(void **state) {
        static const char *const noise[] = {"ffmpeg",   "-v",      "error",
                                            "-nostdin", "-y",      "-f",
                                            "lavfi",    "-i",      "anoisesrc=duration=60",
                                            "-c:a",     "libopus", "-b:a",
                                            "256k",     "-vbr",    "off",
                                            "-f",       "ogg",     "-page_duration",
                                            "1",        path,      NULL};
        static const char *const silence[] = {
                "ffmpeg",   "-v",          "error",
                "-nostdin", "-y",          "-f",
                "lavfi",    "-i",          "anullsrc=r=8000:cl=mono",
                "-t",       "3600",        "-c:a",
                "flac",     "-frame_size", "32768",
                "-f",       "flac",        silent_path,
                NULL};

        (void)state;
        file_write(path, noise);
        file_write(silent_path, silence);
        return 0;
}

static int files_remove(void **state) {
        (void)state;
        unlink(path);
        unlink(silent_path);
        return 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_process_is_started_for_nothing),
                cmocka_unit_test(what_costs_too_much_is_not_begun),
                cmocka_unit_test(who_pours_is_stopped_again_after_each_pause),
                cmocka_unit_test(finalize_is_answered_while_sound_flows),
                cmocka_unit_test(finalize_is_answered_before_the_end),
                cmocka_unit_test(what_is_inflated_ends),
                cmocka_unit_test(a_packet_that_is_too_long_is_left_out),
        };

        return cmocka_run_group_tests(tests, files_make, files_remove);
}
