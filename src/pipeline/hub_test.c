// The one way in: what a request leaves open is filled in, streams and sessions are listed, and
// who asks for too much is told why not.
#include "pipeline/hub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/sound_rig.h"
#include "pipeline/hub_admission.h"
#include "pipeline/hub_names.h"
#include "pipeline/hub_parking.h"
#include "pipeline/hub_rig.h"
#include "transcript/observer_capture.h"
#include "util/mem.h"

#define HUB_TEST(function) \
        cmocka_unit_test_setup_teardown(function, hub_rig_setup, hub_rig_teardown)

static const struct hub_session_ops no_ops;

static struct hub_session session_at(const char *address) {
        struct hub_session session = {.ops = &no_ops, .principal = principal_anonymous(true)};

        snprintf(session.address, sizeof(session.address), "%s", address);
        return session;
}

static struct hub_stream *open_pushed(struct hub_rig *rig, const char *name,
                                      struct hub_session *session) {
        struct request request = {.name = name};
        struct stream_listener listener = {0};
        struct hub_stream *stream;

        assert_int_equal(hub_open(&stream, rig->hub, &request, session, &listener, NULL), 0);
        return stream;
}

static void what_is_absent_is_the_servers(void **state) {
        struct hub_rig *rig = hub_rig_need(state);
        struct request request = {.name = "mine", .beam_size = 1000};
        struct request given = {.name = "mine", .language = "", .pause = 2, .window_max = 9};
        struct decode_options options;

        snprintf(rig->defaults.decoding.language, sizeof(rig->defaults.decoding.language),
                 "de");
        request_complete(&request, &rig->defaults);
        assert_string_equal(request.language, "de");
        assert_true(request.pause == 0.6F && request.window_max == 28);
        assert_int_equal(request.beam_size, DECODE_WIDTH_MAX);
        request_complete(&given, &rig->defaults);
        assert_string_equal(given.language, "");  // to be detected, whatever the default
        assert_true(given.pause == 2 && given.window_max == 9);

        assert_int_equal(given.task, DECODE_TRANSCRIBE);
        given.task = DECODE_TRANSLATE;
        given.prompt = "Dear all";
        given.has_word_times = true;
        options = request_decode_options(&given);
        assert_int_equal(options.task, DECODE_TRANSLATE);
        assert_string_equal(options.prompt, "Dear all");
        assert_int_equal(options.word_timestamps, DECODE_YES);
        assert_int_equal(options.beam_size, rig->defaults.decoding.beam_size);
        assert_string_equal(options.language, "");
        decode_options_deinit(&options);
}

static void what_the_model_cannot_do_is_refused(void **state) {
        struct hub_rig *rig = hub_rig_need(state);
        struct request request = {.name = "mine", .language = "xx"};
        struct stream_listener listener = {0};
        struct hub_stream *stream;
        struct error error;

        assert_int_equal(hub_open(&stream, rig->hub, &request, NULL, &listener, &error),
                         -EINVAL);
        assert_string_equal(error.text, "the model does not know 'xx'");
        assert_null(hub_first(rig->hub));
}

static void pulled_and_pushed_streams_are_listed_alike(void **state) {
        struct hub_rig *rig = hub_rig_need(state);
        struct hub_session session = session_at("10.0.0.1");
        struct hub_stream *camera, *pushed;

        assert_true(hub_enter(rig->hub, &session));
        pushed = open_pushed(rig, "hall", &session);
        camera = hub_rig_open_pulled(rig, "hall");
        assert_true(camera->id > pushed->id);
        assert_ptr_equal(pushed->session, &session);
        assert_ptr_equal(session.stream, pushed);
        // The camera goes before a client that gives its stream the same name.
        assert_ptr_equal(hub_find(rig->hub, "hall"), camera);
        assert_null(hub_find(rig->hub, "Hall"));
        assert_ptr_equal(hub_first(rig->hub), camera);
        assert_ptr_equal(hub_next(rig->hub, camera), pushed);
        assert_null(hub_next(rig->hub, pushed));
        assert_ptr_equal(hub_first_pulled(rig->hub), camera);
        assert_null(hub_next_pulled(camera));

        hub_close(rig->hub, camera);
        assert_ptr_equal(hub_find(rig->hub, "hall"), pushed);
        assert_null(hub_first_pulled(rig->hub));
        hub_leave(rig->hub, &session);
        assert_null(hub_first_session(rig->hub));
}

