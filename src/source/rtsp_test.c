// Sources over both programs that read media against a real RTSP server on loopback
// (tests/e2e). What they deliver is compared with the file that the server plays.
#include <math.h>
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

#include "audio/pcm.h"
#include "source/media_backend.h"
#include "source/source_rig.h"
#include "util/mem.h"
#include "util/process.h"

#define PYTHON  "/usr/bin/python3"  // Debian's own has python3-gi
#define SECONDS 6
#define N_SOUND (SECONDS * AUDIO_RATE)

static const char *choice;           // of the program
static struct media_backend *media;  // of the present test
static float sound[N_SOUND];  // what the server plays: a sweep, unlike itself at any shift
#define WAV_PATH "/tmp/eavesdrop-rtsp-XXXXXX"

static char wav_path[] = WAV_PATH;

// --- the server -------------------------------------------------------------------

struct server {
        struct loop *loop;
        struct process *process;
        char output[64];
        size_t length;
        int port;
        bool is_gone;
};

static void server_on_stdout(void *context, const uint8_t *bytes, size_t n) {
        struct server *server = context;

        for (size_t i = 0; i < n && server->length < sizeof(server->output) - 1; i++)
                server->output[server->length++] = (char)bytes[i];
        if (strchr(server->output, '\n') && strncmp(server->output, "PORT ", 5) == 0) {
                server->port = (int)strtol(server->output + 5, NULL, 10);
                loop_stop(server->loop);
        }
}

static void server_on_exit(void *context, const struct process_exit *exit) {
        struct server *server = context;

        (void)exit;
        server->is_gone = true;
        loop_stop(server->loop);
}

// False when this machine has no gst-rtsp-server. With `port` 0 any free one is taken.
static bool server_open(struct server *server, struct loop *loop, int port, bool has_password) {
        static const char *const codecs[] = {"aac", "pcma", "pcmu+video", "opus"};
        char mounts[4][128];
        char port_text[16];
        static const char peer[] = TEST_PEERS "/rtsp_server.py";
        const char *argv[32] = {PYTHON, peer, "--port", port_text, "--mount", "blind:video"};
        size_t n = 6;
        const struct process_config config = {.argv = argv};
        const struct process_listener listener = {server_on_stdout, NULL, NULL, server_on_exit,
                                                  server};

        snprintf(port_text, sizeof(port_text), "%d", port);
        for (size_t i = 0; i < 4; i++) {
                snprintf(mounts[i], sizeof(mounts[i]), "%.*s:%s:%s:loop",
                         (int)strcspn(codecs[i], "+"), codecs[i], codecs[i], wav_path);
                argv[n++] = "--mount";
                argv[n++] = mounts[i];
        }
        if (has_password) {
                argv[n++] = "--auth";
                argv[n++] = "digest";
                argv[n++] = "--password";
                argv[n++] = RIG_PASSWORD;
        }
        *server = (struct server){.loop = loop};
        assert_int_equal(process_open(&server->process, loop, &config, &listener, NULL), 0);
        loop_run(loop);
        return server->port > 0;
}

static void server_close(struct server *server) {
        server->process = process_close(server->process);
}

// --- a listener -------------------------------------------------------------------

struct capture {
        struct loop *loop;
        struct source *source;
        float samples[4 * AUDIO_RATE];
        size_t n_samples;
        struct states states;
        enum source_state awaited;
        nsec_t opened_at, online_at;
};

static void capture_on_samples(void *context, const float *samples, size_t n) {
        struct capture *capture = context;
        size_t room = sizeof(capture->samples) / sizeof(float) - capture->n_samples;

        if (n > room)
                n = room;
        memcpy(capture->samples + capture->n_samples, samples, n * sizeof(float));
        capture->n_samples += n;
        if (n == room && room > 0)
                loop_stop(capture->loop);
}

static void capture_on_state(void *context, enum source_state state, const char *reason) {
        struct capture *capture = context;

        rig_tell_state(&capture->states, state, reason);
        if (state == SOURCE_ONLINE && capture->online_at == 0)
                capture->online_at = loop_now(capture->loop);
        if (state == capture->awaited)
                loop_stop(capture->loop);
}

