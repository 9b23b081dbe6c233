// What all sessions have in common: whose they are, who is sent away, and in whose words.
#include "dialect/session_rig.h"

#include <string.h>

#include "util/mem.h"

#define SESSION_TEST(function) \
        cmocka_unit_test_setup_teardown(function, setup, session_rig_teardown)

// --- a dialect that says everything again ----------------------------------------------------

static bool echo_matches(const struct http_request *request) {
        return strcmp(request->path, "/echo") == 0;
}

static void echo_begin(struct session *session, const struct http_request *request) {
        (void)request;
        session_started(session, "an echo");
        session_send(session, xstrdup("hello?"), 6);
}

static void echo_on_text(struct session *session, const char *text, size_t n) {
        session_send(session, xstrdup(text), n);
}

static void echo_on_binary(struct session *session, const struct websocket_piece *piece) {
        (void)piece;
        session_leave(session, 1000);
}

static void echo_refuse(struct session *session, const char *words, nsec_t retry) {
        char *text = xasprintf("echo no: %s", words);

        (void)retry;
        session_send(session, text, strlen(text));
}

static void echo_goodbye(struct session *session, uint16_t code) {
        session_close(session, code, "echo dies away");
}

static void echo_close(struct session *session) {
        (void)session;
}

static const struct dialect dialect_echo = {
        .name = "echo",
        .matches_request = echo_matches,
        .begin = echo_begin,
        .on_text = echo_on_text,
        .on_binary = echo_on_binary,
        .refuse = echo_refuse,
        .goodbye = echo_goodbye,
        .close = echo_close,
};

// The first row speaks to those who have not shown what they are.
static const struct dialect *with_echo[] = {NULL, &dialect_echo, NULL};

static int setup(void **state) {
        with_echo[0] = dialects[0];
        return session_rig_setup(state);
}

// --- and one that does without WebSocket
// ------------------------------------------------------

// A letter is answered by it, a dot is the end.
static size_t letters_on_bytes(struct session *session, const uint8_t *bytes, size_t n) {
        (void)n;
        if (*bytes == '.')
                session_leave(session, 1000);
        else
                session_send(session, xasprintf("<%c>", *bytes), 3);
        return 1;
}

static void letters_on_end(struct session *session) {
        session_leave(session, 1000);
}

static void letters_goodbye(struct session *session, uint16_t code) {
        session_send(session, xasprintf("bye %u", code), 8);
        session_close(session, code, "");
}

static const struct dialect dialect_letters = {
        .name = "letters",
        .begin = echo_begin,
        .on_bytes = letters_on_bytes,
        .on_end = letters_on_end,
        .refuse = echo_refuse,
        .goodbye = letters_goodbye,
        .close = echo_close,
};

static const struct dialect *const only_letters[] = {&dialect_letters, NULL};

// --- tests -----------------------------------------------------------------------------------

static void a_dialect_known_by_its_path_may_speak_first(void **state) {
        struct session_rig *rig = session_rig_need(state);
        const struct hub_reader *reader = hub_reader(rig->hub->hub, "echo");

        rig->dialects = with_echo;
        session_rig_connect(rig, "/echo", 0);
        session_rig_expect(rig, "hello?");
        assert_int_equal(reader->n_present, 1);
        assert_int_equal(reader->n_sessions, 1);
        session_rig_send(rig, "anybody");
        session_rig_expect(rig, "anybody");
        assert_int_equal(reader->observers.n_bytes, strlen("hello?anybody"));
        loop_advance(rig->hub->loop, SESSION_SETUP_TIMEOUT);  // it is set up
        hub_first_session(rig->hub->hub)->ops->leave(hub_first_session(rig->hub->hub), 1001);
        session_rig_expect(rig, "echo dies away");
}

static void bytes_alone_make_a_session_too(void **state) {
        struct session_rig *rig = session_rig_need(state);

        rig->dialects = only_letters;
        session_rig_connect_raw(rig);
        session_rig_expect(rig, "hello?");
        assert_int_equal(hub_reader(rig->hub->hub, "letters")->n_present, 1);
        session_rig_send_bytes(rig, "ab.c", 4, false);
        session_rig_expect(rig, "<a><b>bye 1000");
        session_rig_expect_end(rig);
}