static void sessions_are_counted_by_kind(void **state) {
        struct hub_rig *rig = hub_rig_need(state);
        struct hub_session session = session_at("10.0.0.1");
        struct hub_reader *unknown = hub_reader(rig->hub, HUB_READER_UNKNOWN);
        struct hub_reader *own = hub_reader(rig->hub, "own");

        hub_enter(rig->hub, &session);
        assert_int_equal(unknown->n_present, 1);
        hub_session_is(&session, own);
        assert_int_equal(unknown->n_present, 0);
        assert_int_equal(own->n_present, 1);
        assert_ptr_equal(hub_reader(rig->hub, "own"), own);
        hub_leave(rig->hub, &session);
        assert_int_equal(own->n_present, 0);
}

static void sessions_have_an_id_and_a_beginning(void **state) {
        struct hub_rig *rig = hub_rig_need(state);
        struct hub_session sessions[2] = {session_at("10.0.0.1"), session_at("10.0.0.2")};
        nsec_t began = loop_wall(rig->loop);

        hub_enter(rig->hub, &sessions[0]);
        loop_advance(rig->loop, NSEC_PER_SEC);
        hub_enter(rig->hub, &sessions[1]);
        assert_int_equal(sessions[0].since, began);
        assert_int_equal(sessions[1].since, began + NSEC_PER_SEC);
        assert_ptr_equal(hub_find_session(rig->hub, sessions[0].id), &sessions[0]);
        assert_ptr_equal(hub_find_session(rig->hub, sessions[1].id), &sessions[1]);
        assert_null(hub_find_session(rig->hub, 0));
        hub_leave(rig->hub, &sessions[1]);
        assert_null(hub_find_session(rig->hub, sessions[1].id));
        hub_enter(rig->hub, &sessions[1]);
        assert_int_equal(sessions[1].id, 3);
        hub_leave(rig->hub, &sessions[0]);
        hub_leave(rig->hub, &sessions[1]);
}

static void an_address_has_so_many_sessions(void **state) {
        struct hub_rig *rig = hub_rig_need(state);
        struct hub_session sessions[3] = {session_at("10.0.0.1"), session_at("10.0.0.1"),
                                          session_at("10.0.0.2")};

        rig->parts.address_sessions = 1;
        hub_rig_renew(rig);
        assert_true(hub_enter(rig->hub, &sessions[0]));
        assert_false(hub_enter(rig->hub, &sessions[1]));
        assert_true(hub_enter(rig->hub, &sessions[2]));
        hub_leave(rig->hub, &sessions[1]);
        hub_leave(rig->hub, &sessions[0]);
        assert_true(hub_enter(rig->hub, &sessions[1]));
        hub_leave(rig->hub, &sessions[1]);
        hub_leave(rig->hub, &sessions[2]);
}

static void count_stream(void *context, struct hub_stream *stream, bool is_open) {
        int *n = context;

        (void)stream;
        *n += is_open ? 1 : 100;
}

static void all_who_watch_are_told_of_streams(void **state) {
        struct hub_rig *rig = hub_rig_need(state);
        struct hub_session session = session_at("10.0.0.1");
        int n_one = 0, n_other = 0;
        struct hub_watcher one = {.on_stream = count_stream, .context = &n_one};
        struct hub_watcher other = {.on_stream = count_stream, .context = &n_other};
        struct hub_stream *stream;

        hub_enter(rig->hub, &session);
        hub_watch(rig->hub, &one);
        hub_watch(rig->hub, &other);
        stream = open_pushed(rig, "a", &session);
        hub_unwatch(&other);
        hub_close(rig->hub, stream);
        hub_unwatch(&one);
        assert_int_equal(n_one, 101);
        assert_int_equal(n_other, 1);
        hub_leave(rig->hub, &session);
}