static void capture_open(struct capture *capture, struct loop *loop, int port,
                         const char *credentials, const char *path) {
        CLEANUP(mem_freep)
        char *url = xasprintf("rtsp://%s127.0.0.1:%d/%s", credentials, port, path);
        const struct source_config config = {.name = path, .url = url, .media = media};
        const struct source_listener listener = {
                .on_samples = capture_on_samples,
                .on_state = capture_on_state,
                .context = capture,
        };

        *capture = (struct capture){
                .loop = loop, .awaited = SOURCE_ENDED, .opened_at = loop_now(loop)};
        assert_int_equal(source_open(&capture->source, loop, &config, &listener, NULL), 0);
}

static void state_await(struct capture *capture, enum source_state state) {
        capture->awaited = state;
        while (capture->states.last != state)
                loop_run(capture->loop);
        capture->awaited = SOURCE_ENDED;
}

static void all_close(struct loop *loop) {
        while (source_children() > 0)
                loop_turn(loop);
        media = media_backend_free(media);
        loop_free(loop);
}

static struct loop *loop_begin(void) {
        struct loop *loop = loop_new();

        media = media_backend_new(loop, choice);
        return loop;
}

// A server on any free port, or the test is skipped and the loop freed.
static void server_need(struct server *server, struct loop *loop, bool has_password) {
        if (server_open(server, loop, 0, has_password))
                return;
        print_message("skipped: needs python3-gi and gir1.2-gst-rtsp-server-1.0\n");
        server_close(server);
        all_close(loop);
        skip();
}

// --- likeness ---------------------------------------------------------------------

#define DECIMATION 8  // to 2 kHz; the sweep stays below 1 kHz

static void sound_decimate(const float *samples, size_t n, float *ret) {
        for (size_t i = 0; i < n / DECIMATION; i++) {
                ret[i] = 0;
                for (size_t j = 0; j < DECIMATION; j++)
                        ret[i] += samples[i * DECIMATION + j];
        }
}

// The greatest normalised correlation of the capture's second and third second with the
// sound, over all shifts.
static double capture_likeness(const struct capture *capture) {
        static float reference[N_SOUND / DECIMATION];
        float heard[2 * AUDIO_RATE / DECIMATION];
        const size_t n = sizeof(heard) / sizeof(heard[0]);
        double best = 0;

        sound_decimate(sound, N_SOUND, reference);
        sound_decimate(capture->samples + AUDIO_RATE, n * DECIMATION, heard);
        for (size_t shift = 0; shift + n <= N_SOUND / DECIMATION; shift++) {
                double product = 0, energy_a = 0, energy_b = 0;

                for (size_t i = 0; i < n; i++) {
                        product += (double)heard[i] * reference[shift + i];
                        energy_a += (double)heard[i] * heard[i];
                        energy_b += (double)reference[shift + i] * reference[shift + i];
                }
                if (energy_a > 0 && product / sqrt(energy_a * energy_b) > best)
                        best = product / sqrt(energy_a * energy_b);
        }
        return best;
}

// --- tests ------------------------------------------------------------------------

static void every_codec_arrives_as_it_was_played(void **state) {
        static const char *const paths[] = {"aac", "pcma", "pcmu", "opus"};
        static struct capture captures[4];
        struct loop *loop = loop_begin();
        struct server server;

        (void)state;
        server_need(&server, loop, false);
        for (size_t i = 0; i < 4; i++)
                capture_open(&captures[i], loop, server.port, "", paths[i]);
        for (size_t i = 0; i < 4; i++) {
                while (captures[i].n_samples < sizeof(captures[i].samples) / sizeof(float))
                        loop_run(loop);
                captures[i].source = source_close(captures[i].source);
        }
        for (size_t i = 0; i < 4; i++) {
                double likeness = capture_likeness(&captures[i]);

                print_message("%s: first sample after %.2f s, likeness %.4f\n", paths[i],
                              (double)(captures[i].online_at - captures[i].opened_at) /
                                      (double)NSEC_PER_SEC,
                              likeness);
                assert_string_equal(captures[i].states.told, "connecting online ");
                assert_true(likeness > 0.95);
        }
        server_close(&server);
        all_close(loop);
}

