#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>
#include <sys/stat.h>

#include "audio/pcm.h"
#include "journal/archive_rig.h"
#include "util/mem.h"

// Where in `sound`, moved from `begin` by less than 50 ms, it is most like what is sought. A
// second of both tells: a voice is unlike itself at any other place.
static int64_t place_find(const float *sought, const float *sound, size_t n_sound,
                          int64_t begin, size_t n) {
        int64_t place = begin;
        double best = 0;

        n = n < AUDIO_RATE ? n : AUDIO_RATE;
        for (int64_t moved = -800; moved <= 800; moved += 40) {
                int64_t at = begin + moved;

                if (at >= 32 && at + (int64_t)n + 32 <= (int64_t)n_sound) {
                        double alike = archive_rig_likeness(sought, sound + at, n);

                        place = alike > best ? at : place;
                        best = alike > best ? alike : best;
                }
        }
        return place;
}

// What of a stretch that was read lies at `at` ms is that voice, moved by less than 50 ms; or
// silence for no voice.
static void assert_heard(const struct archive_rig *rig, int64_t at, double seconds,
                         unsigned seed) {
        CLEANUP(floats_freep) float *voice = archive_rig_voice(seconds, seed);
        size_t n_read, n = (size_t)(seconds * AUDIO_RATE) - 2 * 800;
        CLEANUP(floats_freep) float *samples = archive_rig_samples(rig, &n_read);
        int64_t place = place_find(voice + 800, samples, n_read, at * 16 + 800, n);
        double alike;

        assert_true(place >= 32 && place + (int64_t)n + 32 <= (int64_t)n_read);
        alike = archive_rig_likeness(voice + 800, samples + place, n);
        if (alike < 0.8)
                fail_msg("alike by %.3f only at %d ms, voice %u", alike, (int)at, seed);
}

static float loudest(const struct archive_rig *rig, int64_t from, int64_t to) {
        size_t n;
        CLEANUP(floats_freep) float *samples = archive_rig_samples(rig, &n);
        float most = 0;

        for (size_t i = (size_t)from * 16; i < (size_t)to * 16 && i < n; i++)
                most = fabsf(samples[i]) > most ? fabsf(samples[i]) : most;
        return most;
}

static void assert_silence(const struct archive_rig *rig, int64_t from, int64_t to) {
        float most = loudest(rig, from, to);

        if (most > 0.003F)
                fail_msg("%.4f between %d and %d ms", (double)most, (int)from, (int)to);
}

// Voices begin within 50 ms of that time: silence before, and then sound.
static void assert_begins(const struct archive_rig *rig, int64_t at) {
        assert_silence(rig, at - 200, at - 50);
        assert_true(loudest(rig, at, at + 50) > 0.03F);
}

static void assert_length(const struct archive_rig *rig, int64_t ms) {
        size_t n;

        free(archive_rig_samples(rig, &n));
        assert_int_equal(n, ms * 16);
}

static const enum archive_format formats[] = {ARCHIVE_OGG, ARCHIVE_WAV};

static void what_is_kept_is_read_at_its_time_with_silence_between(void **state) {
        struct archive_rig *rig = *state;

        archive_rig_keep(rig, "kitchen", RIG_HOUR + 1000, 3, 1);
        archive_rig_keep(rig, "kitchen", RIG_HOUR + 5013, 2, 2);
        archive_rig_keep(rig, "kitchen", RIG_HOUR + 60007, 1.337, 3);
        for (size_t i = 0; i < 2; i++) {
                archive_rig_read(rig, "kitchen", RIG_HOUR, RIG_HOUR + 70000, formats[i]);
                assert_length(rig, 70000);
                assert_silence(rig, 0, 950);
                assert_begins(rig, 1000);
                assert_heard(rig, 1000, 3, 1);
                assert_silence(rig, 4150, 4950);
                assert_begins(rig, 5013);
                assert_heard(rig, 5013, 2, 2);
                assert_silence(rig, 7200, 59950);
                assert_begins(rig, 60007);
                assert_heard(rig, 60007, 1.337, 3);
                assert_silence(rig, 61500, 70000);
        }
}