static void a_parked_stream_waits_for_whoever_left_it(void **state) {
        static const struct principal somebody = {.name = "somebody", .scopes = SCOPE_LISTEN};
        const struct principal *anybody = principal_anonymous(true);
        struct hub_rig *rig = hub_rig_need(state);
        struct hub_session session = session_at("10.0.0.1"), other = session_at("10.0.0.2");
        struct stream_listener listener = {0};
        struct request request = {.name = "walkie"},
                       kept = {.name = "walkie", .is_journaled = true};
        struct hub_stream *stream;
        float sound[AUDIO_RATE / 10] = {0};

        other.principal = &somebody;
        hub_enter(rig->hub, &session);
        hub_enter(rig->hub, &other);
        assert_true(hub_is_free(rig->hub, "walkie", anybody, "10.0.0.1"));
        stream = open_pushed(rig, "walkie", &session);
        assert_false(hub_is_free(rig->hub, "walkie", anybody, "10.0.0.1"));
        stream_on_audio(stream->stream, sound, AUDIO_RATE / 10);
        hub_park(&session, 60 * NSEC_PER_SEC);
        assert_null(session.stream);
        assert_false(hub_is_free(rig->hub, "walkie", anybody, "10.0.0.3"));
        assert_true(hub_is_free(rig->hub, "walkie", anybody, "10.0.0.1"));
        assert_false(hub_is_free(rig->hub, "walkie", &somebody, "10.0.0.1"));
        assert_null(hub_claim(rig->hub, &request, &other, &listener));
        loop_advance(rig->loop, 59 * NSEC_PER_SEC);
        assert_ptr_equal(hub_claim(rig->hub, &request, &session, &listener), stream);
        assert_ptr_equal(session.stream, stream);
        // It is nobody else's, and does not go while it is somebody's.
        loop_advance(rig->loop, 120 * NSEC_PER_SEC);
        assert_null(hub_claim(rig->hub, &request, &session, &listener));
        hub_park(&session, 60 * NSEC_PER_SEC);
        loop_advance(rig->loop, 61 * NSEC_PER_SEC);
        assert_null(hub_find(rig->hub, "walkie"));
        // What nobody ever spoke into is not kept, nor what was asked for otherwise.
        open_pushed(rig, "walkie", &session);
        hub_park(&session, 60 * NSEC_PER_SEC);
        assert_null(hub_find(rig->hub, "walkie"));
        stream_on_audio(open_pushed(rig, "walkie", &session)->stream, sound, AUDIO_RATE / 10);
        hub_park(&session, 60 * NSEC_PER_SEC);
        assert_null(hub_claim(rig->hub, &kept, &session, &listener));
        assert_null(hub_find(rig->hub, "walkie"));
        hub_leave(rig->hub, &other);
        hub_leave(rig->hub, &session);
}

static bool is_porch(const void *context, const char *name) {
        (void)context;
        return strcmp(name, "porch") == 0;
}

static void noting_dismiss(struct hub_session *session, const char *words) {
        snprintf(session->about, sizeof(session->about), "%s", words);
}

static void nobody_has_a_stream_of_a_reserved_name(void **state) {
        const struct principal *anybody = principal_anonymous(true);
        struct hub_rig *rig = hub_rig_need(state);
        static const struct hub_session_ops ops = {.dismiss = noting_dismiss};
        struct hub_session session = session_at("10.0.0.1");
        struct stream_listener listener = {0};
        struct request request = {.name = "porch", .is_listed = true};
        float sound[AUDIO_RATE / 10] = {0};
        struct hub_stream *stream;

        hub_enter(rig->hub, &session);
        assert_int_equal(hub_open(&stream, rig->hub, &request, &session, &listener, NULL), 0);
        stream_on_audio(stream->stream, sound, AUDIO_RATE / 10);
        hub_park(&session, 60 * NSEC_PER_SEC);
        assert_true(hub_is_free(rig->hub, "porch", anybody, "10.0.0.1"));
        hub_reserve(rig->hub, is_porch, NULL);
        assert_false(hub_is_free(rig->hub, "porch", anybody, "10.0.0.1"));
        assert_true(hub_is_free(rig->hub, "hall", anybody, "10.0.0.1"));
        assert_null(hub_claim(rig->hub, &request, &session, &listener));
        assert_non_null(hub_find(rig->hub, "porch"));
        hub_evict(rig->hub, "hall", "it is a camera's");
        loop_advance(rig->loop, NSEC_PER_SEC);
        assert_non_null(hub_find(rig->hub, "porch"));
        hub_evict(rig->hub, "porch", "it is a camera's");
        loop_advance(rig->loop, NSEC_PER_SEC);
        assert_null(hub_find(rig->hub, "porch"));
        hub_reserve(rig->hub, NULL, NULL);
        assert_true(hub_is_free(rig->hub, "porch", anybody, "10.0.0.1"));
        // Who is there is told why he may not stay.
        session.ops = &ops;
        assert_int_equal(hub_open(&stream, rig->hub, &request, &session, &listener, NULL), 0);
        hub_evict(rig->hub, "porch", "it is a camera's");
        assert_string_equal(session.about, "it is a camera's");
        hub_close(rig->hub, stream);
        hub_leave(rig->hub, &session);
}

