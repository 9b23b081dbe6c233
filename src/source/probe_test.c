// A probe of what a media process tells that does as it is told (tests/e2e/fake_nursery.py), on
// a fake clock.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "source/builtin_child.h"
#include "source/media_backend.h"
#include "source/probe.h"
#include "source/source_rig.h"
#include "util/mem.h"

static char folder[] = "/tmp/eavesdrop-probe-XXXXXX";
static char *program, *sleeper;

struct rig {
        struct loop *loop;
        struct media_backend *media;
        struct probe *probe;
        struct probe_report report;
        struct media_opened opened;
        char reason[400];
        unsigned n_reports;
};

static void rig_on_done(void *context, const struct probe_report *report) {
        struct rig *rig = context;

        rig->report = *report;
        if (report->opened)
                rig->opened = *report->opened;
        snprintf(rig->reason, sizeof(rig->reason), "%s", report->reason);
        assert_null(strstr(rig->reason, RIG_PASSWORD));
        rig->n_reports++;
        rig->probe = probe_close(rig->probe);
}

static int rig_open(struct rig *rig, const char *url, struct error *error) {
        const struct probe_config config = {
                .url = url, .media = rig->media, .is_untrusted = true};

        rig->n_reports = 0;
        return probe_open(&rig->probe, rig->loop, &config, rig_on_done, rig, error);
}

static void rig_report(struct rig *rig, const char *url) {
        assert_int_equal(rig_open(rig, url, NULL), 0);
        assert_int_equal(rig->n_reports, 0);
        while (rig->n_reports == 0)
                loop_turn(rig->loop);
}

static void sleeper_write(void) {
        FILE *file = fopen(sleeper, "w");

        assert_non_null(file);
        fprintf(file, "#!/bin/sh\nexec sleep 1000\n");
        fclose(file);
        assert_int_equal(chmod(sleeper, 0700), 0);
}

static int rig_setup(void **state) {
        struct rig *rig = xnew(struct rig);

        rig_nursery_write(program, "");
        rig->loop = loop_new_fake(0);
        rig->media = builtin_child_backend(rig->loop, program);
        *state = rig;
        return 0;
}

static int rig_teardown(void **state) {
        struct rig *rig = *state;

        assert_null(rig->probe);
        while (source_children() > 0)
                loop_turn(rig->loop);
        media_backend_free(rig->media);
        loop_free(rig->loop);
        mem_free(rig);
        return 0;
}

static void a_second_of_sound_is_enough(void **state) {
        struct rig *rig = *state;

        rig_report(rig, "rtsp://camera:" RIG_PASSWORD "@10.0.0.9/live");
        assert_int_equal(rig->report.fault, MEDIA_FAULT_NONE);
        assert_string_equal(rig->reason, "");
        assert_int_equal(rig->report.is_reachable, PROBE_YES);
        assert_int_equal(rig->report.is_admitted, PROBE_YES);
        assert_true(rig->report.seconds >= 1 && rig->report.seconds < 2);
        // Every sample is 1000.
        assert_true(fabs(rig->report.level.rms - 20 * log10(1000.0 / 32768)) < 0.01);
        assert_string_equal(rig->opened.container, "rtsp");
        assert_int_equal(rig->opened.n_tracks, 2);
        assert_string_equal(rig->opened.tracks[0].codec, "pcm_alaw");
        assert_int_equal(rig->opened.tracks[0].rate, 8000);
}

static void a_short_recording_is_sound(void **state) {
        struct rig *rig = *state;

        rig_report(rig, "http://10.0.0.9/notes");
        assert_int_equal(rig->report.fault, MEDIA_FAULT_NONE);
        assert_true(rig->report.seconds > 0 && rig->report.seconds < 1);
}

static void what_is_wrong_is_told(void **state) {
        struct rig *rig = *state;

        rig_report(rig, "http://10.0.0.9/closed");
        assert_int_equal(rig->report.fault, MEDIA_FAULT_ADDRESS);
        assert_non_null(strstr(rig->reason, "sources.allow"));
        assert_int_equal(rig->report.is_reachable, PROBE_UNKNOWN);
        assert_true(isnan(rig->report.level.rms));
        assert_null(rig->report.opened);
        rig_report(rig, "http://10.0.0.9/denied");
        assert_int_equal(rig->report.fault, MEDIA_FAULT_CREDENTIALS);
        assert_int_equal(rig->report.is_reachable, PROBE_YES);
        assert_int_equal(rig->report.is_admitted, PROBE_NO);
        rig_report(rig, "http://10.0.0.9/away");
        assert_int_equal(rig->report.fault, MEDIA_FAULT_REFUSED);
        assert_int_equal(rig->report.is_reachable, PROBE_NO);
        assert_int_equal(rig->report.is_admitted, PROBE_UNKNOWN);
}

// By a program that is there as soon as it is started, so that time may pass at once.
static void one_without_sound_is_given_up(void **state) {
        struct rig *rig = *state;

        sleeper_write();
        media_backend_free(rig->media);
        rig->media = media_backend_new(rig->loop, sleeper);
        media_backend_allow(rig->media, "any");
        assert_int_equal(rig_open(rig, "http://10.0.0.9/silent", NULL), 0);
        loop_advance(rig->loop, PROBE_TIMEOUT - 1);
        assert_int_equal(rig->n_reports, 0);
        loop_advance(rig->loop, 1);
        assert_int_equal(rig->n_reports, 1);
        assert_int_equal(rig->report.fault, MEDIA_FAULT_TIMEOUT);
        assert_string_equal(rig->reason, "no sound within 20 s");
}

static void urls_are_checked_and_probes_closed(void **state) {
        struct rig *rig = *state;
        struct error error = {0};

        assert_int_equal(rig_open(rig, "/dev/null", &error), -EINVAL);
        assert_non_null(strstr(error.text, "a file cannot"));
        assert_int_equal(rig_open(rig, "gopher://h/", &error), -EINVAL);
        assert_int_equal(rig_open(rig, "http://10.0.0.9/live", NULL), 0);
        rig->probe = probe_close(rig->probe);
        while (source_children() > 0)
                loop_turn(rig->loop);
        loop_advance(rig->loop, 2 * PROBE_TIMEOUT);
        assert_int_equal(rig->n_reports, 0);
}

static int folder_make(void **state) {
        (void)state;
        assert_non_null(mkdtemp(folder));
        program = xasprintf("%s/eavesdrop-media", folder);
        sleeper = xasprintf("%s/ffmpeg", folder);
        return 0;
}

static int folder_remove(void **state) {
        (void)state;
        unlink(program);
        unlink(sleeper);
        sleeper = mem_free(sleeper);
        rmdir(folder);
        program = mem_free(program);
        return 0;
}

#define RIG_TEST(function) cmocka_unit_test_setup_teardown(function, rig_setup, rig_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                RIG_TEST(a_second_of_sound_is_enough),
                RIG_TEST(a_short_recording_is_sound),
                RIG_TEST(what_is_wrong_is_told),
                RIG_TEST(one_without_sound_is_given_up),
                RIG_TEST(urls_are_checked_and_probes_closed),
        };

        return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