static void each_refusal_is_called_by_its_name(void **state) {
        static const struct {
                const char *credentials, *path;
                enum source_state state;
                const char *words;
        } cases[] = {
                {"camera:" RIG_PASSWORD "@", "nowhere", SOURCE_OFFLINE,
                 "no such path there (404)"},
                {"camera:" RIG_PASSWORD "@", "blind", SOURCE_OFFLINE, "no audio track"},
                {"camera:not-" RIG_PASSWORD "@", "aac", SOURCE_FAILED,
                 "user name or password refused"},
                {"", "aac", SOURCE_FAILED, "user name or password refused"},
                {"camera:" RIG_PASSWORD "@", "aac", SOURCE_ONLINE, ""},
        };
        static struct capture capture;
        struct loop *loop = loop_begin();
        struct server server;

        (void)state;
        server_need(&server, loop, true);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                capture_open(&capture, loop, server.port, cases[i].credentials, cases[i].path);
                state_await(&capture, cases[i].state);
                assert_non_null(strstr(capture.states.reason, cases[i].words));
                capture.source = source_close(capture.source);
        }
        server_close(&server);
        all_close(loop);
}

static void a_server_that_dies_and_comes_back_is_found_again(void **state) {
        static struct capture capture;
        struct loop *loop = loop_begin();
        struct server server;
        int port;

        (void)state;
        server_need(&server, loop, false);
        port = server.port;
        capture_open(&capture, loop, port, "", "pcma");
        state_await(&capture, SOURCE_ONLINE);
        assert_int_equal(kill(process_id(server.process), SIGKILL), 0);
        state_await(&capture, SOURCE_OFFLINE);
        while (!server.is_gone)
                loop_run(loop);
        server_close(&server);
        assert_true(server_open(&server, loop, port, false));
        state_await(&capture, SOURCE_ONLINE);
        assert_true(source_restarts(capture.source) >= 1);
        capture.source = source_close(capture.source);
        server_close(&server);
        all_close(loop);
}

// --- the sound --------------------------------------------------------------------

static void little_endian_put(FILE *file, uint32_t value, int n_bytes) {
        for (int i = 0; i < n_bytes; i++)
                fputc((int)(value >> (8 * i) & 0xff), file);
}

static int sound_make(void **state) {
        FILE *file;
        int descriptor;

        (void)state;
        memcpy(wav_path, WAV_PATH, sizeof(wav_path));
        descriptor = mkstemp(wav_path);
        file = descriptor < 0 ? NULL : fdopen(descriptor, "wb");
        if (!file)
                return -1;
        fputs("RIFF", file);
        little_endian_put(file, 36 + 2 * N_SOUND, 4);
        fputs("WAVEfmt ", file);
        little_endian_put(file, 16, 4);
        little_endian_put(file, 1, 2);  // PCM
        little_endian_put(file, 1, 2);  // channels
        little_endian_put(file, AUDIO_RATE, 4);
        little_endian_put(file, 2 * AUDIO_RATE, 4);
        little_endian_put(file, 2, 2);
        little_endian_put(file, 16, 2);
        fputs("data", file);
        little_endian_put(file, 2 * N_SOUND, 4);
        for (size_t i = 0; i < N_SOUND; i++) {
                double t = (double)i / AUDIO_RATE;

                // 200 Hz rising by 100 Hz each second.
                sound[i] = (float)(0.5 * sin(2 * M_PI * (200 * t + 50 * t * t)));
                little_endian_put(file, (uint16_t)lrintf(sound[i] * 32767), 2);
        }
        return fclose(file);
}

static int sound_remove(void **state) {
        (void)state;
        return unlink(wav_path);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_codec_arrives_as_it_was_played),
                cmocka_unit_test(each_refusal_is_called_by_its_name),
                cmocka_unit_test(a_server_that_dies_and_comes_back_is_found_again),
        };

        int n_failed = 0;

        for (size_t i = 0; (choice = rig_media[i]); i++)
                n_failed +=
                        cmocka_run_group_tests_name(choice, tests, sound_make, sound_remove);
        return n_failed;
}
