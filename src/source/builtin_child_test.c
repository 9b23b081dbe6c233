// Children of a media process that does as it is told, right and wrong (tests/e2e/
// fake_nursery.py), on a fake clock. What they do arrives in real time, what waits for the
// clock waits for the test.
#include "source/builtin_child.h"

#include <errno.h>
#include <setjmp.h>
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
#include "source/media_process.h"
#include "source/source_rig.h"
#include "util/mem.h"
#include "util/process.h"
#include "util/process_rig.h"

static char folder[] = "/tmp/eavesdrop-nursery-XXXXXX";
static char *program;  // starts the script

// --- one run ------------------------------------------------------------------------

struct capture {
        struct loop *loop;
        struct media_backend *backend;
        struct media_run *run;
        size_t n_samples;
        size_t pause_after;  // samples; 0: never
        double damaged_at;
        float last_sample;
        unsigned n_drains;
        unsigned n_ends;
        enum media_fault fault;
        char told[512];  // "opened gap title ..."
        char text[400];
        bool is_closing;  // at the first samples
        bool has_died;
};

static void tell(struct capture *capture, const char *word) {
        size_t n = strlen(capture->told);

        assert_int_equal(capture->n_ends, 0);
        snprintf(capture->told + n, sizeof(capture->told) - n, "%s ", word);
}

static void on_opened(void *context, const struct media_opened *opened) {
        assert_string_equal(opened->container, "rtsp");
        tell(context, "opened");
}

static void on_gap(void *context, double seconds) {
        tell(context, seconds > 0 ? "gap" : "nonsense");
}

static void on_jump(void *context, double seconds) {
        tell(context, seconds < 0 ? "jump" : "nonsense");
}

static void on_title(void *context, const char *title) {
        tell(context, title);
}

static void on_progress(void *context) {
        tell(context, "progress");
}

static void on_warning(void *context, const char *words) {
        tell(context, words);
}

static void on_samples(void *context, const float *samples, size_t n) {
        struct capture *capture = context;

        assert_int_equal(capture->n_ends, 0);
        assert_true(capture->pause_after == 0 || capture->n_samples < capture->pause_after);
        capture->n_samples += n;
        capture->last_sample = samples[n - 1];
        if (capture->pause_after && capture->n_samples >= capture->pause_after)
                media_run_pause(capture->run);
        if (capture->is_closing)
                capture->run = media_run_close(capture->run);
}

static void on_drain(void *context) {
        struct capture *capture = context;

        capture->n_drains++;
}

static void on_end(void *context, const struct media_end *end) {
        struct capture *capture = context;

        capture->n_ends++;
        capture->fault = end->fault;
        capture->has_died = end->has_died;
        capture->damaged_at = end->damaged_at;
        snprintf(capture->text, sizeof(capture->text), "%s", end->text);
        assert_int_equal(end->n_samples, capture->n_samples);
        capture->run = media_run_close(capture->run);
}

static int capture_open(struct capture *capture, struct loop *loop,
                        struct media_backend *backend, const char *wish, struct error *error) {
        CLEANUP(mem_freep) char *url = xasprintf("http://127.0.0.1/%s", wish);
        const struct media_run_config config = {.kind = MEDIA_RUN_NETWORK, .url = url};
        const struct media_run_listener listener = {
                .on_opened = on_opened,
                .on_gap = on_gap,
                .on_jump = on_jump,
                .on_title = on_title,
                .on_progress = on_progress,
                .on_warning = on_warning,
                .on_samples = on_samples,
                .on_drain = on_drain,
                .on_end = on_end,
                .context = capture,
        };

        *capture = (struct capture){.loop = loop, .backend = backend};
        return media_run_open(&capture->run, backend, &config, &listener, error);
}

static void end_await(struct capture *capture) {
        while (capture->n_ends == 0)
                loop_turn(capture->loop);
}

static void samples_await(struct capture *capture, size_t n) {
        while (capture->n_samples < n && capture->n_ends == 0)
                loop_turn(capture->loop);
        assert_int_equal(capture->n_ends, 0);
}

// --- a process -------------------------------------------------------------------------

struct rig {
        struct loop *loop;
        struct media_backend *backend;
};

static void rig_init(struct rig *rig, const char *mode) {
        rig_nursery_write(program, mode);
        rig->loop = loop_new_fake(0);
        rig->backend = builtin_child_backend(rig->loop, program);
}

static void rig_deinit(struct rig *rig) {
        rig->backend = media_backend_free(rig->backend);
        assert_int_equal(media_process_children(), 0);
        loop_free(rig->loop);
}

static void rig_open(struct rig *rig, struct capture *capture, const char *wish) {
        assert_int_equal(capture_open(capture, rig->loop, rig->backend, wish, NULL), 0);
}

