// What a source makes of what the media process tells, by one that does as it is told
// (tests/e2e/fake_nursery.py), on a fake clock.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "source/builtin_child.h"
#include "source/media_backend.h"
#include "source/source_rig.h"
#include "util/mem.h"

static char folder[] = "/tmp/eavesdrop-source-XXXXXX";
static char *program;

struct capture {
        struct loop *loop;
        struct media_backend *media;
        struct source *source;
        struct states states;
        size_t n_samples, n_before_jump;
        unsigned n_jumps;
};

static void capture_on_samples(void *context, const float *samples, size_t n) {
        struct capture *capture = context;

        (void)samples;
        capture->n_samples += n;
}

static void capture_on_state(void *context, enum source_state state, const char *reason) {
        struct capture *capture = context;

        rig_tell_state(&capture->states, state, reason);
}

static void capture_on_jump(void *context) {
        struct capture *capture = context;

        capture->n_jumps++;
        capture->n_before_jump = capture->n_samples;
}

static void capture_open(struct capture *capture, const char *url) {
        struct source_config config = {.name = "office", .url = url};
        const struct source_listener listener = {
                .on_samples = capture_on_samples,
                .on_state = capture_on_state,
                .on_jump = capture_on_jump,
                .context = capture,
        };

        *capture = (struct capture){.loop = loop_new_fake(0)};
        config.media = capture->media = builtin_child_backend(capture->loop, program);
        assert_int_equal(source_open(&capture->source, capture->loop, &config, &listener, NULL),
                         0);
        loop_advance(capture->loop, 0);
}

static void capture_close(struct capture *capture) {
        capture->source = source_close(capture->source);
        while (source_children() > 0)
                loop_turn(capture->loop);
        capture->media = media_backend_free(capture->media);
        capture->loop = loop_free(capture->loop);
}

static void state_await(struct capture *capture, enum source_state state) {
        while (capture->states.last != state || capture->states.n == 0)
                loop_turn(capture->loop);
}

// Time passes between two runs only: a process that was just started shall not seem stuck.
static void online_await(struct capture *capture) {
        while (capture->states.last != SOURCE_ONLINE)
                if (capture->states.last == SOURCE_CONNECTING)
                        loop_turn(capture->loop);
                else
                        loop_advance(capture->loop, 100 * NSEC_PER_MSEC);
}

static void a_recording_of_the_network_ends(void **state) {
        struct capture capture;

        (void)state;
        capture_open(&capture, "http://camera:" RIG_PASSWORD "@127.0.0.1/tone");
        state_await(&capture, SOURCE_ENDED);
        assert_string_equal(capture.states.told, "connecting online ended ");
        assert_string_equal(capture.states.reason, "end of the recording");
        loop_advance(capture.loop, 1000 * NSEC_PER_SEC);
        assert_int_equal(capture.states.n, 3);
        capture_close(&capture);
}

static void a_jump_begins_a_generation(void **state) {
        struct capture capture;

        (void)state;
        capture_open(&capture, "http://127.0.0.1/notes");
        state_await(&capture, SOURCE_OFFLINE);
        assert_int_equal(capture.n_jumps, 1);
        assert_int_equal(capture.n_before_jump, 160);
        assert_int_equal(capture.n_samples, 320);
        // Live sound is damaged now and then: that is not why it ended.
        assert_non_null(strstr(capture.states.reason, "the far end closed the stream"));
        assert_int_equal(source_restarts_by(capture.source, SOURCE_CAUSE_CLOSED), 0);
        capture_close(&capture);
}

static void faults_have_their_causes(void **state) {
        struct capture capture;

        (void)state;
        capture_open(&capture, "http://127.0.0.1/refused");
        state_await(&capture, SOURCE_OFFLINE);
        assert_non_null(strstr(capture.states.reason, "10.0.0.1 is nearer"));
        loop_advance(capture.loop, 2 * NSEC_PER_SEC);
        // Or two, where the second end came before all that time had passed.
        assert_in_range(source_restarts_by(capture.source, SOURCE_CAUSE_NO_SOUND), 1, 2);
        capture_close(&capture);
}

