// The supervisor over scripts that stand in for ffmpeg, on a fake clock. The children are real
// processes; what they do arrives in real time, what waits for the clock waits for the test.
#include <errno.h>
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

#include "source/media_backend.h"
#include "source/source_rig.h"
#include "util/mem.h"
#include "util/process_rig.h"

#define URL "rtsp://camera:" RIG_PASSWORD "@127.0.0.1:8554/office?audio=all"

static char folder[] = "/tmp/eavesdrop-source-XXXXXX";
static char *program;  // the script

struct capture {
        struct loop *loop;
        struct media_backend *media;
        struct source *source;
        struct states states;
        size_t n_samples;
        nsec_t connecting_since, state_since;
        unsigned n_connecting;
        enum source_state close_at;  // close the source when this state comes
        bool is_closing_at_state, is_closing_at_samples;
};

static void capture_on_samples(void *context, const float *samples, size_t n) {
        struct capture *capture = context;

        (void)samples;
        assert_non_null(capture->source);
        capture->n_samples += n;
        if (capture->is_closing_at_samples)
                capture->source = source_close(capture->source);
}

static void capture_on_state(void *context, enum source_state state, const char *reason) {
        struct capture *capture = context;

        rig_tell_state(&capture->states, state, reason);
        capture->state_since = loop_now(capture->loop);
        if (state == SOURCE_CONNECTING) {
                capture->n_connecting++;
                capture->connecting_since = capture->state_since;
        }
        if (capture->is_closing_at_state && state == capture->close_at)
                capture->source = source_close(capture->source);
}

static void script_write(const char *text) {
        FILE *file = fopen(program, "w");

        assert_non_null(file);
        fprintf(file, "#!/bin/sh\n%s\n", text);
        fclose(file);
        assert_int_equal(chmod(program, 0700), 0);
}

static void capture_open(struct capture *capture, const char *url, bool is_looped) {
        struct source_config config = {.name = "office", .url = url, .is_looped = is_looped};
        const struct source_listener listener = {
                .on_samples = capture_on_samples,
                .on_state = capture_on_state,
                .context = capture,
        };

        *capture = (struct capture){.loop = loop_new_fake(0)};
        config.media = capture->media = media_backend_new(capture->loop, program);
        assert_int_equal(source_open(&capture->source, capture->loop, &config, &listener, NULL),
                         0);
        // No call before source_open() has returned.
        assert_int_equal(capture->states.n, 0);
        loop_advance(capture->loop, 0);
}

static void capture_close(struct capture *capture) {
        unsigned n_states = capture->states.n;

        capture->source = source_close(capture->source);
        for (int i = 0; source_children() > 0; i++) {
                loop_turn(capture->loop);
                if (i == 100000)  // a child that ignores SIGTERM
                        loop_advance(capture->loop, 3 * NSEC_PER_SEC);
        }
        assert_int_equal(capture->states.n, n_states);
        capture->media = media_backend_free(capture->media);
        capture->loop = loop_free(capture->loop);
}

static void state_await(struct capture *capture, enum source_state state) {
        while (capture->states.last != state || capture->states.n == 0)
                loop_turn(capture->loop);
}

// Until `n` samples have come in all.
static void samples_await(struct capture *capture, size_t n) {
        while (capture->n_samples < n)
                loop_turn(capture->loop);
}

// Let time pass in small steps until the next run starts; how long that took.
static nsec_t start_await(struct capture *capture) {
        nsec_t since = capture->state_since;
        unsigned n = capture->n_connecting;

        while (capture->n_connecting == n)
                loop_advance(capture->loop, 50 * NSEC_PER_MSEC);
        return capture->connecting_since - since;
}

static void assert_delay(nsec_t delay, unsigned seconds) {
        assert_in_range(delay / NSEC_PER_MSEC, seconds * 800, seconds * 1200 + 1);
}

static char *text_read(const char *suffix) {
        CLEANUP(mem_freep) char *path = xasprintf("%s.%s", program, suffix);
        char *text = xcalloc(8192, 1);
        FILE *file = fopen(path, "r");

        assert_non_null(file);
        (void)!fread(text, 1, 8191, file);
        fclose(file);
        unlink(path);
        return text;
}

// --- tests ------------------------------------------------------------------------