// --- what a child says ------------------------------------------------------------------

static void sound_comes_and_its_end(void **state) {
        struct capture capture;
        struct rig rig;

        (void)state;
        rig_init(&rig, "");
        rig_open(&rig, &capture, "tone");
        assert_int_equal(media_process_children(), 1);
        assert_int_equal(process_children(), 0);
        end_await(&capture);
        assert_string_equal(capture.told, "opened ");
        assert_int_equal(capture.n_samples, 16000);
        assert_true(capture.last_sample == 1000.0F / 32768);
        assert_int_equal(capture.fault, MEDIA_FAULT_NONE);
        assert_false(capture.has_died);
        assert_string_equal(capture.text, "");
        assert_int_equal(media_process_children(), 0);
        rig_deinit(&rig);
}

static void all_that_it_notes_is_told_in_its_order(void **state) {
        struct capture capture;
        struct rig rig;

        (void)state;
        rig_init(&rig, "");
        rig_open(&rig, &capture, "notes");
        end_await(&capture);
        assert_string_equal(capture.told, "opened gap progress a song three tracks, all silent "
                                          "jump ");
        assert_int_equal(capture.fault, MEDIA_FAULT_DAMAGED);
        assert_true(capture.damaged_at == 12.5);
        rig_deinit(&rig);
}

static void its_faults_have_names_and_words(void **state) {
        struct capture capture;
        struct rig rig;

        (void)state;
        rig_init(&rig, "");
        rig_open(&rig, &capture, "refused");
        end_await(&capture);
        assert_int_equal(capture.fault, MEDIA_FAULT_PROTOCOL);
        assert_string_equal(
                capture.text,
                "it leads to a protocol or place that is not allowed here: 10.0.0.1 is "
                "nearer than the address that was asked for");
        rig_deinit(&rig);
}

// Whoever takes a child over by what it reads gets no further than its pipe.
static void nonsense_ends_the_child(void **state) {
        struct capture capture;
        struct rig rig;

        (void)state;
        rig_init(&rig, "");
        rig_open(&rig, &capture, "garbage");
        end_await(&capture);
        assert_int_equal(capture.fault, MEDIA_FAULT_OTHER);
        assert_true(capture.has_died);
        assert_non_null(strstr(capture.text, "makes no sense"));
        assert_int_equal(capture.n_samples, 160);
        assert_int_equal(media_process_children(), 0);
        rig_deinit(&rig);
}

static void deaths_are_told(void **state) {
        static const struct {
                const char *wish, *words;
        } cases[] = {
                {"dies", "was ended by signal 9 (Killed)"},
                {"status", "ended with status 3"},
                {"failed", "Resource temporarily unavailable"},
        };
        struct capture capture;
        struct rig rig;

        (void)state;
        rig_init(&rig, "");
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                rig_open(&rig, &capture, cases[i].wish);
                end_await(&capture);
                assert_int_equal(capture.fault, MEDIA_FAULT_OTHER);
                assert_true(capture.has_died);
                assert_non_null(strstr(capture.text, cases[i].words));
        }
        rig_deinit(&rig);
}

static void a_paused_run_is_silent_and_loses_nothing(void **state) {
        struct capture capture;
        struct rig rig;

        (void)state;
        rig_init(&rig, "");
        rig_open(&rig, &capture, "tone");
        for (size_t i = 1; i <= 9; i++) {
                capture.pause_after = i * 1600;
                media_run_resume(capture.run);
                samples_await(&capture, i * 1600);
                for (int turn = 0; turn < 50; turn++)
                        loop_turn(rig.loop);
                assert_int_equal(capture.n_samples, i * 1600);
        }
        capture.pause_after = 0;
        media_run_resume(capture.run);
        end_await(&capture);
        assert_int_equal(capture.n_samples, 16000);
        rig_deinit(&rig);
}

// --- what it is told ----------------------------------------------------------------------

static void stop_asks_first(void **state) {
        struct capture capture;
        struct rig rig;

        (void)state;
        rig_init(&rig, "");
        rig_open(&rig, &capture, "polite");
        samples_await(&capture, 160);
        media_run_stop(capture.run);
        assert_int_equal(capture.n_ends, 0);
        end_await(&capture);
        assert_string_equal(capture.text, "its media process ended with status 7");
        rig_deinit(&rig);
}

static void stop_kills_what_does_not_listen(void **state) {
        static const char *const wishes[] = {"stubborn", "stops"};
        struct capture capture;
        struct rig rig;

        (void)state;
        rig_init(&rig, "");
        for (size_t i = 0; i < 2; i++) {
                rig_open(&rig, &capture, wishes[i]);
                samples_await(&capture, 160);
                media_run_stop(capture.run);
                loop_advance(rig.loop, 3 * NSEC_PER_SEC - 1);
                assert_int_equal(capture.n_ends, 0);
                loop_advance(rig.loop, 1);
                end_await(&capture);
                assert_non_null(strstr(capture.text, "signal 9"));
        }
        rig_deinit(&rig);
}

