// What is kept of sound, and what is not: crashes, forgetting, retention, full disks.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audio/pcm.h"
#include "journal/archive_files.h"
#include "journal/archive_rig.h"
#include "journal/archive_window.h"
#include "util/mem.h"

static bool is_heard(struct archive_rig *rig, const char *stream, int64_t since,
                     int64_t until) {
        archive_rig_read(rig, stream, since, until, ARCHIVE_OGG);
        return rig->bytes != NULL;
}

static uint64_t files_kept(struct archive_rig *rig) {
        struct archive_state now;

        archive_rig_settle(rig);
        archive_state(rig->archive, &now);
        return now.n_files;
}

static off_t file_size(const char *path) {
        struct stat status;

        assert_int_equal(stat(path, &status), 0);
        return status.st_size;
}

// --- crashes ---------------------------------------------------------------------------------

static void a_window_cut_anywhere_costs_that_window_alone(void **state) {
        struct archive_rig *rig = *state;
        CLEANUP(mem_freep) char *path = NULL;
        off_t first, both;

        archive_rig_keep(rig, "kitchen", RIG_HOUR, 2, 1);
        archive_rig_settle(rig);
        path = archive_rig_file(rig, "kitchen");
        first = file_size(path);
        archive_rig_keep(rig, "kitchen", RIG_HOUR + 5000, 2, 2);
        archive_rig_settle(rig);
        both = file_size(path);
        for (off_t size = both - 1; size > first; size -= 37) {
                assert_int_equal(truncate(path, size), 0);
                archive_rig_again(rig);
                assert_true(is_heard(rig, "kitchen", RIG_HOUR, RIG_HOUR + 2000));
                assert_false(is_heard(rig, "kitchen", RIG_HOUR + 5000, RIG_HOUR + 7000));
        }
        // And what is written next stands behind what was whole.
        archive_rig_keep(rig, "kitchen", RIG_HOUR + 5000, 2, 2);
        archive_rig_settle(rig);
        assert_int_equal(file_size(path), both);
        assert_true(is_heard(rig, "kitchen", RIG_HOUR + 5000, RIG_HOUR + 7000));
}

// A process that keeps one window after the other, and tells of each that is kept.
static void keep_for_ever(const char *folder, int fd) {
        struct loop *loop = loop_new();
        const struct archive_config config = {.folder = folder};
        struct archive *archive = NULL;
        float *voice = archive_rig_voice(3, 1);

        if (archive_open(&archive, loop, &config, NULL) < 0)
                _exit(1);
        for (uint64_t i = 0;; i++) {
                struct archive_state now = {0};

                archive_keep(archive, "kitchen", RIG_HOUR + (int64_t)i * 4000, voice,
                             3 * AUDIO_RATE);
                while (now.samples_kept < (i + 1) * 3 * AUDIO_RATE)
                        archive_state(archive, &now);
                if (write(fd, &i, sizeof(i)) != sizeof(i))
                        _exit(1);
        }
}

static void what_was_kept_survives_a_kill(void **state) {
        struct archive_rig *rig = *state;
        uint64_t n_told = 0;

        archive_rig_stop(rig);
        for (int i = 0; i < 5; i++) {
                uint64_t n_read = 0;
                int ends[2], status;
                pid_t child;

                assert_int_equal(pipe(ends), 0);
                child = fork();
                if (child == 0)
                        keep_for_ever(rig->folder, ends[1]);
                close(ends[1]);
                // It dies in the midst of whatever follows.
                while (n_read++ < 5 + (uint64_t)i)
                        if (read(ends[0], &n_told, sizeof(n_told)) != sizeof(n_told))
                                fail();
                usleep((useconds_t)(i * 700));
                kill(child, SIGKILL);
                assert_int_equal(waitpid(child, &status, 0), child);
                close(ends[0]);
                archive_rig_again(rig);
                for (uint64_t k = 0; k <= n_told; k++)
                        assert_true(is_heard(rig, "kitchen", RIG_HOUR + (int64_t)k * 4000,
                                             RIG_HOUR + (int64_t)k * 4000 + 3000));
                archive_rig_stop(rig);
        }
}