static void it_is_online_at_the_first_samples_and_not_before(void **state) {
        struct capture capture;

        (void)state;
        script_write("cat >/dev/null; read go <\"$0.go\"; head -c 32000 /dev/zero");
        CLEANUP(mem_freep) char *gate = xasprintf("%s.go", program);
        assert_int_equal(mkfifo(gate, 0600), 0);
        capture_open(&capture, URL, false);
        for (int i = 0; i < 1000; i++)
                loop_turn(capture.loop);
        assert_string_equal(capture.states.told, "connecting ");
        FILE *file = fopen(gate, "w");
        fputs("go\n", file);
        fclose(file);
        state_await(&capture, SOURCE_OFFLINE);
        assert_string_equal(capture.states.told, "connecting online offline ");
        assert_non_null(
                strstr(capture.states.reason, "the far end closed the stream; next try in"));
        assert_int_equal(capture.n_samples, 16000);
        capture_close(&capture);
        unlink(gate);
}

static void the_delays_grow_as_documented(void **state) {
        static const unsigned delays_s[] = {1, 1, 1, 1, 1, 5, 10, 20, 40, 60, 60, 60};
        struct capture capture;

        (void)state;
        script_write("echo '[tcp @ 0x1] [error] Connection to tcp://127.0.0.1:8554 failed: "
                     "Connection refused' >&2; exit 1");
        capture_open(&capture, URL, false);
        for (size_t i = 0; i < sizeof(delays_s) / sizeof(delays_s[0]); i++) {
                state_await(&capture, SOURCE_OFFLINE);
                assert_non_null(
                        strstr(capture.states.reason, "connection refused; next try in "));
                assert_int_equal(source_restarts(capture.source), i);
                assert_int_equal(source_restarts_by(capture.source, SOURCE_CAUSE_UNREACHABLE),
                                 i);
                assert_delay(start_await(&capture), delays_s[i]);
        }
        capture_close(&capture);
}

static void a_good_stretch_starts_the_delays_again(void **state) {
        struct capture capture;

        (void)state;
        script_write("exit 1");
        capture_open(&capture, URL, false);
        for (int i = 0; i < 7; i++) {
                state_await(&capture, SOURCE_OFFLINE);
                start_await(&capture);
        }
        state_await(&capture, SOURCE_OFFLINE);
        script_write(
                "for i in $(seq 100); do head -c 3200 /dev/zero; sleep 0.02; done; exit 1");
        start_await(&capture);
        for (int i = 0; i < 3; i++) {
                samples_await(&capture, capture.n_samples + 1600);
                loop_advance(capture.loop, 4 * NSEC_PER_SEC);
        }
        state_await(&capture, SOURCE_OFFLINE);
        assert_delay(start_await(&capture), 1);
        capture_close(&capture);
}

static void a_stall_is_told_and_ends_the_child(void **state) {
        struct capture capture;

        (void)state;
        script_write("head -c 3200 /dev/zero; exec sleep 1000");
        capture_open(&capture, URL, false);
        samples_await(&capture, 1600);
        loop_advance(capture.loop, 10 * NSEC_PER_SEC - 1);
        assert_string_equal(capture.states.told, "connecting online ");
        loop_advance(capture.loop, 1);
        // The child may be gone already: then the reason goes on.
        assert_non_null(strstr(capture.states.reason, "no sound for 10 s"));
        state_await(&capture, SOURCE_OFFLINE);
        assert_string_equal(capture.states.told, "connecting online stalled offline ");
        assert_non_null(strstr(capture.states.reason, "no sound for 10 s; next try in"));
        assert_int_equal(source_children(), 0);
        assert_delay(start_await(&capture), 1);
        assert_int_equal(source_restarts_by(capture.source, SOURCE_CAUSE_STALLED), 1);
        assert_int_equal(source_restarts(capture.source), 1);
        capture_close(&capture);
}

// A half-open connection that ffmpeg itself does not notice.
static void a_child_that_never_speaks_is_ended(void **state) {
        struct capture capture;

        (void)state;
        script_write("exec sleep 1000");
        capture_open(&capture, URL, false);
        loop_advance(capture.loop, 20 * NSEC_PER_SEC - 1);
        assert_string_equal(capture.states.told, "connecting ");
        loop_advance(capture.loop, 1);
        state_await(&capture, SOURCE_OFFLINE);
        assert_non_null(strstr(capture.states.reason, "no sound for 20 s"));
        capture_close(&capture);
}