static void an_address_that_is_closed_is_a_failure(void **state) {
        struct capture capture;

        (void)state;
        capture_open(&capture, "http://127.0.0.1/closed");
        state_await(&capture, SOURCE_FAILED);
        assert_non_null(strstr(capture.states.reason, "sources.allow"));
        assert_non_null(strstr(capture.states.reason, ": 127.0.0.1; next try in"));
        // Not in seconds.
        loop_advance(capture.loop, 200 * NSEC_PER_SEC);
        assert_int_equal(source_restarts(capture.source), 0);
        capture_close(&capture);
}

static void it_comes_back_after_the_media_process(void **state) {
        struct capture capture;

        (void)state;
        capture_open(&capture, "http://127.0.0.1/live");
        for (int i = 0; i < 3; i++) {
                online_await(&capture);
                assert_int_equal(kill(rig_only_child(), SIGKILL), 0);
                state_await(&capture, SOURCE_OFFLINE);
                assert_non_null(strstr(capture.states.reason,
                                       "the media process was ended by signal 9 (Killed)"));
        }
        online_await(&capture);
        capture_close(&capture);
}

// In how many seconds it is tried again, by what was told.
static double next_try(const struct capture *capture) {
        static const char words[] = "next try in ";
        const char *place = strstr(capture->states.reason, words);

        assert_non_null(place);
        return strtod(place + strlen(words), NULL);
}

// A camera that goes and comes waits ever longer, but not since its neighbours did.
static void a_loss_of_the_media_process_is_not_its_own(void **state) {
        struct capture capture;

        (void)state;
        capture_open(&capture, "http://127.0.0.1/live");
        for (int i = 0; i < 9; i++) {
                online_await(&capture);
                assert_int_equal(kill(rig_only_child_of(rig_only_child()), SIGKILL), 0);
                state_await(&capture, SOURCE_OFFLINE);
        }
        assert_true(next_try(&capture) >= 0.8 * 40);
        online_await(&capture);
        assert_int_equal(kill(rig_only_child(), SIGKILL), 0);
        state_await(&capture, SOURCE_OFFLINE);
        assert_true(next_try(&capture) <= 1.2);
        online_await(&capture);
        assert_int_equal(kill(rig_only_child_of(rig_only_child()), SIGKILL), 0);
        state_await(&capture, SOURCE_OFFLINE);
        assert_true(next_try(&capture) >= 0.8 * 60);
        capture_close(&capture);
}

// Not even a media process that dies each time keeps a source waiting for longer than that.
static void it_asks_often_for_a_media_process(void **state) {
        struct capture capture;

        (void)state;
        capture_open(&capture, "http://127.0.0.1/end");
        for (unsigned i = 0; i < 12; i++) {
                state_await(&capture, SOURCE_OFFLINE);
                // Also while the process itself may not be started yet.
                while (capture.states.last == SOURCE_OFFLINE) {
                        assert_true(next_try(&capture) <= 12);
                        loop_advance(capture.loop, 100 * NSEC_PER_MSEC);
                }
        }
        capture_close(&capture);
}

static void a_file_that_is_not_there_is_a_failure(void **state) {
        struct capture capture;

        (void)state;
        capture_open(&capture, "/no/such/file.wav");
        state_await(&capture, SOURCE_FAILED);
        assert_non_null(strstr(capture.states.reason,
                               "'/no/such/file.wav': No such file or directory"));
        capture_close(&capture);
}

static int folder_make(void **state) {
        (void)state;
        if (!mkdtemp(folder))
                return -1;
        program = xasprintf("%s/nursery", folder);
        rig_nursery_write(program, "");
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
                cmocka_unit_test(a_recording_of_the_network_ends),
                cmocka_unit_test(a_jump_begins_a_generation),
                cmocka_unit_test(faults_have_their_causes),
                cmocka_unit_test(an_address_that_is_closed_is_a_failure),
                cmocka_unit_test(it_comes_back_after_the_media_process),
                cmocka_unit_test(a_loss_of_the_media_process_is_not_its_own),
                cmocka_unit_test(it_asks_often_for_a_media_process),
                cmocka_unit_test(a_file_that_is_not_there_is_a_failure),
        };

        return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