// --- forgetting ------------------------------------------------------------------------------

static void what_is_forgotten_is_in_no_file(void **state) {
        struct archive_rig *rig = *state;
        CLEANUP(mem_freep) char *path = NULL;
        off_t size;

        archive_rig_keep(rig, "kitchen", RIG_HOUR, 4, 1);
        archive_rig_keep(rig, "kitchen", RIG_HOUR + 5000, 4, 2);
        archive_rig_keep(rig, "kitchen", RIG_HOUR + 10000, 4, 3);
        archive_rig_keep(rig, "garage", RIG_HOUR + 5000, 4, 2);
        archive_rig_settle(rig);
        path = archive_rig_file(rig, "kitchen");
        size = file_size(path);
        archive_rig_forget(rig, "kitchen", RIG_HOUR + 4500, RIG_HOUR + 9500);
        assert_string_equal(rig->trouble, "");
        assert_in_range(file_size(path), size / 2, size * 3 / 4);
        assert_false(is_heard(rig, "kitchen", RIG_HOUR + 4000, RIG_HOUR + 10000));
        assert_true(is_heard(rig, "kitchen", RIG_HOUR, RIG_HOUR + 4000));
        assert_true(is_heard(rig, "kitchen", RIG_HOUR + 10000, RIG_HOUR + 14000));
        assert_true(is_heard(rig, "garage", RIG_HOUR + 5000, RIG_HOUR + 9000));
        // And what is kept next is added to what is left.
        archive_rig_keep(rig, "kitchen", RIG_HOUR + 20000, 4, 1);
        assert_true(is_heard(rig, "kitchen", RIG_HOUR + 20000, RIG_HOUR + 24000));
        assert_true(is_heard(rig, "kitchen", RIG_HOUR, RIG_HOUR + 4000));
        // All streams, all times.
        archive_rig_forget(rig, NULL, 0, 0);
        assert_int_equal(files_kept(rig), 0);
        assert_int_equal(access(path, F_OK), -1);
}

static void a_part_of_a_window_is_forgotten_and_the_rest_stays_in_time(void **state) {
        struct archive_rig *rig = *state;
        CLEANUP(floats_freep) float *voice = archive_rig_voice(9, 1);
        size_t n;
        float *samples;

        archive_rig_keep(rig, "kitchen", RIG_HOUR, 9, 1);
        archive_rig_forget(rig, "kitchen", RIG_HOUR + 3000, RIG_HOUR + 6000);
        assert_false(is_heard(rig, "kitchen", RIG_HOUR + 3000, RIG_HOUR + 6000));
        archive_rig_read(rig, "kitchen", RIG_HOUR, RIG_HOUR + 9000, ARCHIVE_WAV);
        samples = archive_rig_samples(rig, &n);
        for (size_t i = 3000 * 16; i < 6000 * 16; i++)
                assert_true(samples[i] == 0.0F);
        assert_true(archive_rig_likeness(samples, voice, 2900 * 16) > 0.8);
        assert_true(archive_rig_likeness(samples + 6200 * 16, voice + 6200 * 16, 2700 * 16) >
                    0.8);
        free(samples);
}

// The old file's bytes are overwritten: seen through another name of it.
static void the_old_file_is_overwritten(void **state) {
        struct archive_rig *rig = *state;
        CLEANUP(mem_freep) char *path = NULL;
        CLEANUP(mem_freep) char *other = xasprintf("%s/other", rig->folder);
        uint8_t bytes[4096];
        ssize_t n;
        int fd;

        archive_rig_keep(rig, "kitchen", RIG_HOUR, 4, 1);
        archive_rig_keep(rig, "kitchen", RIG_HOUR + 5000, 4, 2);
        archive_rig_settle(rig);
        path = archive_rig_file(rig, "kitchen");
        assert_int_equal(link(path, other), 0);
        archive_rig_forget(rig, "kitchen", RIG_HOUR, RIG_HOUR + 4000);
        fd = open(other, O_RDONLY | O_CLOEXEC);
        while ((n = read(fd, bytes, sizeof(bytes))) > 0)
                for (ssize_t i = 0; i < n; i++)
                        assert_int_equal(bytes[i], 0);
        close(fd);
        unlink(other);
}

