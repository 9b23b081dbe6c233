// A client whose sound has channels that are kept apart: each is a stream, and all are one
// session's.
#include "dialect/session_channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audio/sound_rig.h"
#include "dialect/session_rig.h"
#include "pipeline/hub_parking.h"
#include "util/mem.h"

#define CHANNEL_TEST(function) \
        cmocka_unit_test_setup_teardown(function, setup, session_rig_teardown)

#define N 3

// --- a dialect of N channels -----------------------------------------------------------------

static bool chorus_matches(const struct http_request *request) {
        return strcmp(request->path, "/chorus") == 0;
}

static unsigned n_sung[N];  // of each channel, in this test

static void chorus_on_update(void *state, const struct stream_facts *facts,
                             const struct update *update) {
        struct session_channel *channel = state;

        for (size_t i = 0; i < update->n_finals; i++) {
                char *text = xasprintf("%s, the %u., sings %s", facts->name, channel->index + 1,
                                       update->finals[i].text);

                n_sung[channel->index]++;
                session_send(channel->session, text, strlen(text));
        }
}

static const struct observer_ops chorus_observer = {
        .name = "chorus",
        .on_update = chorus_on_update,
};

static void chorus_begin(struct session *session, const struct http_request *request) {
        struct request wish = {.name = "choir", .format = PCM_F32, .channels = N};
        struct error error;

        (void)request;
        if (session_channels_open(session, &wish, &chorus_observer, &error) < 0) {
                session_refuse(session, 1008, error.text, 0);
                return;
        }
        session_started(session, "a choir");
        session_send(session, xstrdup("sing"), 4);
}

static void chorus_on_text(struct session *session, const char *text, size_t n) {
        (void)text;
        (void)n;
        session_flush(session);
}

static void chorus_on_binary(struct session *session, const struct websocket_piece *piece) {
        session_feed(session, piece->bytes, piece->n);
}

static void chorus_on_idle(struct session *session) {
        session_send(session, xstrdup("silence"), 7);
}

static unsigned n_failures, n_warnings;  // in this test

static void chorus_on_failure(struct session *session) {
        (void)session;
        n_failures++;
}

static void chorus_on_warning(struct session *session, const char *words) {
        (void)session;
        (void)words;
        n_warnings++;
}

static void chorus_refuse(struct session *session, const char *words, nsec_t retry) {
        (void)retry;
        session_send(session, xstrdup(words), strlen(words));
}

static void chorus_goodbye(struct session *session, uint16_t code) {
        session_close(session, code, "they bow");
}

static void chorus_close(struct session *session) {
        (void)session;
}

static const struct dialect dialect_chorus = {
        .name = "chorus",
        .matches_request = chorus_matches,
        .begin = chorus_begin,
        .on_text = chorus_on_text,
        .on_binary = chorus_on_binary,
        .on_idle = chorus_on_idle,
        .on_failure = chorus_on_failure,
        .on_warning = chorus_on_warning,
        .refuse = chorus_refuse,
        .goodbye = chorus_goodbye,
        .close = chorus_close,
};

static const struct dialect *const with_chorus[] = {&dialect_chorus, NULL};

static int setup(void **state) {
        int r = session_rig_setup(state);
        struct session_rig *rig = *state;

        rig->dialects = with_chorus;
        memset(n_sung, 0, sizeof(n_sung));
        n_failures = n_warnings = 0;
        return r;
}

static struct session *chorus_open(struct session_rig *rig) {
        session_rig_connect(rig, "/chorus", 0);
        session_rig_expect(rig, "sing");
        return (struct session *)hub_first_session(rig->hub->hub);  // its base is first
}

// The speech in the channels whose bits are set, and silence in the others.
static void chorus_sing(struct session *session, const struct sound *speech,
                        unsigned channels) {
        float *frames = xcalloc(speech->n * N, sizeof(float));

        for (size_t i = 0; i < speech->n * N; i++)
                frames[i] = channels & 1u << i % N ? speech->samples[i / N] : 0;
        session_feed(session, (const uint8_t *)frames, speech->n * N * sizeof(float));
        free(frames);
}

static struct sound need_speech(void) {
        struct sound speech;

        if (!rig_load_sound("misc/jfk.flac", &speech))
                skip();
        return speech;
}

// --- somebody else who listens ---------------------------------------------------------------

static unsigned n_heard;

static void ear_on_update(void *state, const struct stream_facts *facts,
                          const struct update *update) {
        (void)state;
        (void)facts;
        n_heard += update->n_finals;
}

static const struct observer_ops ear_ops = {.name = "ear", .on_update = ear_on_update};

// --- tests -----------------------------------------------------------------------------------

static void each_channel_is_a_stream(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct session *session = chorus_open(rig);
        struct hub_stream *first = hub_find(rig->hub->hub, "choir:1");

        assert_int_equal(session->n_channels, N);
        assert_ptr_equal(session->base.stream, first);
        assert_ptr_equal(session->stream, first->stream);
        assert_ptr_equal(hub_find(rig->hub->hub, "choir:3")->session, &session->base);
        assert_null(hub_find(rig->hub->hub, "choir:4"));
        session_leave(session, 1000);
        session_rig_expect(rig, "they bow");
}

