// Renewal: what a client of the services with turns asks for meanwhile costs it neither sound
// nor its session.
#include "dialect/renewal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dialect/session_rig.h"
#include "util/budget.h"
#include "util/mem.h"

static struct session *the_session(const struct session_rig *rig) {
        return (struct session *)hub_first_session(rig->hub->hub);
}

// --- of the realtime API ---------------------------------------------------------------------

static void realtime_begin(struct session_rig *rig) {
        session_rig_connect(rig, "/v1/realtime", 0);
        session_rig_expect(rig, "session.created");
        session_rig_expect(rig, "\"expires_at\":");
}

// "AA==" is one byte: half a sample.
static void half_a_sample_append(struct session_rig *rig) {
        session_rig_send(rig, "{\"type\":\"input_audio_buffer.append\",\"audio\":\"AA==\"}");
}

static void realtime_update(struct session_rig *rig, const char *language) {
        CLEANUP(mem_freep)
        char *text = xasprintf("{\"type\":\"session.update\",\"session\":{\"audio\":{\"input\":"
                               "{\"transcription\":{\"language\":\"%s\"}}}}}",
                               language);

        session_rig_send(rig, text);
}

static void a_sample_that_is_cut_is_whole_in_the_next_stream(void **state) {
        struct session_rig *rig = session_rig_need(state);
        const struct stream *before;

        realtime_begin(rig);
        half_a_sample_append(rig);
        realtime_update(rig, "de");
        session_rig_expect(rig, "session.updated");
        before = the_session(rig)->stream;
        assert_int_equal(the_session(rig)->channels[0].feed.n_cut, 1);
        half_a_sample_append(rig);
        session_rig_send(rig, "?");
        session_rig_expect(rig, "invalid_json");
        assert_non_null(before);
        assert_int_equal(hub_first(rig->hub->hub)->id, 2);
        assert_int_equal(the_session(rig)->channels[0].feed.n_cut, 0);
}

static void who_is_in_is_not_asked_to_come_back(void **state) {
        struct session_rig *rig = session_rig_need(state);

        realtime_begin(rig);
        half_a_sample_append(rig);
        realtime_update(rig, "de");
        session_rig_expect(rig, "session.updated");
        budget_charge_always(rig->hub->budget, BUDGET_MESSAGES, HUB_RIG_BUDGET);
        half_a_sample_append(rig);
        session_rig_send(rig, "?");
        session_rig_expect(rig, "invalid_json");
        budget_refund(rig->hub->budget, BUDGET_MESSAGES, HUB_RIG_BUDGET);
        assert_int_equal(hub_first(rig->hub->hub)->id, 2);
}

static void what_the_model_cannot_do_is_refused_at_once(void **state) {
        struct session_rig *rig = session_rig_need(state);

        realtime_begin(rig);
        realtime_update(rig, "yi");
        session_rig_expect(rig, "\"param\":\"session\"");
        half_a_sample_append(rig);
        realtime_update(rig, "en");
        session_rig_expect(rig, "session.updated");
}

// --- of AssemblyAI's -------------------------------------------------------------------------

static void so_is_it_of_assemblyai(void **state) {
        struct session_rig *rig = session_rig_need(state);

        session_rig_connect(rig, "/v3/ws?sample_rate=16000", 0);
        session_rig_expect(rig, "Begin");
        session_rig_send(rig, "{\"type\":\"UpdateConfiguration\",\"language_code\":\"yi\"}");
        session_rig_expect(rig, "\"error_code\":3006");
        session_rig_expect(rig, "\x0b\xbe");  // which is the close code, too
}

static void assemblyais_errors_close_with_their_code(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct session *session;

        session_rig_connect(rig, "/v3/ws", 0);
        session_rig_expect(rig, "Begin");
        session = the_session(rig);
        session->base.ops->dismiss(&session->base, "the token was revoked");
        session_rig_expect(rig, "\"error_code\":4001");
        session_rig_expect(rig, "\x0f\xa1");
}

#define RENEWAL_TEST(function) \
        cmocka_unit_test_setup_teardown(function, session_rig_setup, session_rig_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                RENEWAL_TEST(a_sample_that_is_cut_is_whole_in_the_next_stream),
                RENEWAL_TEST(who_is_in_is_not_asked_to_come_back),
                RENEWAL_TEST(what_the_model_cannot_do_is_refused_at_once),
                RENEWAL_TEST(so_is_it_of_assemblyai),
                RENEWAL_TEST(assemblyais_errors_close_with_their_code),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