static void refused_credentials_are_a_failure_and_tried_rarely(void **state) {
        struct capture capture;

        (void)state;
        script_write(
                "echo '[rtsp @ 0x1] [error] method DESCRIBE failed: 401 Unauthorized' >&2\n"
                "echo \"[concat @ 0x2] [error] Impossible to open '" URL "'\" >&2\n"
                "echo '[error] pipe:0: Server returned 401 Unauthorized' >&2; exit 1");
        capture_open(&capture, URL, false);
        state_await(&capture, SOURCE_FAILED);
        assert_non_null(strstr(capture.states.reason, "user name or password refused"));
        assert_delay(start_await(&capture), 300);
        assert_int_equal(source_restarts_by(capture.source, SOURCE_CAUSE_CREDENTIALS), 1);
        capture_close(&capture);
}

static void the_url_is_on_standard_input_and_not_in_the_arguments(void **state) {
        struct capture capture;

        (void)state;
        script_write("tr '\\0' ' ' </proc/$$/cmdline >\"$0.arguments\"; cat >\"$0.script\";"
                     "echo '[error] odd: " URL " broke' >&2; exit 1");
        capture_open(&capture, "rtsp://camera:" RIG_PASSWORD "'x@127.0.0.1/a", false);
        state_await(&capture, SOURCE_OFFLINE);
        assert_non_null(strstr(capture.states.reason, "odd: rtsp://***@127.0.0.1:8554/office"));
        CLEANUP(mem_freep) char *arguments = text_read("arguments");
        CLEANUP(mem_freep) char *script = text_read("script");
        assert_non_null(
                strstr(arguments, "-protocol_whitelist pipe -format_whitelist concat "));
        assert_null(strstr(arguments, RIG_PASSWORD));
        assert_null(strstr(arguments, "127.0.0.1"));
        assert_non_null(strstr(script, "\nfile 'rtsp://camera:s3cr3t'\\''x@127.0.0.1/a'\n"
                                       "option protocol_whitelist rtsp,rtp,udp,tcp\n"
                                       "option format_whitelist rtsp\n"
                                       "option rtsp_transport tcp\n"));
        capture_close(&capture);
}

static void a_file_ends_and_a_loop_comes_back(void **state) {
        CLEANUP(mem_freep) char *path = xasprintf("file:%s", program);
        struct capture capture;

        (void)state;
        script_write("head -c 3200 /dev/zero");
        capture_open(&capture, program, false);
        state_await(&capture, SOURCE_ENDED);
        assert_string_equal(capture.states.told, "connecting online ended ");
        loop_advance(capture.loop, 1000 * NSEC_PER_SEC);
        assert_int_equal(capture.states.n, 3);
        capture_close(&capture);

        script_write("echo \"$@\" >\"$0.arguments\"; head -c 3200 /dev/zero");
        capture_open(&capture, path, true);
        state_await(&capture, SOURCE_OFFLINE);
        assert_delay(start_await(&capture), 1);
        state_await(&capture, SOURCE_OFFLINE);
        CLEANUP(mem_freep) char *arguments = text_read("arguments");
        assert_non_null(strstr(arguments, "-protocol_whitelist file "));
        assert_non_null(strstr(arguments, "-re -stream_loop -1 -i file:/"));
        capture_close(&capture);
}

// A recording behind a network address comes as fast as the network is.
static void sound_that_runs_ahead_is_held_back(void **state) {
        struct capture capture;
        size_t n_first;

        (void)state;
        script_write("head -c 3200000 /dev/zero; exec sleep 1000");  // 100 s of sound
        capture_open(&capture, URL, false);
        samples_await(&capture, 20 * 16000);
        for (int i = 0; i < 1000; i++)
                loop_turn(capture.loop);
        n_first = capture.n_samples;
        assert_in_range(n_first, 20 * 16000, 25 * 16000);
        // Long enough for a watchdog that counts the rests as silence to bark.
        for (size_t i = 1; i <= 30; i++) {
                loop_advance(capture.loop, NSEC_PER_SEC);
                // Held back until the lead is 19 s; how far above 20 s it went before depends
                // on how much one read brought.
                samples_await(&capture, (18 + i) * 16000);
        }
        assert_in_range(capture.n_samples, 48 * 16000, 57 * 16000);
        assert_string_equal(capture.states.told, "connecting online ");
        capture_close(&capture);
}