static void each_has_its_own_text(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct sound speech = need_speech();
        struct session *session = chorus_open(rig);

        chorus_sing(session, &speech, 1u << 1);
        session_leave(session, 1000);
        session_rig_expect(rig, "choir:2, the 2., sings word");
        session_rig_expect(rig, "they bow");
        assert_int_equal(n_sung[0] + n_sung[2], 0);
        free(speech.samples);
}

// However late one of them is.
static void it_ends_when_all_have_their_text(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct sound speech = need_speech();
        struct session *session = chorus_open(rig);

        engine_script_hold(rig->hub->script);
        chorus_sing(session, &speech, 1u << 2);
        session_leave(session, 1000);
        assert_false(session->is_closing);  // two of them have nothing to wait for
        engine_script_release(rig->hub->script);
        session_rig_expect(rig, "choir:3, the 3., sings");
        session_rig_expect(rig, "they bow");
        free(speech.samples);
}

static void all_are_flushed_together(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct sound speech = need_speech();
        struct session *session = chorus_open(rig);

        session_rig_send(rig, "flush");
        session_rig_expect(rig, "silence");
        engine_script_hold(rig->hub->script);
        chorus_sing(session, &speech, 1u << 0 | 1u << 2);
        session_rig_send(rig, "flush");
        while (!session->channels[2].is_flushing)
                loop_turn(rig->hub->loop);
        assert_false(session->channels[1].is_flushing);
        engine_script_release(rig->hub->script);
        session_rig_expect(rig, "silence");
        assert_false(session->channels[0].is_flushing || session->channels[2].is_flushing);
        free(speech.samples);
}

static void a_client_that_vanishes_leaves_none(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct sound speech = need_speech();

        chorus_sing(chorus_open(rig), &speech, 1u << N);
        session_rig_disconnect(rig);
        while (hub_first_session(rig->hub->hub))
                loop_turn(rig->hub->loop);
        assert_null(hub_first(rig->hub->hub));
        free(speech.samples);
}

static void what_a_client_said_that_vanished_becomes_text(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct sound speech = need_speech();
        struct session *session = chorus_open(rig);
        struct stream *second = session->channels[1].stream;
        struct observer ear = {.ops = &ear_ops};

        n_heard = 0;
        stream_add_observer(second, &ear);
        chorus_sing(session, &speech, 1u << 1);
        session_streams_finish(session);
        assert_null(session->base.stream);
        session_rig_disconnect(rig);
        while (hub_first_session(rig->hub->hub))
                loop_turn(rig->hub->loop);
        while (n_heard == 0)
                loop_turn(rig->hub->loop);
        assert_false(hub_is_free(rig->hub->hub, "choir:2", principal_anonymous(true), ""));
        stream_remove_observer(second, &ear);
        while (hub_first(rig->hub->hub)) {
                loop_advance(rig->hub->loop, NSEC_PER_SEC);
                loop_turn(rig->hub->loop);
        }
        free(speech.samples);
}

static void sound_may_change_its_shape(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct session *session = chorus_open(rig);
        const struct request mulaw = {
                .format = PCM_MULAW, .rate = 8000, .channels = N, .channel = 1};
        const struct request nothing = {.rate = 1};
        const uint8_t frames[8000 * N] = {0};
        struct error error;

        session_feed(session, frames, sizeof(float) * N * 1600);
        assert_int_equal(session_sound_change(session, &mulaw, NULL), 0);
        assert_int_equal(session->channels[2].feed.channel, 3);
        session_feed(session, frames, sizeof(frames));
        assert_int_equal(session_sound_change(session, &nothing, &error), -EINVAL);
        assert_non_null(strstr(error.text, "1 Hz"));
        session_feed(session, frames, sizeof(frames));
        session_end_sound(session);
        for (unsigned i = 0; i < N; i++)
                assert_int_equal(stream_position(session->channels[i].stream),
                                 1600 + 2 * AUDIO_RATE);
}

static void each_lost_window_is_a_failure_and_the_first_a_warning(void **state) {
        struct session_rig *rig = session_rig_need(state);
        const struct stream_listener *listener;

        chorus_open(rig);
        listener = &hub_first(rig->hub->hub)->listener;
        listener->on_failure(listener->context, "lost");
        listener->on_failure(listener->context, "lost");
        assert_int_equal(n_failures, 2);
        assert_int_equal(n_warnings, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                CHANNEL_TEST(each_channel_is_a_stream),
                CHANNEL_TEST(each_has_its_own_text),
                CHANNEL_TEST(it_ends_when_all_have_their_text),
                CHANNEL_TEST(all_are_flushed_together),
                CHANNEL_TEST(a_client_that_vanishes_leaves_none),
                CHANNEL_TEST(what_a_client_said_that_vanished_becomes_text),
                CHANNEL_TEST(sound_may_change_its_shape),
                CHANNEL_TEST(each_lost_window_is_a_failure_and_the_first_a_warning),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
