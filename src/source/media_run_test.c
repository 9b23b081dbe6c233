// What every program that reads media must do, whatever happens to it; on the real clock. What
// they make of files is in media_test.c, of uploads in upload_test.c, of cameras in
// rtsp_test.c.
#include "source/media_run.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "source/media_backend.h"
#include "source/source_rig.h"
#include "util/mem.h"
#include "util/process_rig.h"

#define WAV_PATH "/tmp/eavesdrop-run-XXXXXX"
#define SECONDS  3

static const char *choice;  // of the program
static char wav_path[] = WAV_PATH;

struct rig {
        struct loop *loop;
        struct media_backend *backend;
};

struct capture {
        struct loop *loop;
        struct media_run *run;
        size_t n_samples;
        unsigned n_opened;
        unsigned n_ends;
        enum media_fault fault;
        char text[400];
        bool is_stopped;
        bool has_died;
};

static void on_opened(void *context, const struct media_opened *opened) {
        struct capture *capture = context;

        assert_int_equal(capture->n_samples, 0);
        assert_int_equal(opened->n_tracks, 1);
        assert_int_equal(opened->chosen, 1);
        assert_int_equal(opened->tracks[0].rate, AUDIO_RATE);
        assert_true(opened->is_finite);
        capture->n_opened++;
}

static void on_samples(void *context, const float *samples, size_t n) {
        struct capture *capture = context;

        (void)samples;
        assert_false(capture->is_stopped);
        capture->n_samples += n;
}

static void on_end(void *context, const struct media_end *end) {
        struct capture *capture = context;

        capture->n_ends++;
        capture->fault = end->fault;
        capture->has_died = end->has_died;
        snprintf(capture->text, sizeof(capture->text), "%s", end->text);
        capture->run = media_run_close(capture->run);
}

static void rig_init(struct rig *rig) {
        rig->loop = loop_new();
        rig->backend = media_backend_new(rig->loop, choice);
}

static void rig_deinit(struct rig *rig) {
        while (source_children() > 0)
                loop_turn(rig->loop);
        rig->backend = media_backend_free(rig->backend);
        loop_free(rig->loop);
}

// The file once, as fast as it goes; or in real time, over and over.
static int capture_open(struct capture *capture, struct rig *rig, bool is_endless,
                        struct error *error) {
        const struct media_run_config config = {
                .kind = MEDIA_RUN_FILE,
                .path = wav_path,
                .is_paced = is_endless,
                .is_looped = is_endless,
        };
        const struct media_run_listener listener = {
                .on_opened = on_opened,
                .on_samples = on_samples,
                .on_end = on_end,
                .context = capture,
        };

        *capture = (struct capture){.loop = rig->loop};
        return media_run_open(&capture->run, rig->backend, &config, &listener, error);
}

static void end_await(struct capture *capture) {
        while (capture->n_ends == 0)
                loop_turn(capture->loop);
}

static void samples_await(struct capture *capture) {
        size_t n = capture->n_samples;

        while (capture->n_samples == n && capture->n_ends == 0)
                loop_turn(capture->loop);
        assert_int_equal(capture->n_ends, 0);
}

// --- tests --------------------------------------------------------------------------

static void a_file_is_told_read_and_over(void **state) {
        struct capture capture;
        struct rig rig;

        (void)state;
        rig_init(&rig);
        assert_int_equal(capture_open(&capture, &rig, false, NULL), 0);
        end_await(&capture);
        assert_int_equal(capture.n_opened, rig.backend->ops->is_telling);
        assert_int_equal(capture.n_samples, SECONDS * AUDIO_RATE);
        assert_int_equal(capture.fault, MEDIA_FAULT_NONE);
        assert_false(capture.has_died);
        rig_deinit(&rig);
}

static void a_loop_goes_on_until_it_is_stopped(void **state) {
        struct capture capture;
        struct rig rig;

        (void)state;
        rig_init(&rig);
        assert_int_equal(capture_open(&capture, &rig, true, NULL), 0);
        samples_await(&capture);
        assert_int_equal(source_children(), 1);
        media_run_stop(capture.run);
        capture.is_stopped = true;
        assert_int_equal(capture.n_ends, 0);  // not from inside
        end_await(&capture);
        while (source_children() > 0)
                loop_turn(rig.loop);
        rig_deinit(&rig);
}

static void a_paused_run_is_silent_until_it_is_stopped(void **state) {
        struct capture capture;
        struct rig rig;

        (void)state;
        rig_init(&rig);
        assert_int_equal(capture_open(&capture, &rig, true, NULL), 0);
        samples_await(&capture);
        media_run_pause(capture.run);
        capture.is_stopped = true;
        for (int i = 0; i < 20; i++) {
                usleep(10000);
                loop_turn(rig.loop);
        }
        media_run_stop(capture.run);
        end_await(&capture);
        rig_deinit(&rig);
}

static void one_that_is_killed_is_told_and_the_other_goes_on(void **state) {
        struct capture killed, other;
        struct rig rig;

        (void)state;
        rig_init(&rig);
        assert_int_equal(capture_open(&killed, &rig, true, NULL), 0);
        assert_int_equal(capture_open(&other, &rig, true, NULL), 0);
        samples_await(&killed);
        samples_await(&other);
        assert_true(media_run_process_id(killed.run) > 0);
        assert_int_not_equal(media_run_process_id(killed.run), media_run_process_id(other.run));
        assert_int_equal(kill(media_run_process_id(killed.run), SIGKILL), 0);
        end_await(&killed);
        assert_int_equal(killed.fault, MEDIA_FAULT_OTHER);
        assert_true(killed.has_died);
        assert_non_null(strstr(killed.text, "signal 9 (Killed)"));
        samples_await(&other);
        other.run = media_run_close(other.run);
        rig_deinit(&rig);
}