static void what_a_crash_left_is_forgotten_too(void **state) {
        struct archive_rig *rig = *state;
        CLEANUP(mem_freep) char *path = NULL;
        CLEANUP(mem_freep) char *half = NULL;
        off_t first;

        archive_rig_keep(rig, "kitchen", RIG_HOUR, 2, 1);
        archive_rig_settle(rig);
        path = archive_rig_file(rig, "kitchen");
        first = file_size(path);
        archive_rig_keep(rig, "kitchen", RIG_HOUR + 5000, 2, 2);
        archive_rig_settle(rig);
        assert_int_equal(truncate(path, file_size(path) - 10), 0);
        half = xasprintf("%s.new", path);
        close(open(half, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        archive_rig_again(rig);
        assert_int_equal(access(half, F_OK), -1);
        archive_rig_forget(rig, "kitchen", RIG_HOUR + 4000, 0);
        assert_int_equal(file_size(path), first);
}

// --- retention -------------------------------------------------------------------------------

static void files_go_by_age(void **state) {
        struct archive_rig *rig = *state;

        rig->config.keep_age = 7200;
        archive_rig_again(rig);
        archive_rig_keep(rig, "kitchen", RIG_HOUR, 1, 1);
        archive_rig_keep(rig, "garage", RIG_HOUR + 3600000, 1, 1);
        assert_int_equal(files_kept(rig), 2);
        loop_advance(rig->loop, 3 * 3600 * NSEC_PER_SEC - 60 * NSEC_PER_SEC);
        assert_int_equal(files_kept(rig), 2);
        loop_advance(rig->loop, 180 * NSEC_PER_SEC);
        assert_int_equal(files_kept(rig), 1);
        assert_true(is_heard(rig, "garage", RIG_HOUR + 3600000, RIG_HOUR + 3601000));
}

// All was kept long ago, as far as anybody knows: is it that late, or the clock wrong?
static void a_clock_that_is_far_ahead_removes_no_sound(void **state) {
        static const nsec_t day = 24 * 3600 * NSEC_PER_SEC;
        struct archive_rig *rig = *state;

        archive_rig_keep(rig, "kitchen", RIG_HOUR, 1, 1);
        archive_rig_settle(rig);
        archive_rig_stop(rig);
        loop_advance(rig->loop, 365 * day);
        rig->config.keep_age = 7 * 86400;
        archive_rig_again(rig);
        assert_int_equal(files_kept(rig), 1);
        // It stands for a day.
        loop_advance(rig->loop, day + 60 * NSEC_PER_SEC);
        // It tidied each minute: too many wait for the thread to let another in at once.
        do
                archive_rig_settle(rig);
        while (rig->trouble[0]);
        assert_int_equal(files_kept(rig), 0);
}

static void files_go_by_size_the_oldest_first(void **state) {
        struct archive_rig *rig = *state;
        struct archive_state now;

        rig->config.keep_bytes = 40000;
        archive_rig_again(rig);
        for (int i = 0; i < 8; i++) {
                archive_rig_keep(rig, i % 2 ? "kitchen" : "garage",
                                 RIG_HOUR + (int64_t)i * 3600000, 4, (unsigned)i);
                archive_rig_settle(rig);
                archive_state(rig->archive, &now);
                assert_true(now.n_bytes <= 40000);
        }
        assert_in_range(now.n_files, 2, 6);
        assert_true(is_heard(rig, "kitchen", RIG_HOUR + INT64_C(7) * 3600000,
                             RIG_HOUR + INT64_C(7) * 3600000 + 4000));
        assert_false(is_heard(rig, "garage", RIG_HOUR, RIG_HOUR + 4000));
        // Text needs the room.
        archive_make_room(rig->archive);
        assert_int_equal(files_kept(rig), now.n_files - 1);
        for (int i = 0; i < 9; i++)
                archive_make_room(rig->archive);
        assert_int_equal(files_kept(rig), 0);
}

static void a_disk_that_takes_nothing_costs_sound_and_says_so(void **state) {
        struct archive_rig *rig = *state;
        CLEANUP(mem_freep) char *path = xasprintf("%s/audio/kitchen", rig->folder);
        struct archive_state now;

        // A file where the stream's folder would be; root may write anywhere else.
        close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        archive_rig_keep(rig, "kitchen", RIG_HOUR, 2, 1);
        archive_rig_keep(rig, "garage", RIG_HOUR, 1, 1);
        archive_rig_keep(rig, "kitchen", RIG_HOUR + 3000, 2, 1);
        archive_rig_settle(rig);
        archive_state(rig->archive, &now);
        assert_int_equal(now.samples_lost, 4 * AUDIO_RATE);
        assert_int_equal(now.samples_kept, AUDIO_RATE);
        assert_non_null(strstr(now.trouble, "sound cannot be kept in "));
        unlink(path);
        loop_advance(rig->loop, 10 * NSEC_PER_SEC);
        archive_rig_keep(rig, "kitchen", RIG_HOUR + 6000, 2, 1);
        archive_rig_settle(rig);
        archive_state(rig->archive, &now);
        assert_string_equal(now.trouble, "");
        assert_true(is_heard(rig, "kitchen", RIG_HOUR + 6000, RIG_HOUR + 8000));
}

static void sound_beyond_the_queue_is_given_up_and_counted(void **state) {
        struct archive_rig *rig = *state;
        const size_t n = 600 * AUDIO_RATE;
        CLEANUP(floats_freep) float *silence = xcalloc(n, sizeof(*silence));
        struct archive_state now;

        // 38 MB each: the first is being encoded at most, a second fits, a third does not.
        for (int i = 0; i < 3; i++)
                archive_keep(rig->archive, "kitchen", RIG_HOUR + i * 600000, silence, n);
        archive_state(rig->archive, &now);
        assert_true(now.samples_lost == n || now.samples_lost == 2 * n);
        archive_rig_settle(rig);
        archive_state(rig->archive, &now);
        assert_int_equal(now.samples_kept + now.samples_lost, 3 * n);
}

static void the_archive_can_be_deleted_under_it(void **state) {
        struct archive_rig *rig = *state;
        CLEANUP(mem_freep) char *folder = xasprintf("%s/audio/kitchen", rig->folder);
        CLEANUP(mem_freep) char *path = NULL;

        archive_rig_keep(rig, "kitchen", RIG_HOUR, 2, 1);
        archive_rig_settle(rig);
        path = archive_rig_file(rig, "kitchen");
        unlink(path);
        rmdir(folder);
        assert_false(is_heard(rig, "kitchen", RIG_HOUR, RIG_HOUR + 2000));
        archive_rig_keep(rig, "kitchen", RIG_HOUR + 3000, 2, 2);
        assert_true(is_heard(rig, "kitchen", RIG_HOUR + 3000, RIG_HOUR + 5000));
}

int main(void) {
#define ARCHIVE_TEST(test) \
        cmocka_unit_test_setup_teardown(test, archive_rig_open, archive_rig_close)
        const struct CMUnitTest tests[] = {
                ARCHIVE_TEST(a_window_cut_anywhere_costs_that_window_alone),
                ARCHIVE_TEST(what_was_kept_survives_a_kill),
                ARCHIVE_TEST(what_is_forgotten_is_in_no_file),
                ARCHIVE_TEST(a_part_of_a_window_is_forgotten_and_the_rest_stays_in_time),
                ARCHIVE_TEST(the_old_file_is_overwritten),
                ARCHIVE_TEST(what_a_crash_left_is_forgotten_too),
                ARCHIVE_TEST(files_go_by_age),
                ARCHIVE_TEST(a_clock_that_is_far_ahead_removes_no_sound),
                ARCHIVE_TEST(files_go_by_size_the_oldest_first),
                ARCHIVE_TEST(a_disk_that_takes_nothing_costs_sound_and_says_so),
                ARCHIVE_TEST(sound_beyond_the_queue_is_given_up_and_counted),
                ARCHIVE_TEST(the_archive_can_be_deleted_under_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