static void who_has_said_all_is_told_the_rest(void **state) {
        struct session_rig *rig = session_rig_need(state);

        rig->dialects = only_letters;
        session_rig_connect_raw(rig);
        session_rig_send_bytes(rig, "ab", 2, true);
        session_rig_expect(rig, "<a><b>bye 1000");
        session_rig_expect_end(rig);
        assert_null(hub_first_session(rig->hub->hub));
}

static void whoever_says_nothing_is_sent_away(void **state) {
        struct session_rig *rig = session_rig_need(state);

        session_rig_connect(rig, "/", 0);
        session_rig_expect(rig, "\r\n\r\n");
        assert_int_equal(hub_reader(rig->hub->hub, HUB_READER_UNKNOWN)->n_present, 1);
        loop_advance(rig->hub->loop, SESSION_SETUP_TIMEOUT);
        session_rig_expect(rig, "\"message\":\"no setup message within 30 s\"");
        assert_int_equal(hub_counts(rig->hub->hub)->n_refused_invalid, 1);
}

static void a_first_text_of_nobody_is_told_what_it_could_be(void **state) {
        struct session_rig *rig = session_rig_need(state);

        session_rig_connect(rig, "/", 0);
        session_rig_expect(rig, "\r\n\r\n");
        session_rig_send(rig, "{\"me\":1}");
        session_rig_expect(rig, "the first text frame must be a JSON object with \\\"type\\\" "
                                "(eavesdrop) or \\\"uid\\\" (WhisperLive)");
}

static void unknown_roles_are_refused(void **state) {
        struct session_rig *rig = session_rig_need(state);

        session_rig_connect(rig, "/?type=singer", 0);
        session_rig_expect(rig, "unknown client type: use transcriber, rtsp_subscriber or "
                                "health_check");
}

static void health_checks_are_answered(void **state) {
        struct session_rig *rig = session_rig_need(state);

        session_rig_connect(rig, "/?type=health_check", 0);
        session_rig_expect(rig, "\r\n\r\n");
        session_rig_send(rig, "{}");
        session_rig_expect(rig, "\x03\xe8healthy");  // 1000
}

static void too_many_of_an_address_are_refused_in_their_own_words(void **state) {
        struct session_rig *rig = session_rig_need(state);
        static struct hub_session other = {.address = "127.0.0.1"};

        other.principal = principal_anonymous(true);
        rig->hub->parts.address_sessions = 1;
        hub_rig_renew(rig->hub);
        rig->dialects = with_echo;
        hub_enter(rig->hub->hub, &other);
        session_rig_connect(rig, "/echo", 0);
        session_rig_expect(rig, "echo no: Server busy: your address has too many sessions");
        assert_int_equal(hub_counts(rig->hub->hub)->n_refused_busy, 1);
        hub_leave(rig->hub->hub, &other);
}

static void whoever_is_dismissed_is_told_why(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct hub_session *session;

        rig->dialects = with_echo;
        session_rig_connect(rig, "/echo", 0);
        session_rig_expect(rig, "hello?");
        session = hub_first_session(rig->hub->hub);
        session->ops->dismiss(session, "enough");
        session->ops->dismiss(session, "more than enough");  // it is on its way already
        session_rig_expect(rig, "echo no: enough");
        session_rig_expect(rig, "\x03\xf0"
                                "enough");  // 1008
        assert_int_equal(hub_counts(rig->hub->hub)->n_refused_invalid, 0);
}

static void whoever_has_said_nothing_can_be_dismissed(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct hub_session *session;

        session_rig_connect(rig, "/", 0);
        session_rig_expect(rig, "\r\n\r\n");
        session = hub_first_session(rig->hub->hub);
        session->ops->dismiss(session, "enough");
        session_rig_expect(rig, "\"message\":\"enough\"");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                SESSION_TEST(a_dialect_known_by_its_path_may_speak_first),
                SESSION_TEST(bytes_alone_make_a_session_too),
                SESSION_TEST(who_has_said_all_is_told_the_rest),
                SESSION_TEST(whoever_says_nothing_is_sent_away),
                SESSION_TEST(a_first_text_of_nobody_is_told_what_it_could_be),
                SESSION_TEST(unknown_roles_are_refused),
                SESSION_TEST(health_checks_are_answered),
                SESSION_TEST(whoever_is_dismissed_is_told_why),
                SESSION_TEST(whoever_has_said_nothing_can_be_dismissed),
                SESSION_TEST(too_many_of_an_address_are_refused_in_their_own_words),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