static void one_that_is_held_is_ended_all_the_same(void **state) {
        struct capture capture;
        struct rig rig;

        (void)state;
        rig_init(&rig);
        assert_int_equal(capture_open(&capture, &rig, true, NULL), 0);
        samples_await(&capture);
        assert_int_equal(kill(media_run_process_id(capture.run), SIGSTOP), 0);
        media_run_stop(capture.run);
        end_await(&capture);
        assert_true(capture.has_died);
        rig_deinit(&rig);
}

#define N_MANY 20

static void many_come_and_go_and_leave_nothing(void **state) {
        struct capture captures[N_MANY];
        unsigned n_descriptors = 0;
        struct rig rig;

        (void)state;
        rig_init(&rig);
        for (int round = 0; round < 3; round++) {
                for (size_t i = 0; i < N_MANY; i++)
                        assert_int_equal(capture_open(&captures[i], &rig, false, NULL), 0);
                for (size_t i = 0; i < N_MANY; i += 2)
                        captures[i].run = media_run_close(captures[i].run);
                for (size_t i = 1; i < N_MANY; i += 2) {
                        end_await(&captures[i]);
                        assert_int_equal(captures[i].n_samples, SECONDS * AUDIO_RATE);
                        assert_int_equal(captures[i].fault, MEDIA_FAULT_NONE);
                }
                while (source_children() > 0)
                        loop_turn(rig.loop);
                for (int turn = 0; turn < 5; turn++)
                        loop_turn(rig.loop);
                if (round == 0)
                        n_descriptors = rig_count_descriptors();
        }
        for (size_t i = 0; i < N_MANY; i += 2)
                assert_int_equal(captures[i].n_ends, 0);
        assert_int_equal(rig_count_descriptors(), n_descriptors);
        rig_deinit(&rig);
}

static void no_descriptors_are_an_error_with_words(void **state) {
        struct rlimit before, few;
        struct error error = {0};
        struct capture capture;
        struct rig rig;

        (void)state;
        rig_init(&rig);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        few = (struct rlimit){3, before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        assert_true(capture_open(&capture, &rig, false, &error) < 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_non_null(strstr(error.text, "Too many open files"));
        assert_int_equal(capture_open(&capture, &rig, false, NULL), 0);
        end_await(&capture);
        assert_int_equal(capture.n_samples, SECONDS * AUDIO_RATE);
        rig_deinit(&rig);
}

// Only one of the programs has something that all runs share.
static void the_death_of_what_they_share_is_told_to_all(void **state) {
        struct capture captures[N_MANY];
        struct rig rig;

        (void)state;
        rig_init(&rig);
        if (!rig.backend->ops->is_telling) {
                rig_deinit(&rig);
                skip();
        }
        for (size_t i = 0; i < N_MANY; i++)
                assert_int_equal(capture_open(&captures[i], &rig, true, NULL), 0);
        for (size_t i = 0; i < N_MANY; i++)
                samples_await(&captures[i]);
        assert_int_equal(kill(rig_only_child(), SIGKILL), 0);
        for (size_t i = 0; i < N_MANY; i++) {
                end_await(&captures[i]);
                assert_non_null(strstr(captures[i].text, "the media process was ended by"));
        }
        assert_int_equal(capture_open(&captures[0], &rig, false, NULL), 0);
        end_await(&captures[0]);
        assert_int_equal(captures[0].n_samples, SECONDS * AUDIO_RATE);
        rig_deinit(&rig);
}

// --- the file -----------------------------------------------------------------------

static int wav_make(void **state) {
        static const uint8_t head[] = "RIFF\x24\x77\x01\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0"
                                      "\0\x7d\0\0\2\0\x10\0data\0\x77\x01";
        FILE *file;
        int descriptor;

        (void)state;
        memcpy(wav_path, WAV_PATH, sizeof(wav_path));
        descriptor = mkstemp(wav_path);
        file = descriptor < 0 ? NULL : fdopen(descriptor, "wb");
        if (!file)
                return -1;
        fwrite(head, 1, 44, file);  // its last byte is the string's end
        for (int i = 0; i < 2 * SECONDS * AUDIO_RATE; i++)
                fputc(i * 7 & 0x3f, file);
        return fclose(file);
}

static int wav_remove(void **state) {
        (void)state;
        return unlink(wav_path);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_file_is_told_read_and_over),
                cmocka_unit_test(a_loop_goes_on_until_it_is_stopped),
                cmocka_unit_test(a_paused_run_is_silent_until_it_is_stopped),
                cmocka_unit_test(one_that_is_killed_is_told_and_the_other_goes_on),
                cmocka_unit_test(one_that_is_held_is_ended_all_the_same),
                cmocka_unit_test(many_come_and_go_and_leave_nothing),
                cmocka_unit_test(no_descriptors_are_an_error_with_words),
                cmocka_unit_test(the_death_of_what_they_share_is_told_to_all),
        };
        int n_failed = 0;

        for (size_t i = 0; (choice = rig_media[i]); i++)
                n_failed += cmocka_run_group_tests_name(choice, tests, wav_make, wav_remove);
        return n_failed;
}