static void a_stretch_may_begin_and_end_anywhere(void **state) {
        struct archive_rig *rig = *state;
        CLEANUP(floats_freep) float *voice = archive_rig_voice(8, 4);

        archive_rig_keep(rig, "kitchen", RIG_HOUR, 8, 4);
        for (size_t i = 0; i < 2; i++) {
                size_t n;
                float *samples;
                int64_t place;

                archive_rig_read(rig, "kitchen", RIG_HOUR + 3331, RIG_HOUR + 5554, formats[i]);
                samples = archive_rig_samples(rig, &n);
                assert_int_equal(n, 2223 * 16);
                place = place_find(samples, voice, (size_t)8 * AUDIO_RATE, 3331 * 16, n);
                assert_true(archive_rig_likeness(samples, voice + place, n) > 0.8);
                free(samples);
        }
}

static void the_same_request_gives_the_same_bytes(void **state) {
        struct archive_rig *rig = *state;
        uint8_t *first[2];
        size_t n[2];

        archive_rig_keep(rig, "kitchen", RIG_HOUR + 1000, 3, 1);
        archive_rig_keep(rig, "kitchen", RIG_HOUR + 9000, 2, 2);
        for (size_t i = 0; i < 2; i++) {
                archive_rig_read(rig, "kitchen", RIG_HOUR + 500, RIG_HOUR + 11000, formats[i]);
                first[i] = TAKE(rig->bytes);
                n[i] = rig->n_bytes;
        }
        loop_advance(rig->loop, 5 * NSEC_PER_SEC);
        archive_rig_again(rig);
        // More of it changes nothing of what was asked for.
        archive_rig_keep(rig, "kitchen", RIG_HOUR + 20000, 2, 5);
        for (size_t i = 0; i < 2; i++) {
                archive_rig_read(rig, "kitchen", RIG_HOUR + 500, RIG_HOUR + 11000, formats[i]);
                assert_int_equal(rig->n_bytes, n[i]);
                assert_memory_equal(rig->bytes, first[i], n[i]);
                free(first[i]);
        }
}

static void hours_have_files_of_their_own_and_are_read_as_one(void **state) {
        struct archive_rig *rig = *state;
        const int64_t border = RIG_HOUR + 3600000;
        struct archive_state now;

        archive_rig_keep(rig, "kitchen", border - 4000, 3, 1);
        archive_rig_keep(rig, "kitchen", border - 500, 3, 2);
        archive_rig_keep(rig, "kitchen", border + 3000, 2, 3);
        archive_rig_settle(rig);
        archive_state(rig->archive, &now);
        assert_int_equal(now.n_files, 2);
        for (size_t i = 0; i < 2; i++) {
                archive_rig_read(rig, "kitchen", border - 5000, border + 6000, formats[i]);
                assert_heard(rig, 1000, 3, 1);
                assert_heard(rig, 4500, 3, 2);
                assert_heard(rig, 8000, 2, 3);
                // The hour's beginning is in the file of the one before.
                archive_rig_read(rig, "kitchen", border, border + 2600, formats[i]);
                assert_silence(rig, 2560, 2600);
                assert_string_equal(rig->trouble, "");
        }
}

static void streams_are_kept_apart_whatever_their_names(void **state) {
        static const char *const names[] = {
                "kitchen", "Kitchen", "..",           ".",        "",  "a/b",
                "a%2Fb",   "a b\n",   "k\303\274che", "\xff\xfe", "%", "kitchen.opus"};
        struct archive_rig *rig = *state;
        const size_t n = sizeof(names) / sizeof(names[0]);
        char long_name[2][1001];
        struct archive_state now;

        for (size_t i = 0; i < n; i++)
                archive_rig_keep(rig, names[i], RIG_HOUR, 1, (unsigned)i);
        for (size_t i = 0; i < 2; i++) {
                memset(long_name[i], '/', 1000);
                long_name[i][1000] = '\0';
                long_name[i][999] = (char)('a' + i);
                archive_rig_keep(rig, long_name[i], RIG_HOUR, 1, 20 + (unsigned)i);
        }
        archive_rig_settle(rig);
        archive_state(rig->archive, &now);
        assert_int_equal(now.n_files, n + 2);
        assert_int_equal(now.samples_kept, (n + 2) * AUDIO_RATE);
        archive_rig_again(rig);
        for (size_t i = 0; i < n; i++) {
                archive_rig_read(rig, names[i], RIG_HOUR, RIG_HOUR + 1000, ARCHIVE_WAV);
                assert_heard(rig, 0, 1, (unsigned)i);
        }
        for (size_t i = 0; i < 2; i++) {
                archive_rig_read(rig, long_name[i], RIG_HOUR, RIG_HOUR + 1000, ARCHIVE_WAV);
                assert_heard(rig, 0, 1, 20 + (unsigned)i);
        }
}

