// What is refused before there is a WebSocket, in the dialect's words; and keys that come
// later.
#include "dialect/session_rig.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/mem.h"

#define UPGRADE_TEST(function) \
        cmocka_unit_test_setup_teardown(function, setup, session_rig_teardown)

// --- a dialect that says no by HTTP ----------------------------------------------------------

static bool polite_matches(const struct http_request *request) {
        return strncmp(request->path, "/polite", 7) == 0;
}

static char *polite_judge(const struct http_request *request, int *ret_status) {
        if (strcmp(request->query, "rate=0") != 0)
                return NULL;
        *ret_status = 422;
        return xstrdup("no rate is 0");
}

static char *polite_headers(const struct http_request *request) {
        (void)request;
        return xstrdup("X-Request-Id: 7\r\n");
}

static bool polite_phrase(const struct http_request *request, int status, const char *words,
                          struct http_phrase *phrase) {
        (void)request;
        phrase->status = status;
        phrase->content_type = "application/json";
        phrase->headers = xstrdup("X-Polite: yes\r\n");
        phrase->body = xasprintf("{\"sorry\":\"%s\"}", words);
        return true;
}

static void polite_begin(struct session *session, const struct http_request *request) {
        (void)request;
        session_send(session, xstrdup("hello?"), 6);
}

// The text is the key.
static void polite_on_text(struct session *session, const char *text, size_t n) {
        if (!session_identify(session, text))
                return;
        session_send(session, xstrdup(session->base.principal->name),
                     strlen(session->base.principal->name));
        (void)n;
}

static void polite_on_binary(struct session *session, const struct websocket_piece *piece) {
        struct request request = {.name = "mine"};
        struct error error;

        (void)piece;
        assert_true(session_stream_open(session, &request, NULL, &error) < 0);
        session_send(session, xstrdup(error.text), strlen(error.text));
}

static void polite_refuse(struct session *session, const char *words, nsec_t retry) {
        (void)retry;
        session_send(session, xstrdup(words), strlen(words));
}

static void polite_goodbye(struct session *session, uint16_t code) {
        session_close(session, code, "bye");
}

static void polite_close(struct session *session) {
        (void)session;
}

static struct dialect polite;

static const struct dialect *table[] = {NULL, &polite, NULL};

static int setup(void **state) {
        polite = (struct dialect){
                .name = "polite",
                .scope = SCOPE_LISTEN,
                .matches_request = polite_matches,
                .judge = polite_judge,
                .headers = polite_headers,
                .phrase = polite_phrase,
                .begin = polite_begin,
                .on_text = polite_on_text,
                .on_binary = polite_on_binary,
                .refuse = polite_refuse,
                .goodbye = polite_goodbye,
                .close = polite_close,
        };
        table[0] = dialects[0];
        return session_rig_setup(state);
}

static struct session_rig *rig_need(void **state) {
        struct session_rig *rig = session_rig_need(state);

        rig->dialects = table;
        return rig;
}

// --- tests -----------------------------------------------------------------------------------

static void whoever_may_is_let_in(void **state) {
        struct session_rig *rig = rig_need(state);

        session_rig_connect(rig, "/polite?rate=1", 0);
        session_rig_expect(rig, "HTTP/1.1 101 ");
        session_rig_expect(rig, "\r\nX-Request-Id: 7\r\n");
        session_rig_expect(rig, "hello?");
}

static void a_bad_request_is_refused_by_http(void **state) {
        struct session_rig *rig = rig_need(state);

        session_rig_connect(rig, "/polite?rate=0", 0);
        session_rig_expect(rig, "HTTP/1.1 422 ");
        session_rig_expect(rig, "Content-Type: application/json\r\n");
        session_rig_expect(rig, "X-Polite: yes\r\n");
        session_rig_expect(rig, "{\"sorry\":\"no rate is 0\"}");
        assert_int_equal(hub_counts(rig->hub->hub)->n_refused_invalid, 1);
        assert_null(hub_first_session(rig->hub->hub));
}