static void an_owner_has_so_many_parked_streams(void **state) {
        struct hub_rig *rig = hub_rig_need(state);
        struct hub_session session = session_at("10.0.0.1");
        float sound[AUDIO_RATE / 10] = {0};
        size_t n = 0;

        hub_enter(rig->hub, &session);
        for (size_t i = 0; i < HUB_PARKED_MAX + 3; i++) {
                CLEANUP(mem_freep) char *name = xasprintf("walkie %zu", i);

                stream_on_audio(open_pushed(rig, name, &session)->stream, sound,
                                AUDIO_RATE / 10);
                hub_park(&session, 60 * NSEC_PER_SEC);
        }
        for (const struct hub_stream *stream = hub_first(rig->hub); stream;
             stream = hub_next(rig->hub, stream))
                n++;
        assert_int_equal(n, HUB_PARKED_MAX);
        hub_leave(rig->hub, &session);
}

static void nobody_is_let_in_without_memory(void **state) {
        struct hub_rig *rig = hub_rig_need(state);
        struct hub_session session = session_at("10.0.0.1");
        struct hub_refusal refusal;

        assert_true(hub_admits(rig->hub, &session, &refusal));
        budget_charge_always(rig->budget, BUDGET_MESSAGES, HUB_RIG_BUDGET);
        assert_false(hub_admits(rig->hub, &session, &refusal));
        assert_string_equal(refusal.reason, "the memory for clients is used up");
        assert_string_equal(refusal.remedy, "try again in 30 s");
        assert_false(refusal.is_own);
        assert_int_equal(refusal.retry, 30 * NSEC_PER_SEC);
        budget_refund(rig->budget, BUDGET_MESSAGES, HUB_RIG_BUDGET);
        assert_true(hub_has_room(rig->hub, &refusal));
}

// Secrets that a token has lent are no way around its limit.
static void sessions_of_lent_secrets_are_the_lenders(void **state) {
        struct hub_rig *rig = hub_rig_need(state);
        struct principal_life life = {.n_holders = 1};
        struct principal_life lent[2] = {{.n_holders = 1, .lender = &life},
                                         {.n_holders = 1, .lender = &life}};
        const struct principal pages[2] = {{.name = "alice", .life = &lent[0]},
                                           {.name = "alice", .life = &lent[1]}};
        struct hub_session sessions[] = {session_at("10.0.0.1"), session_at("10.0.0.2"),
                                         session_at("10.0.0.3")};

        rig->parts.token_sessions = 1;
        hub_rig_renew(rig);
        sessions[0].principal = &pages[0];
        sessions[1].principal = sessions[2].principal = &pages[1];
        assert_true(hub_enter(rig->hub, &sessions[0]));
        assert_false(hub_fits(rig->hub, &sessions[1]));
        assert_false(hub_enter(rig->hub, &sessions[1]));
        hub_leave(rig->hub, &sessions[0]);
        hub_leave(rig->hub, &sessions[1]);
        assert_int_equal(life.n_sessions, 0);
        assert_true(hub_enter(rig->hub, &sessions[2]));
        hub_leave(rig->hub, &sessions[2]);
}

static double six_seconds(const void *context, const char *principal) {
        (void)context;
        return strcmp(principal, "alice") == 0 ? 6 : 0;
}

static void a_token_has_so_much_that_is_not_text(void **state) {
        struct hub_rig *rig = hub_rig_need(state);
        struct principal_life life = {0};
        const struct principal alice = {.name = "alice", .life = &life};
        const struct principal bob = {.name = "bob", .life = &life};
        const struct principal stranger = {.name = "alice"};
        struct hub_session session = session_at("10.0.0.1");
        struct hub_refusal refusal;

        rig->parts.token_backlog = 5;
        rig->parts.waiting = six_seconds;
        hub_rig_renew(rig);
        session.principal = &alice;
        assert_false(hub_admits(rig->hub, &session, &refusal));
        assert_string_equal(refusal.reason,
                            "more than 5 s of sound from your token are not text yet");
        assert_string_equal(refusal.remedy,
                            "try again in a minute, or have per_token.backlog raised");
        assert_true(refusal.is_own && hub_is_full_for(rig->hub, &session));
        session.principal = &bob;
        assert_true(hub_admits(rig->hub, &session, &refusal));
        // Who has no token is limited by its address.
        session.principal = &stranger;
        assert_true(hub_admits(rig->hub, &session, &refusal));
        assert_false(hub_is_full_for(rig->hub, &session));
}