static void close_makes_no_more_calls(void **state) {
        unsigned n_descriptors = 0;
        struct capture capture;
        struct rig rig;

        (void)state;
        rig_init(&rig, "");
        for (int i = 0; i < 30; i++) {
                rig_open(&rig, &capture, "endless");
                capture.is_closing = i % 3 == 0;
                if (i % 3 == 1)
                        media_run_stop(capture.run);
                else
                        samples_await(&capture, 1);
                capture.run = media_run_close(capture.run);
                while (media_process_children() > 0)
                        loop_turn(rig.loop);
                for (int turn = 0; turn < 5; turn++)
                        loop_turn(rig.loop);
                assert_int_equal(capture.n_ends, 0);
                if (i == 2)
                        n_descriptors = rig_count_descriptors();
        }
        assert_int_equal(rig_count_descriptors(), n_descriptors);
        rig_deinit(&rig);
}

static void uploads_are_written_as_they_are_taken(void **state) {
        const struct media_run_config config = {.kind = MEDIA_RUN_UPLOAD};
        struct capture capture = {.pause_after = 1};
        const struct media_run_listener listener = {
                .on_samples = on_samples,
                .on_drain = on_drain,
                .on_end = on_end,
                .context = &capture,
        };
        uint8_t bytes[32768];
        size_t n_written = 0;
        struct rig rig;

        (void)state;
        rig_init(&rig, "");
        capture.loop = rig.loop;
        memset(bytes, 7, sizeof(bytes));
        assert_int_equal(media_run_open(&capture.run, rig.backend, &config, &listener, NULL),
                         0);
        // Until all between us and the child is full.
        do
                n_written++;
        while (media_run_write(capture.run, bytes, sizeof(bytes)) && n_written < 1000);
        assert_true(n_written < 1000);
        while (capture.n_samples == 0)
                loop_turn(rig.loop);
        for (int turn = 0; turn < 1000; turn++)
                loop_turn(rig.loop);
        assert_true(media_run_pending(capture.run) > 0);
        media_run_write_end(capture.run);
        capture.pause_after = 0;
        media_run_resume(capture.run);
        end_await(&capture);
        assert_int_equal(capture.n_samples, n_written * sizeof(bytes));
        assert_int_equal(capture.n_drains, 1);
        assert_int_equal(capture.fault, MEDIA_FAULT_NONE);
        rig_deinit(&rig);
}

// --- what befalls the process ----------------------------------------------------------------

#define N_MANY 10

static void its_death_ends_all_and_it_is_started_again(void **state) {
        struct capture captures[N_MANY], last;
        struct rig rig;

        (void)state;
        rig_init(&rig, "");
        for (size_t i = 0; i < N_MANY; i++)
                rig_open(&rig, &captures[i], "live");
        for (size_t i = 0; i < N_MANY; i++)
                samples_await(&captures[i], 1);
        assert_int_equal(media_process_children(), N_MANY);
        rig_open(&rig, &last, "end");
        for (size_t i = 0; i < N_MANY; i++) {
                end_await(&captures[i]);
                assert_true(captures[i].has_died);
                assert_string_equal(captures[i].text, "the media process ended with status 3");
        }
        end_await(&last);
        assert_int_equal(media_process_children(), 0);
        rig_open(&rig, &last, "tone");
        end_await(&last);
        assert_int_equal(last.fault, MEDIA_FAULT_NONE);
        rig_deinit(&rig);
}

static void one_that_sends_nonsense_is_ended(void **state) {
        struct capture live, bad;
        struct rig rig;

        (void)state;
        rig_init(&rig, "");
        rig_open(&rig, &live, "live");
        samples_await(&live, 1);
        rig_open(&rig, &bad, "nonsense");
        end_await(&bad);
        end_await(&live);
        assert_non_null(strstr(bad.text, "the media process was ended by signal 15"));
        rig_deinit(&rig);
}

static void one_that_does_not_answer_is_killed(void **state) {
        struct capture live, stuck;
        struct rig rig;

        (void)state;
        rig_init(&rig, "");
        rig_open(&rig, &live, "live");
        samples_await(&live, 1);
        rig_open(&rig, &stuck, "stuck");
        loop_advance(rig.loop, MEDIA_PROCESS_PATIENCE - NSEC_PER_SEC);
        assert_int_equal(stuck.n_ends, 0);
        loop_advance(rig.loop, 3 * NSEC_PER_SEC);
        end_await(&stuck);
        end_await(&live);
        assert_string_equal(stuck.text, "the media process did not answer, and was ended");
        rig_open(&rig, &live, "tone");
        end_await(&live);
        rig_deinit(&rig);
}

