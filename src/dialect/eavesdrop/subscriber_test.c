// A subscriber of many streams that have much to tell.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audio/sound_rig.h"
#include "dialect/session_rig.h"
#include "util/mem.h"

#define STREAMS 24
#define TEXT_BYTES \
        100000  // of each final; a stream has several, all together 7 MB, more than the system
                // and we together keep for a client
#define TELLING "\"type\":\"transcription\""

// The streams' names: "s0,s1,..."; the caller frees it.
static char *streams_open(struct hub_rig *rig) {
        char *names = xstrdup("");

        for (int i = 0; i < STREAMS; i++) {
                char name[8], *longer;

                snprintf(name, sizeof(name), "s%d", i);
                hub_rig_open_pulled(rig, name);
                longer = xasprintf("%s%s%s", names, i ? "," : "", name);
                free(names);
                names = longer;
        }
        return names;
}

// All streams have spoken, and all of it is text; what the log says of it is not for the
// terminal.
static void streams_speak(struct hub_rig *rig, const struct sound *speech) {
        int terminal = dup(STDOUT_FILENO), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

        (void)fflush(stdout);
        assert_true(terminal >= 0 && nowhere >= 0);
        assert_true(dup2(nowhere, STDOUT_FILENO) >= 0);

        for (struct hub_stream *stream = hub_first(rig->hub); stream;
             stream = hub_next(rig->hub, stream)) {
                stream_on_audio(stream->stream, speech->samples, speech->n);
                stream_flush(stream->stream);
        }
        hub_rig_wait(rig);
        (void)fflush(stdout);
        assert_true(dup2(terminal, STDOUT_FILENO) >= 0);
        close(terminal);
        close(nowhere);
}

static void long_histories_are_no_slow_reader(void **state) {
        struct session_rig *rig = session_rig_need(state);
        CLEANUP(mem_freep) char *text = xcalloc(TEXT_BYTES + 1, 1);  // one very long word
        CLEANUP(mem_freep) char *names = NULL;
        CLEANUP(mem_freep) char *target = NULL;
        struct sound speech;

        if (!rig_load_sound("misc/jfk.flac", &speech))
                skip();
        memset(text, 'o', TEXT_BYTES);
        rig->hub->text = text;
        names = streams_open(rig->hub);
        streams_speak(rig->hub, &speech);
        free(speech.samples);
        target = xasprintf("/?type=rtsp_subscriber&streams=%s", names);
        // What the system keeps for the client is no more than what it reads at a time.
        session_rig_connect(rig, target, 4096);
        for (int i = 0; i < 100; i++)  // it takes its time
                loop_turn(rig->hub->loop);
        for (int i = 0; i < STREAMS; i++)
                session_rig_expect(rig, TELLING);
}

static void only_what_the_server_pulls_is_told(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct request request = {.name = "private"};
        struct stream_listener listener = {0};
        struct hub_stream *stream;

        session_rig_connect(rig, "/?type=rtsp_subscriber&streams=private", 0);
        session_rig_expect(rig, "no RTSP streams configured");
        hub_rig_open_pulled(rig->hub, "hall");
        assert_int_equal(hub_open(&stream, rig->hub->hub, &request, NULL, &listener, NULL), 0);
        session_rig_connect(rig, "/?type=rtsp_subscriber&streams=private", 0);
        session_rig_expect(rig, "Unknown streams: private. Available streams: hall");
}

// Whoever listens to a stream listens to the one that comes in its place, too, and learns that
// there is none.
static void a_stream_that_comes_again_is_heard(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct hub_stream *camera = hub_rig_open_pulled(rig->hub, "hall");

        session_rig_connect(rig, "/?type=rtsp_subscriber&streams=hall", 0);
        session_rig_expect(rig, "\"type\":\"stream_status\"");
        hub_retire(rig->hub->hub, camera, "removed");
        camera = hub_rig_open_pulled(rig->hub, "hall");
        loop_advance(rig->hub->loop, 1);
        session_rig_expect(rig, "\"type\":\"stream_status\"");
        hub_retire(rig->hub->hub, camera, "removed");
        loop_advance(rig->hub->loop, 1);
        session_rig_expect(rig, "the stream was removed");
        hub_rig_open_pulled(rig->hub, "hall");
        session_rig_expect(rig, "\"type\":\"stream_status\"");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(long_histories_are_no_slow_reader,
                                                session_rig_setup, session_rig_teardown),
                cmocka_unit_test_setup_teardown(only_what_the_server_pulls_is_told,
                                                session_rig_setup, session_rig_teardown),
                cmocka_unit_test_setup_teardown(a_stream_that_comes_again_is_heard,
                                                session_rig_setup, session_rig_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