static void what_is_not_there_is_told(void **state) {
        struct archive_rig *rig = *state;

        archive_rig_keep(rig, "kitchen", RIG_HOUR, 1, 1);
        archive_rig_read(rig, "garage", RIG_HOUR, RIG_HOUR + 1000, ARCHIVE_OGG);
        assert_null(rig->bytes);
        assert_string_equal(rig->trouble, "no sound is kept of that time");
        archive_rig_read(rig, "kitchen", RIG_HOUR + 1000, RIG_HOUR + 2000, ARCHIVE_WAV);
        assert_string_equal(rig->trouble, "no sound is kept of that time");
        archive_rig_read(rig, "kitchen", RIG_HOUR, RIG_HOUR + 3600001, ARCHIVE_WAV);
        assert_string_equal(rig->trouble,
                            "a stretch has more than nothing and at most an hour");
        archive_rig_read(rig, "kitchen", RIG_HOUR, RIG_HOUR, ARCHIVE_WAV);
        assert_string_equal(rig->trouble,
                            "a stretch has more than nothing and at most an hour");
        archive_rig_read(rig, "kitchen", RIG_HOUR, RIG_HOUR + 3600000, ARCHIVE_OGG);
        assert_string_equal(rig->trouble, "");
}

static void a_long_window_is_kept_in_parts(void **state) {
        struct archive_rig *rig = *state;

        archive_rig_keep(rig, "kitchen", RIG_HOUR, 130, 1);
        archive_rig_read(rig, "kitchen", RIG_HOUR, RIG_HOUR + 130000, ARCHIVE_WAV);
        assert_heard(rig, 0, 130, 1);
}

static void only_we_may_read_it(void **state) {
        struct archive_rig *rig = *state;
        CLEANUP(mem_freep) char *audio = xasprintf("%s/audio", rig->folder);
        CLEANUP(mem_freep) char *folder = xasprintf("%s/audio/kitchen", rig->folder);
        CLEANUP(mem_freep) char *file = NULL;
        struct stat status;

        archive_rig_keep(rig, "kitchen", RIG_HOUR, 1, 1);
        archive_rig_settle(rig);
        file = archive_rig_file(rig, "kitchen");
        assert_non_null(strstr(file, "/audio/kitchen/2025-11-30T12.opus"));
        assert_int_equal(stat(audio, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0700);
        assert_int_equal(stat(folder, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0700);
        assert_int_equal(stat(file, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
}

static void never_called(void *context, struct archive_sound *sound, const char *trouble) {
        (void)sound;
        (void)trouble;
        *(bool *)context = true;
}

static void who_is_gone_is_told_nothing(void **state) {
        const struct archive_query query = {"kitchen", RIG_HOUR, RIG_HOUR + 1000, ARCHIVE_OGG};
        struct archive_rig *rig = *state;
        bool was_called = false;

        archive_rig_keep(rig, "kitchen", RIG_HOUR, 1, 1);
        archive_read(rig->archive, &query, never_called, &was_called);
        archive_detach(rig->archive, &was_called);
        archive_rig_settle(rig);
        // One that is on its way while the archive is closed.
        archive_read(rig->archive, &query, never_called, &was_called);
        archive_rig_stop(rig);
        loop_turn(rig->loop);
        assert_false(was_called);
}

int main(void) {
#define ARCHIVE_TEST(test) \
        cmocka_unit_test_setup_teardown(test, archive_rig_open, archive_rig_close)
        const struct CMUnitTest tests[] = {
                ARCHIVE_TEST(what_is_kept_is_read_at_its_time_with_silence_between),
                ARCHIVE_TEST(a_stretch_may_begin_and_end_anywhere),
                ARCHIVE_TEST(the_same_request_gives_the_same_bytes),
                ARCHIVE_TEST(hours_have_files_of_their_own_and_are_read_as_one),
                ARCHIVE_TEST(streams_are_kept_apart_whatever_their_names),
                ARCHIVE_TEST(what_is_not_there_is_told),
                ARCHIVE_TEST(a_long_window_is_kept_in_parts),
                ARCHIVE_TEST(only_we_may_read_it),
                ARCHIVE_TEST(who_is_gone_is_told_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
