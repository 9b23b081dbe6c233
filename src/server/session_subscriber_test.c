// A subscriber of many streams that have much to tell, on a server of its own.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/config.h"
#include "pipeline/stream_rig.h"
#include "server/session.h"
#include "util/mem.h"
#include "vad/silero_rig.h"

#define STREAMS 24
#define TEXT_BYTES \
        100000            // of each final; a stream has several, all together 7 MB, more
                          // than the system and we together keep for a client
#define TURNS_MAX 200000  // loopback delivers at once; this is only a bound
#define PIECE     65536
#define TELLING   "\"type\":\"transcription\""

struct rig {
        struct loop *loop;
        struct engine_script *script;
        struct vad_model *vad;
        struct config *config;
        struct server *server;
        struct sound speech;
        char *names;  // of the streams: "s0,s1,..."
};

// Somebody who says one very long word.
static int answer(void *context, const struct job *job, struct hypothesis *ret) {
        struct hypothesis_segment *segment = hypothesis_append(ret);

        (void)context;
        segment->text = xcalloc(TEXT_BYTES + 1, 1);
        memset(segment->text, 'o', TEXT_BYTES);
        segment->end = (int64_t)job->n_samples;
        snprintf(ret->language, sizeof(ret->language), "en");
        return 0;
}

static int check_wishes(const void *context, const char *language, enum decode_task task,
                        struct error *error) {
        (void)context;
        (void)language;
        (void)task;
        (void)error;
        return 0;
}

static void config_make(struct rig *rig) {
        CLEANUP(mem_freep)
        char *text = xstrdup("listen: 127.0.0.1:0\nlog: error\nstreams:\n");
        struct config_mistakes mistakes;

        rig->names = xstrdup("");
        for (int i = 0; i < STREAMS; i++) {
                char *longer = xasprintf("%s  s%d: rtsp://127.0.0.1:1/%d\n", text, i, i);
                char *names = xasprintf("%s%ss%d", rig->names, i ? "," : "", i);

                free(text);
                text = longer;
                free(rig->names);
                rig->names = names;
        }
        assert_int_equal(config_parse(&rig->config, text, strlen(text), &mistakes), 0);
}

// All streams have spoken, and all of it is text; what the log says of it is not for the
// terminal.
static void streams_speak(struct rig *rig) {
        int terminal = dup(STDOUT_FILENO), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        size_t backlog;

        (void)fflush(stdout);
        assert_true(terminal >= 0 && nowhere >= 0);
        assert_true(dup2(nowhere, STDOUT_FILENO) >= 0);

        for (int i = 0; i < STREAMS; i++) {
                char name[8];
                struct stream *stream;

                snprintf(name, sizeof(name), "s%d", i);
                stream = server_find_stream(rig->server, name);
                stream_on_audio(stream, rig->speech.samples, rig->speech.n);
                stream_flush(stream);
        }
        do {
                size_t n;
                struct stream *const *streams = server_streams(rig->server, &n);

                loop_turn(rig->loop);
                sched_yield();
                backlog = 0;
                for (size_t i = 0; i < n; i++)
                        backlog += stream_backlog(streams[i]);
        } while (backlog > 0);
        (void)fflush(stdout);
        assert_true(dup2(terminal, STDOUT_FILENO) >= 0);
        close(terminal);
        close(nowhere);
}

static int setup(void **state) {
        struct rig *rig = xnew(struct rig);
        struct server_parts parts = {
                .engine = &engine_scripted, .n_engines = 1, .check_wishes = check_wishes};

        *state = rig;
        rig->loop = parts.loop = loop_new_fake(1000 * NSEC_PER_SEC);
        rig->script = engine_script_new(4, answer, rig);
        parts.model = rig->script;
        rig->vad = rig_load_vad();
        parts.vad = rig->vad;
        config_make(rig);
        parts.config = rig->config;
        if (!rig->vad || !rig_load_sound("misc/jfk.flac", &rig->speech))
                return 0;
        return server_open(&rig->server, &parts, NULL);
}

static int teardown(void **state) {
        struct rig *rig = *state;

        server_close(rig->server);
        config_free(rig->config);
        engine_script_free(rig->script);
        vad_model_free(rig->vad);
        loop_free(rig->loop);
        free(rig->speech.samples);
        free(rig->names);
        free(rig);
        return 0;
}

static int subscribe(struct rig *rig) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)server_port(rig->server)),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        CLEANUP(mem_freep)
        char *head =
                xasprintf("GET /?type=rtsp_subscriber&streams=%s HTTP/1.1\r\n"
                          "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                          rig->names);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096;

        assert_true(fd >= 0);
        // What the system keeps for the client is no more than what it reads at a time.
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(send(fd, head, strlen(head), MSG_NOSIGNAL), strlen(head));
        return fd;
}

// So many are in the bytes; the last few of them are kept at the beginning for the next time.
static size_t count_tellings(char *bytes, size_t *n) {
        size_t found = 0, keep = sizeof(TELLING) - 2;

        for (const char *at = bytes;
             (at = memmem(at, *n - (size_t)(at - bytes), TELLING, sizeof(TELLING) - 1)); at++)
                found++;
        if (*n > keep) {
                memmove(bytes, bytes + *n - keep, keep);
                *n = keep;
        }
        return found;
}

static void long_histories_are_no_slow_reader(void **state) {
        struct rig *rig = *state;
        CLEANUP(mem_freep) char *bytes = xcalloc(2 * PIECE, 1);
        size_t n = 0, n_told = 0;
        int fd;

        if (!rig->server)
                skip();
        streams_speak(rig);
        fd = subscribe(rig);
        for (int i = 0; i < 100; i++)  // it takes its time
                loop_turn(rig->loop);
        for (int turns = 0; n_told < STREAMS && turns < TURNS_MAX; turns++) {
                ssize_t got = recv(fd, bytes + n, PIECE, MSG_DONTWAIT);

                assert_true(got > 0 || (got < 0 && errno == EAGAIN));
                if (got > 0) {
                        n += (size_t)got;
                        n_told += count_tellings(bytes, &n);
                }
                loop_turn(rig->loop);
        }
        assert_int_equal(n_told, STREAMS);
        close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(long_histories_are_no_slow_reader, setup,
                                                teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