static void a_wrong_key_is_refused_by_http(void **state) {
        static const struct principal stranger = {.name = "unknown token",
                                                  .stranger = "who are you"};
        static const struct principal reader = {.name = "phone", .scopes = SCOPE_READ};
        struct session_rig *rig = rig_need(state);

        rig->principal = &stranger;
        session_rig_connect(rig, "/polite?rate=0", 0);
        session_rig_expect(rig, "HTTP/1.1 401 ");
        session_rig_expect(rig, "{\"sorry\":\"who are you (dialect polite)\"}");
        rig->principal = &reader;
        session_rig_connect(rig, "/polite", 0);
        session_rig_expect(rig, "HTTP/1.1 403 ");
        session_rig_expect(rig, "the token 'phone' has not the scope listen");
}

static void too_many_are_told_to_come_back(void **state) {
        static struct hub_session other = {.address = "127.0.0.1"};
        struct session_rig *rig = session_rig_need(state);

        other.principal = principal_anonymous(true);
        rig->hub->parts.address_sessions = 1;
        hub_rig_renew(rig->hub);
        rig->dialects = table;
        hub_enter(rig->hub->hub, &other);
        session_rig_connect(rig, "/polite", 0);
        session_rig_expect(rig, "HTTP/1.1 429 ");
        session_rig_expect(rig, "Retry-After: 60\r\n");
        session_rig_expect(rig, "{\"sorry\":\"Server busy: your address has too many sessions");
        assert_int_equal(hub_counts(rig->hub->hub)->n_refused_busy, 1);
        hub_leave(rig->hub->hub, &other);
        session_rig_connect(rig, "/polite", 0);
        session_rig_expect(rig, "hello?");
}

// --- keys that come later --------------------------------------------------------------------

static const struct principal nobody = {.name = "anonymous", .stranger = "who are you"};
static struct principal_life life;
static const struct principal phone = {.name = "phone", .scopes = SCOPE_LISTEN, .life = &life};

static const struct principal *identify(const void *context, const char *secret) {
        (void)context;
        return strcmp(secret, "s3cret") == 0 ? &phone : NULL;
}

static struct session_rig *rig_with_keys(void **state) {
        struct session_rig *rig = session_rig_need(state);

        rig->hub->parts.identify = identify;
        hub_rig_renew(rig->hub);
        polite.key = KEY_COMES_LATER;
        rig->dialects = table;
        rig->principal = &nobody;
        life = (struct principal_life){.n_holders = 1};
        return rig;
}

static void a_key_that_comes_later_says_who_it_is(void **state) {
        static const char sound[] = {(char)0x82, (char)0x81, 0, 0, 0, 0, 1};
        struct session_rig *rig = rig_with_keys(state);

        session_rig_connect(rig, "/polite", 0);
        session_rig_expect(rig, "hello?");
        assert_int_equal(write(rig->fd, sound, sizeof(sound)), sizeof(sound));
        session_rig_expect(rig, "who are you");  // no stream for nobody
        session_rig_send(rig, "s3cret");
        session_rig_expect(rig, "phone");
        assert_int_equal(life.n_sessions, 1);
        rig->listener = listener_close(rig->listener);
        assert_int_equal(life.n_sessions, 0);
}

static void a_wrong_key_that_comes_later_is_refused(void **state) {
        struct session_rig *rig = rig_with_keys(state);

        session_rig_connect(rig, "/polite", 0);
        session_rig_expect(rig, "hello?");
        session_rig_send(rig, "wrong");
        session_rig_expect(rig, "the token is not known here");
        session_rig_expect(rig, "\x03\xf0");  // 1008
}

int main(void) {
        const struct CMUnitTest tests[] = {
                UPGRADE_TEST(whoever_may_is_let_in),
                UPGRADE_TEST(a_bad_request_is_refused_by_http),
                UPGRADE_TEST(a_wrong_key_is_refused_by_http),
                UPGRADE_TEST(too_many_are_told_to_come_back),
                UPGRADE_TEST(a_key_that_comes_later_says_who_it_is),
                UPGRADE_TEST(a_wrong_key_that_comes_later_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