static void two_hundred_restarts_leak_nothing(void **state) {
        unsigned n_descriptors = 0;
        struct capture capture;

        (void)state;
        script_write("head -c 321 /dev/zero; exit 1");
        capture_open(&capture, URL, false);
        for (int i = 0; i < 202; i++) {
                state_await(&capture, SOURCE_OFFLINE);
                assert_int_equal(source_children(), 0);
                // The first child's descriptors go when the second is started.
                if (i == 1)
                        n_descriptors = rig_count_descriptors();
                capture.states.told[0] = '\0';
                if (i < 201)
                        start_await(&capture);
        }
        assert_int_equal(source_restarts(capture.source), 201);
        assert_int_equal(capture.n_samples, 202 * 160);
        assert_int_equal(rig_count_descriptors(), n_descriptors);
        capture_close(&capture);
}

static void the_listener_may_close_the_source(void **state) {
        static const enum source_state states[] = {SOURCE_CONNECTING, SOURCE_ONLINE,
                                                   SOURCE_OFFLINE, SOURCE_ENDED};
        struct capture capture;

        (void)state;
        script_write("head -c 100000 /dev/zero; exit 1");
        for (size_t i = 0; i < 4; i++) {
                struct source_config config = {.name = "office", .url = URL};
                const struct source_listener listener = {
                        .on_samples = capture_on_samples,
                        .on_state = capture_on_state,
                        .context = &capture,
                };

                capture = (struct capture){.loop = loop_new_fake(0),
                                           .close_at = states[i],
                                           .is_closing_at_state = true,
                                           .is_closing_at_samples = i == 3};
                config.media = capture.media = media_backend_new(capture.loop, program);
                assert_int_equal(
                        source_open(&capture.source, capture.loop, &config, &listener, NULL),
                        0);
                loop_advance(capture.loop, 0);
                while (capture.source)
                        loop_turn(capture.loop);
                assert_true(capture.n_samples == 0 || i >= 2);
                capture_close(&capture);
        }
}

static void urls_are_checked_before_anything_starts(void **state) {
        static const struct {
                const char *url, *words;  // NULL: fine
        } cases[] = {
                {"rtsp://brainbox:8554/office?audio=all", NULL},
                {"RTSP://u:p@[::1]:554/x", NULL},
                {"rtsps://h/x", NULL},
                {"https://h", NULL},
                {"rtmp://h/live/key", NULL},
                {"srt://h:9000?streamid=x", NULL},
                {"", "empty"},
                {"gopher://h/x", "unknown scheme 'gopher://'"},
                {"rtsp://", "no host"},
                {"rtsp:///x", "no host"},
                {"rtsp://:554/x", "no host"},
                {"rtsp://u:p@/x", "no host"},
                {"rtsp://[::1/x", "no ']'"},
                {"rtsp://h:/x", NULL},
                {"rtsp://h:0/x", "port"},
                {"rtsp://h:65536/x", "port"},
                {"rtsp://h:8554x/x", "port"},
                {"rtsp://camera:s3/cr3t@h/x", "%2F"},
                {"rtsp://camera:12#cr3t@h/x", "%23"},
                {"rtsp://cam#era:cr3t@h/x", "%23"},
                {"rtsp://h/a b", "space"},
                {"rtsp://h/a\noption x", "line break"},
                {"/no/such/file.wav", "No such file"},
                {"file:/no/such/file.wav", "No such file"},
                {"/", "directory"},
                {"file:///dev/null", NULL},
                {"/dev/null", NULL},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct error error = {0};
                int code = source_url_check(cases[i].url, &error);

                assert_int_equal(code, cases[i].words ? -EINVAL : 0);
                assert_null(strstr(error.text, "cr3t"));
                if (cases[i].words && !strstr(error.text, cases[i].words))
                        fail_msg("%s: '%s' lacks '%s'", cases[i].url, error.text,
                                 cases[i].words);
        }
}