static void on_idle_count(void *context) {
        ++*(int *)context;
}

// Its last sentence is not over when it has to go.
static void what_a_retired_stream_heard_becomes_text(void **state) {
        struct hub_rig *rig = hub_rig_need(state);
        struct sound speech = rig_need_sound("misc/jfk.flac");
        struct observer_capture capture = {0};
        int n_idle = 0;
        struct source_config source = {
                .name = "hall", .url = "rtsp://127.0.0.1:1/none", .media = rig->media};
        struct request request = {.name = "hall", .source = &source};
        struct stream_listener listener = {.on_idle = on_idle_count, .context = &n_idle};
        struct hub_stream *old, *young;

        assert_int_equal(hub_open(&old, rig->hub, &request, NULL, &listener, NULL), 0);
        old->owner = (struct observer){.ops = &observer_capture, .state = &capture};
        stream_add_observer(old->stream, &old->owner);
        stream_on_audio(old->stream, speech.samples, 3 * AUDIO_RATE);
        free(speech.samples);
        hub_retire(rig->hub, old, "removed");
        assert_null(hub_find(rig->hub, "hall"));
        assert_null(hub_first(rig->hub));
        assert_int_equal(hub_backlog(rig->hub), 1);
        young = hub_rig_open_pulled(rig, "hall");
        assert_ptr_equal(hub_find(rig->hub, "hall"), young);

        hub_rig_wait(rig);
        assert_int_equal(capture.n_finals, 1);
        assert_true(n_idle > 0);
        // It is closed behind the call that told it: its words are no longer there to be freed.
        loop_advance(rig->loop, 1);
        assert_int_equal(hub_backlog(rig->hub), 0);
        assert_ptr_equal(hub_find(rig->hub, "hall"), young);
        observer_capture_deinit(&capture);
}

struct watched {
        struct hub_session session;
        char told[64];  // "+hall -hall "
};

static void watched_on_stream(struct hub_session *session, struct hub_stream *stream,
                              bool is_open) {
        struct watched *watched = (struct watched *)session;
        size_t n = strlen(watched->told);

        snprintf(watched->told + n, sizeof(watched->told) - n, "%c%s ", is_open ? '+' : '-',
                 stream_name(stream->stream));
}

// A retired one is there until its words were told.
static void sessions_are_told_of_pulled_streams(void **state) {
        static const struct hub_session_ops ops = {.on_stream = watched_on_stream};
        struct hub_rig *rig = hub_rig_need(state);
        struct watched watched = {.session = session_at("10.0.0.1")};
        struct hub_stream *camera;

        watched.session.ops = &ops;
        assert_true(hub_enter(rig->hub, &watched.session));
        (void)open_pushed(rig, "mine", &watched.session);
        camera = hub_rig_open_pulled(rig, "hall");
        assert_string_equal(watched.told, "+hall ");
        hub_retire(rig->hub, camera, "removed");
        assert_string_equal(watched.told, "+hall ");
        loop_advance(rig->loop, 1);
        assert_string_equal(watched.told, "+hall -hall ");
        hub_leave(rig->hub, &watched.session);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                HUB_TEST(what_is_absent_is_the_servers),
                HUB_TEST(what_the_model_cannot_do_is_refused),
                HUB_TEST(pulled_and_pushed_streams_are_listed_alike),
                HUB_TEST(sessions_are_counted_by_kind),
                HUB_TEST(sessions_have_an_id_and_a_beginning),
                HUB_TEST(an_address_has_so_many_sessions),
                HUB_TEST(all_who_watch_are_told_of_streams),
                HUB_TEST(a_parked_stream_waits_for_whoever_left_it),
                HUB_TEST(nobody_has_a_stream_of_a_reserved_name),
                HUB_TEST(an_owner_has_so_many_parked_streams),
                HUB_TEST(nobody_is_let_in_without_memory),
                HUB_TEST(sessions_of_lent_secrets_are_the_lenders),
                HUB_TEST(a_token_has_so_much_that_is_not_text),
                HUB_TEST(what_a_retired_stream_heard_becomes_text),
                HUB_TEST(sessions_are_told_of_pulled_streams),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