#define N_DEAF 300  // packets that no socket has room for

static void one_that_reads_nothing_holds_nobody_up(void **state) {
        static struct capture captures[N_DEAF];
        struct rig rig;

        (void)state;
        rig_init(&rig, "deaf");
        for (size_t i = 0; i < N_DEAF; i++)
                rig_open(&rig, &captures[i], "live");
        for (size_t i = 0; i < N_DEAF; i += 2)
                captures[i].run = media_run_close(captures[i].run);
        loop_advance(rig.loop, MEDIA_PROCESS_PATIENCE + 2 * NSEC_PER_SEC);
        for (size_t i = 1; i < N_DEAF; i += 2)
                end_await(&captures[i]);
        assert_int_equal(captures[0].n_ends, 0);
        assert_int_equal(media_process_children(), 0);
        rig_deinit(&rig);
}

static void one_that_ends_at_once_is_started_less_and_less(void **state) {
        static const nsec_t delays_s[] = {0, 1, 2, 4, 8, 16, 32, 60, 60};
        struct error error = {0};
        struct capture capture;
        struct rig rig;

        (void)state;
        rig_init(&rig, "dies");
        for (size_t i = 0; i < sizeof(delays_s) / sizeof(delays_s[0]); i++) {
                rig_open(&rig, &capture, "live");
                end_await(&capture);
                if (delays_s[i] == 0)
                        continue;
                loop_advance(rig.loop, delays_s[i] * NSEC_PER_SEC - 1);
                assert_int_equal(capture_open(&capture, rig.loop, rig.backend, "live", &error),
                                 -EAGAIN);
                assert_non_null(strstr(error.text, "in a row"));
                loop_advance(rig.loop, 1);
        }
        rig_deinit(&rig);
}

static void a_program_that_is_missing_is_an_error(void **state) {
        struct error error = {0};
        struct capture capture;
        struct rig rig;

        (void)state;
        rig_init(&rig, "");
        unlink(program);
        assert_true(capture_open(&capture, rig.loop, rig.backend, "live", &error) < 0);
        assert_non_null(strstr(error.text, "not found"));
        rig_deinit(&rig);
}

static void no_descriptors_are_an_error_and_none_is_lost(void **state) {
        struct rlimit before, none;
        struct error error = {0};
        struct capture capture;
        unsigned n_descriptors;
        struct rig rig;

        (void)state;
        rig_init(&rig, "");
        rig_open(&rig, &capture, "tone");  // what is opened once is open now
        end_await(&capture);
        for (int turn = 0; turn < 5; turn++)
                loop_turn(rig.loop);
        n_descriptors = rig_count_descriptors();
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        for (rlim_t spare = 0; spare < 2; spare++) {
                // Of the highest descriptor, of which some below may be free.
                none = (struct rlimit){3 + spare, before.rlim_max};
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
                assert_true(capture_open(&capture, rig.loop, rig.backend, "tone", &error) < 0);
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
                assert_non_null(strstr(error.text, "Too many open files"));
                assert_int_equal(rig_count_descriptors(), n_descriptors);
        }
        rig_open(&rig, &capture, "tone");
        end_await(&capture);
        rig_deinit(&rig);
}

static int folder_make(void **state) {
        (void)state;
        if (!mkdtemp(folder))
                return -1;
        program = xasprintf("%s/nursery", folder);
        return 0;
}

static int folder_remove(void **state) {
        (void)state;
        unlink(program);
        free(program);
        return rmdir(folder);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sound_comes_and_its_end),
                cmocka_unit_test(all_that_it_notes_is_told_in_its_order),
                cmocka_unit_test(its_faults_have_names_and_words),
                cmocka_unit_test(nonsense_ends_the_child),
                cmocka_unit_test(deaths_are_told),
                cmocka_unit_test(a_paused_run_is_silent_and_loses_nothing),
                cmocka_unit_test(stop_asks_first),
                cmocka_unit_test(stop_kills_what_does_not_listen),
                cmocka_unit_test(close_makes_no_more_calls),
                cmocka_unit_test(uploads_are_written_as_they_are_taken),
                cmocka_unit_test(its_death_ends_all_and_it_is_started_again),
                cmocka_unit_test(one_that_sends_nonsense_is_ended),
                cmocka_unit_test(one_that_does_not_answer_is_killed),
                cmocka_unit_test(one_that_reads_nothing_holds_nobody_up),
                cmocka_unit_test(one_that_ends_at_once_is_started_less_and_less),
                cmocka_unit_test(a_program_that_is_missing_is_an_error),
                cmocka_unit_test(no_descriptors_are_an_error_and_none_is_lost),
        };

        return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