static void strangers_give_no_files_and_no_listeners(void **state) {
        static const struct {
                const char *url;
                bool is_good;
        } cases[] = {
                {"rtsp://h/x", true},
                {"https://h/radio.m3u8?mode=listener&listen=1", true},  // the far end's words
                {"srt://h:9000", true},
                {"srt://h:9000?mode=caller&latency=20", true},
                {"srt://h:9000?latency=20&mode=listener", false},
                {"srt://h:9000?mode=rendezvous", false},
                {"srt://h:9000?mode=caller&mode=listener", false},
                {"srt://h:9000?mode", false},
                {"srt://h:9000?modes=2", true},
                {"rtmp://h/x?listen=1", false},
                {"rtmp://h/x?listen", false},
                {"rtmp://h/x?listen=0", true},
                {"/etc/passwd", false},
                {"/dev/null", false},
                {"file:///dev/null", false},
                {"FILE:/dev/null", false},
                {"pipe:0", false},
                {"", false},
                {"rtsp://", false},
                {"concat:/a|/b", false},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct error error = {0};
                int code = source_url_check_untrusted(cases[i].url, &error);

                if (code != (cases[i].is_good ? 0 : -EINVAL) ||
                    (code < 0) != (error.text[0] != '\0'))
                        fail_msg("%s: %d: %s", cases[i].url, code, error.text);
        }
}

// What ffmpeg connects to cannot be judged.
static void strangers_are_not_read_by_ffmpeg(void **state) {
        struct source_config config = {
                .name = "office", .url = "http://127.0.0.1:1/x", .is_untrusted = true};
        struct capture capture = {.loop = loop_new_fake(0)};
        const struct source_listener listener = {
                .on_samples = capture_on_samples,
                .on_state = capture_on_state,
                .context = &capture,
        };

        (void)state;
        script_write("exit 1");
        config.media = capture.media = media_backend_new(capture.loop, program);
        media_backend_allow(capture.media, "127.0.0.0/8");
        assert_int_equal(source_open(&capture.source, capture.loop, &config, &listener, NULL),
                         0);
        loop_advance(capture.loop, 0);
        assert_int_equal(capture.states.last, SOURCE_FAILED);
        assert_non_null(strstr(capture.states.reason, "sources.allow: any"));
        assert_int_equal(source_children(), 0);
        capture.source = source_close(capture.source);
        media_backend_allow(capture.media, "127.0.0.0/8 any");
        assert_int_equal(source_open(&capture.source, capture.loop, &config, &listener, NULL),
                         0);
        loop_advance(capture.loop, 0);
        // It may have ended already.
        assert_ptr_equal(strstr(capture.states.told, "connecting failed connecting "),
                         capture.states.told);
        capture_close(&capture);
}

static void a_missing_or_old_ffmpeg_is_told_with_the_remedy(void **state) {
        struct error error = {0};

        (void)state;
        assert_int_equal(media_backend_check("/no/such/ffmpeg", &error), -ENOENT);
        assert_non_null(strstr(error.text, "apt install ffmpeg"));
        script_write("echo 'ffmpeg version 4.4.1-3 Copyright'");
        assert_int_equal(media_backend_check(program, &error), -EINVAL);
        assert_non_null(strstr(error.text, "need ffmpeg 5"));
        script_write("echo 'ffmpeg version 5.1.9-0+deb12u1 Copyright'");
        assert_int_equal(media_backend_check(program, &error), 0);
        script_write("echo 'ffmpeg version N-109468-gd39b34123d'");
        assert_int_equal(media_backend_check(program, &error), 0);
        script_write("exit 1");
        assert_int_equal(media_backend_check(program, &error), -EINVAL);
}

static int folder_make(void **state) {
        (void)state;
        if (!mkdtemp(folder))
                return -1;
        program = xasprintf("%s/ffmpeg", folder);
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
                cmocka_unit_test(it_is_online_at_the_first_samples_and_not_before),
                cmocka_unit_test(the_delays_grow_as_documented),
                cmocka_unit_test(a_good_stretch_starts_the_delays_again),
                cmocka_unit_test(a_stall_is_told_and_ends_the_child),
                cmocka_unit_test(a_child_that_never_speaks_is_ended),
                cmocka_unit_test(refused_credentials_are_a_failure_and_tried_rarely),
                cmocka_unit_test(the_url_is_on_standard_input_and_not_in_the_arguments),
                cmocka_unit_test(a_file_ends_and_a_loop_comes_back),
                cmocka_unit_test(sound_that_runs_ahead_is_held_back),
                cmocka_unit_test(two_hundred_restarts_leak_nothing),
                cmocka_unit_test(the_listener_may_close_the_source),
                cmocka_unit_test(urls_are_checked_before_anything_starts),
                cmocka_unit_test(strangers_give_no_files_and_no_listeners),
                cmocka_unit_test(strangers_are_not_read_by_ffmpeg),
                cmocka_unit_test(a_missing_or_old_ffmpeg_is_told_with_the_remedy),
        };

        return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
