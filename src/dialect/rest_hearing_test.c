// Requests that bring a file and wait for its text: real connections and media, a scripted
// engine, and a dialect of the test's own.
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "dialect/rest_hearing.h"
#include "net/exchange.h"
#include "net/listener.h"
#include "transcription/transcriptions_rig.h"
#include "util/mem.h"

#define FORM_TYPE "multipart/form-data; boundary=XX"
#define FORM_HEAD "--XX\r\nContent-Disposition: form-data; name=file; filename=a.flac\r\n\r\n"
#define FORM_TAIL "\r\n--XX--\r\n"

struct rest_rig {
        struct desk *desk;
        struct scratches *scratches;
        struct listener *listener;
        struct rest_place place;
        const struct principal *principal;
        int fd;  // of the client; -1: none
        char bytes[8192];
        size_t n_bytes;
};

// --- the dialect -----------------------------------------------------------------------------

static void echo_refuse(struct exchange *exchange, const struct rest_refusal *refusal) {
        CLEANUP(mem_freep) char *headers = rest_retry_headers(refusal, "");
        CLEANUP(mem_freep)
        char *text = xasprintf("refused %s: %s;", refusal->field ? refusal->field : "-",
                               refusal->words);

        exchange_reply(exchange, &(struct http_response){.status = refusal->status,
                                                         .content_type = "text/plain",
                                                         .headers = headers,
                                                         .body = text,
                                                         .body_length = strlen(text)});
}

static struct {
        bool streams, is_closed;
        size_t n_flood;  // bytes of a long answer
        char fields[64];
} echo;

static bool echo_on_field(struct rest_hearing *hearing, const char *name, const char *value) {
        if (strcmp(name, "bad") == 0)
                return rest_hearing_mistake(hearing, name, value);
        snprintf(echo.fields, sizeof(echo.fields), "%s=%s", name, value);
        return true;
}

static bool echo_wish(struct rest_hearing *hearing, struct request *ret) {
        (void)hearing;
        ret->language = strstr(echo.fields, "yiddish") ? "yi" : NULL;
        return true;
}

static void echo_on_sound(struct rest_hearing *hearing) {
        static const struct http_response head = {.status = 200,
                                                  .body_length = EXCHANGE_LENGTH_UNKNOWN};

        if (!echo.streams)
                return;
        rest_hearing_answer_begin(hearing, &head);
        rest_hearing_write(hearing, "begun;", 6);
}

static void echo_on_whole(struct rest_hearing *hearing) {
        static const char flood[4096] = "flood";
        CLEANUP(mem_freep)
        char *text = xasprintf("heard %zu:%s;", hearing->n_segments,
                               hearing->n_segments ? hearing->segments[0].text : "");

        if (!echo.streams) {
                rest_hearing_reply(hearing,
                                   &(struct http_response){.status = 200,
                                                           .body = text,
                                                           .body_length = strlen(text)});
                return;
        }
        rest_hearing_write(hearing, text, strlen(text));
        for (size_t at = 0; at < echo.n_flood; at += sizeof(flood))
                rest_hearing_write(hearing, flood, sizeof(flood));
        rest_hearing_answer_end(hearing);
}

static void echo_on_broken(struct rest_hearing *hearing, const struct rest_refusal *refusal) {
        rest_hearing_write(hearing, "broken;", 7);
        (void)refusal;
}

static void echo_close(struct rest_hearing *hearing) {
        (void)hearing;
        echo.is_closed = true;
}

static const struct rest_dialect rest_echo;

static const struct rest_hearing_ops echo_ops = {
        .dialect = &rest_echo,
        .file_field = "file",
        .on_field = echo_on_field,
        .wish = echo_wish,
        .on_sound = echo_on_sound,
        .on_whole = echo_on_whole,
        .on_broken = echo_on_broken,
        .close = echo_close,
};

static void hear_post(const struct rest_place *place, struct exchange *exchange,
                      const char *part) {
        assert_null(part);
        rest_hearing_begin(place, exchange, &echo_ops, NULL);
}

static void name_get(const struct rest_place *place, struct exchange *exchange,
                     const char *part) {
        CLEANUP(mem_freep) char *text = xasprintf("name %s;", part);

        (void)place;
        exchange_reply(exchange, &(struct http_response){.status = 200,
                                                         .body = text,
                                                         .body_length = strlen(text)});
}

static const struct rest_route echo_routes[] = {
        {"POST", "/hear", SCOPE_LISTEN, hear_post},
        {"GET", "/names/{name}", 0, name_get},
        {0},
};

static const struct rest_dialect rest_echo = {"echo", echo_routes, echo_refuse, NULL};
static const struct rest_dialect *const echo_dialects[] = {&rest_echo, NULL};

// --- the rig ---------------------------------------------------------------------------------

static void rig_on_request(void *context, struct exchange *exchange) {
        struct rest_rig *rig = context;

        if (!rest_answer(echo_dialects, &rig->place, exchange))
                exchange_reply(exchange, &(struct http_response){.status = 404});
}

static char *rig_admit(void *context, struct http_request *request, int *ret_status) {
        const struct rest_rig *rig = context;

        (void)ret_status;
        request->principal = rig->principal;
        request->page = http_request_header(request, "Origin");
        return NULL;
}

static int setup(void **state) {
        struct rest_rig *rig = xnew(struct rest_rig);
        struct listener_handler handler = {
                .on_request = rig_on_request, .admit = rig_admit, .context = rig};
        void *desk;

        *state = rig;
        rig->fd = -1;
        memset(&echo, 0, sizeof(echo));
        if (desk_setup(&desk) < 0)
                return -1;
        rig->desk = desk;
        if (!rig->desk->all)
                return 0;
        rig->principal = principal_anonymous(true);
        rig->scratches = scratches_new(rig->desk->rig->hub, rig->desk->all, 4);
        rig->place = (struct rest_place){
                .hub = rig->desk->rig->hub, .scratches = rig->scratches, .model = "m"};
        return listener_open(&rig->listener, rig->desk->rig->loop, "127.0.0.1:0", &handler,
                             NULL);
}

static int teardown(void **state) {
        struct rest_rig *rig = *state;
        void *desk = rig->desk;

        if (rig->listener)
                listener_close(rig->listener);
        scratches_free(rig->scratches);
        desk_teardown(&desk);
        if (rig->fd >= 0)
                close(rig->fd);
        free(rig);
        return 0;
}

static struct rest_rig *rig_need(void **state) {
        struct rest_rig *rig = *state;
        void *desk = rig->desk;

        (void)desk_need(&desk);
        return rig;
}

static void rig_connect(struct rest_rig *rig) {
        struct sockaddr_in address = {
                .sin_family = AF_INET,
                .sin_port = htons((uint16_t)listener_port(rig->listener)),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        };

        if (rig->fd >= 0)
                close(rig->fd);
        rig->n_bytes = 0;
        rig->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(rig->fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

// Time passes: the upload's turn needs some.
static void rig_turn(struct rest_rig *rig) {
        loop_advance(rig->desk->rig->loop, NSEC_PER_MSEC);
        sched_yield();
}

static void rig_send(struct rest_rig *rig, const char *bytes, size_t n) {
        while (n > 0) {
                ssize_t sent = send(rig->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);

                assert_true(sent > 0 || errno == EAGAIN);
                if (sent > 0) {
                        bytes += sent;
                        n -= (size_t)sent;
                }
                rig_turn(rig);
        }
}

static void rig_say(struct rest_rig *rig, const char *text) {
        rig_send(rig, text, strlen(text));
}

// Until the client has been told this, and what came with it.
static void rig_expect(struct rest_rig *rig, const char *words) {
        while (!memmem(rig->bytes, rig->n_bytes, words, strlen(words))) {
                ssize_t n = recv(rig->fd, rig->bytes + rig->n_bytes,
                                 sizeof(rig->bytes) - 1 - rig->n_bytes, MSG_DONTWAIT);

                if (n == 0 || (n < 0 && errno != EAGAIN))
                        fail_msg("'%s' did not come, but: %s", words, rig->bytes);
                if (n > 0)
                        rig->n_bytes += (size_t)n;
                rig->bytes[rig->n_bytes] = '\0';
                rig_turn(rig);
        }
}

// A request with a body, announced to be so long.
static void rig_ask(struct rest_rig *rig, const char *type, size_t n_body) {
        CLEANUP(mem_freep)
        char *head = xasprintf("POST /hear HTTP/1.1\r\nHost: localhost\r\n"
                               "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                               type, n_body);

        rig_connect(rig);
        rig_say(rig, head);
}

static void rig_post(struct rest_rig *rig, const char *type, const char *body, size_t n) {
        rig_ask(rig, type, n);
        rig_send(rig, body, n);
}

static void rig_post_talk(struct rest_rig *rig) {
        rig_post(rig, "audio/flac", rig->desk->talk, rig->desk->n_talk);
}

// The recording as WAV, which is larger than what is held in memory, by silence before it.
static char *long_wav(size_t *ret_n) {
        const uint32_t rate = 48000, n_data = 2 * rate * 15, n_riff = 36 + n_data;
        char *wav = xcalloc(44 + n_data, 1);
        const uint32_t byte_rate = 2 * rate, n_format = 16;
        const uint16_t pcm = 1, channels = 1, align = 2, bits = 16;

        memcpy(wav, "RIFF....WAVEfmt ", 16);
        memcpy(wav + 4, &n_riff, 4);
        memcpy(wav + 16, &n_format, 4);
        memcpy(wav + 20, &pcm, 2);
        memcpy(wav + 22, &channels, 2);
        memcpy(wav + 24, &rate, 4);
        memcpy(wav + 28, &byte_rate, 4);
        memcpy(wav + 32, &align, 2);
        memcpy(wav + 34, &bits, 2);
        memcpy(wav + 36, "data", 4);
        memcpy(wav + 40, &n_data, 4);
        *ret_n = 44 + n_data;
        return wav;
}

static size_t sessions_count(const struct rest_rig *rig) {
        size_t n = 0;

        for (struct hub_session *session = hub_first_session(rig->desk->rig->hub); session;
             session = hub_next_session(session))
                n++;
        return n;
}

// Nothing is left of any request.
static void rig_expect_nothing_left(struct rest_rig *rig) {
        while (sessions_count(rig) > 0)
                rig_turn(rig);
        assert_int_equal(budget_used(rig->desk->rig->budget, BUDGET_UPLOADS), 0);
        assert_true(echo.is_closed);
}

// --- tests -----------------------------------------------------------------------------------

static void a_body_becomes_text(void **state) {
        struct rest_rig *rig = rig_need(state);

        rig->desk->rig->text = " Ask not.";
        rig_post_talk(rig);
        rig_expect(rig, ": Ask not.;");
        rig_expect_nothing_left(rig);
        assert_int_equal(hub_reader(rig->desk->rig->hub, "echo")->n_sessions, 1);
}

static void a_form_has_fields_behind_its_file(void **state) {
        struct rest_rig *rig = rig_need(state);
        static const char field[] =
                "\r\n--XX\r\nContent-Disposition: form-data; name=mood\r\n\r\ngood";
        const struct desk *desk = rig->desk;

        rig_ask(rig, FORM_TYPE,
                strlen(FORM_HEAD) + desk->n_talk + strlen(field) + strlen(FORM_TAIL));
        rig_say(rig, FORM_HEAD);
        rig_send(rig, desk->talk, desk->n_talk);
        rig_say(rig, field);
        rig_say(rig, FORM_TAIL);
        rig_expect(rig, "heard");
        assert_string_equal(echo.fields, "mood=good");
}

static void a_large_body_goes_to_the_disk_and_leaves_nothing_there(void **state) {
        struct rest_rig *rig = rig_need(state);
        struct transcription_refusal refusal;
        size_t n, half;
        CLEANUP(mem_freep) char *wav = long_wav(&n);

        assert_true(n > SCRATCH_MEMORY);
        half = n - 1000;
        rig_ask(rig, "audio/wav", n);
        rig_send(rig, wav, half);
        // What is on disk counts for all that may be there.
        while (transcriptions_disk_take(rig->desk->all, 10000000 - SCRATCH_MEMORY, &refusal)) {
                transcriptions_disk_give(rig->desk->all, 10000000 - SCRATCH_MEMORY);
                rig_turn(rig);
        }
        rig_send(rig, wav + half, n - half);
        rig_expect(rig, "heard 0");  // it is silence
        rig_expect_nothing_left(rig);
        assert_true(transcriptions_disk_take(rig->desk->all, 10000000, &refusal));
        transcriptions_disk_give(rig->desk->all, 10000000);
}

static void text_is_told_while_it_is_heard(void **state) {
        struct rest_rig *rig = rig_need(state);

        echo.streams = true;
        rig_post_talk(rig);
        rig_expect(rig, "begun;");
        rig_expect(rig, "heard ");
        rig_expect(rig, "\r\n0\r\n");
        rig_expect_nothing_left(rig);
}

static void a_long_answer_waits_for_its_reader(void **state) {
        struct rest_rig *rig = rig_need(state);

        echo.streams = true;
        echo.n_flood = REST_UNSENT_MAX / 2;
        rig_post_talk(rig);
        rig_expect(rig, "begun;");
        // Read all of it, and keep what may be the beginning of its end.
        while (!memmem(rig->bytes, rig->n_bytes, "\r\n0\r\n", 5)) {
                size_t kept = rig->n_bytes < 4 ? rig->n_bytes : 4;
                ssize_t n;

                memmove(rig->bytes, rig->bytes + rig->n_bytes - kept, kept);
                n = recv(rig->fd, rig->bytes + kept, sizeof(rig->bytes) - kept, MSG_DONTWAIT);
                assert_int_not_equal(n, 0);
                rig->n_bytes = kept + (n > 0 ? (size_t)n : 0);
                rig_turn(rig);
        }
        rig_expect_nothing_left(rig);
}

static void who_reads_nothing_of_it_is_cut_off(void **state) {
        struct rest_rig *rig = rig_need(state);

        echo.streams = true;
        echo.n_flood = 2 * REST_UNSENT_MAX;
        rig_post_talk(rig);
        rig_expect_nothing_left(rig);
}

static void what_is_no_sound_is_the_senders_mistake(void **state) {
        struct rest_rig *rig = rig_need(state);

        echo.streams = true;
        rig_post(rig, "audio/wav", "no sound at all", 15);
        rig_expect(rig, "HTTP/1.1 400");
        rig_expect(rig, "refused file: ");
        rig_expect_nothing_left(rig);
}

static void mistakes_are_told_as_soon_as_they_come(void **state) {
        static const char bad[] =
                "--XX\r\nContent-Disposition: form-data; name=bad\r\n\r\nnot so\r\n--XX";
        static const char yiddish[] =
                "--XX\r\nContent-Disposition: form-data; name=l\r\n\r\nyiddish\r\n"
                "--XX\r\nContent-Disposition: form-data; name=file\r\n\r\nabc\r\n--XX--";
        struct rest_rig *rig = rig_need(state);

        rig_ask(rig, FORM_TYPE, 1000000);
        rig_say(rig, bad);
        rig_expect(rig, "refused bad: not so;");
        rig_post(rig, "multipart/form-data", "x", 1);
        rig_expect(rig, "refused Content-Type");
        rig_post(rig, FORM_TYPE, yiddish, strlen(yiddish));
        rig_expect(rig, "refused language");
        rig_ask(rig, "audio/wav", 5000000);
        rig_expect(rig, "HTTP/1.1 413");
        rig_expect(rig, "uploads.size");
        rig_ask(rig, "audio/wav", 0);
        rig_expect(rig, "the file is empty");
        rig_expect_nothing_left(rig);
}

static void a_form_whose_end_never_comes_is_none(void **state) {
        struct rest_rig *rig = rig_need(state);

        rig_post(rig, FORM_TYPE, FORM_HEAD "abc", strlen(FORM_HEAD "abc"));
        rig_expect(rig, "refused -: the form ends before its last boundary");
}

static void who_goes_takes_everything_along(void **state) {
        struct rest_rig *rig = rig_need(state);

        rig_ask(rig, "audio/flac", rig->desk->n_talk);
        rig_send(rig, rig->desk->talk, 1000);
        assert_int_equal(sessions_count(rig), 1);
        rig_connect(rig);
        rig_expect_nothing_left(rig);
        echo.is_closed = false;
        rig_post_talk(rig);
        while (hub_first_session(rig->desk->rig->hub) &&
               !hub_first_session(rig->desk->rig->hub)->stream)
                rig_turn(rig);
        rig_connect(rig);
        rig_expect_nothing_left(rig);
}

static void one_address_does_not_have_all_places(void **state) {
        struct rest_rig *rig = rig_need(state);
        int held[2];

        for (int i = 0; i < 2; i++) {
                rig_ask(rig, "audio/flac", 1000);
                held[i] = rig->fd;
                rig->fd = -1;
        }
        rig_ask(rig, "audio/flac", 1000);
        rig_expect(rig, "HTTP/1.1 429");
        rig_expect(rig, "Retry-After: 10\r\nx-should-retry: true\r\n");
        close(held[0]);
        close(held[1]);
        rig_expect_nothing_left(rig);
}

static void the_server_sends_away_in_the_dialects_words(void **state) {
        struct rest_rig *rig = rig_need(state);
        struct hub_session *session;

        rig_ask(rig, "audio/flac", 1000);
        session = hub_first_session(rig->desk->rig->hub);
        session->ops->leave(session, 1001);
        rig_expect(rig, "refused -: the server is stopping;");
        rig_ask(rig, "audio/flac", 1000);
        session = hub_first_session(rig->desk->rig->hub);
        session->ops->dismiss(session, "enough");
        rig_expect(rig, "HTTP/1.1 403");
        rig_expect(rig, "refused -: enough;");
        rig->place.is_stopping = true;
        rig_ask(rig, "audio/flac", 1000);
        rig_expect(rig, "HTTP/1.1 503");
        rig_expect_nothing_left(rig);
}

static void what_was_begun_is_broken_off_in_its_own_way(void **state) {
        struct rest_rig *rig = rig_need(state);
        struct hub_session *session;

        echo.streams = true;
        rig_post_talk(rig);
        rig_expect(rig, "begun;");
        session = hub_first_session(rig->desk->rig->hub);
        assert_non_null(session);
        session->ops->leave(session, 1001);  // it may end
        session->ops->goodbye(session, 1001);
        rig_expect(rig, "broken;");
        rig_expect(rig, "\r\n0\r\n");
        rig_expect_nothing_left(rig);
}

static void paths_are_the_dialects(void **state) {
        static const struct {
                const char *request, *answer;
        } asked[] = {
                {"GET /names/a/b", "name a/b;"},
                {"GET /names/", "HTTP/1.1 404"},
                {"GET /hear", "HTTP/1.1 405"},
                {"GET /hear/", "refused -: not with this method;"},
                {"GET /hearing", "HTTP/1.1 404"},
        };
        struct rest_rig *rig = rig_need(state);

        for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
                CLEANUP(mem_freep)
                char *head =
                        xasprintf("%s HTTP/1.1\r\nHost: localhost\r\n\r\n", asked[i].request);

                rig_connect(rig);
                rig_say(rig, head);
                rig_expect(rig, asked[i].answer);
        }
}

static void pages_that_may_are_told_so(void **state) {
        static const char head[] = "OPTIONS /hear HTTP/1.1\r\nHost: localhost\r\n"
                                   "Origin: https://page.example\r\n"
                                   "Access-Control-Request-Method: POST\r\n"
                                   "Access-Control-Request-Headers: x-stainless-os\r\n\r\n";
        struct rest_rig *rig = rig_need(state);

        rig_connect(rig);
        rig_say(rig, head);
        rig_expect(rig, "HTTP/1.1 204");
        rig_expect(rig, "Access-Control-Allow-Methods: POST\r\n");
        rig_expect(rig, "Access-Control-Allow-Headers: x-stainless-os\r\n");
}

static void who_may_not_is_told_so(void **state) {
        static const struct principal stranger = {.name = "anonymous", .stranger = "a token"};
        static const struct principal reader = {.name = "reader", .scopes = SCOPE_READ};
        static const struct principal other = {
                .name = "other", .scopes = SCOPE_LISTEN, .dialects = "whisperlive"};
        struct rest_rig *rig = rig_need(state);

        rig->principal = &stranger;
        rig_ask(rig, "audio/flac", 1000);
        rig_expect(rig, "HTTP/1.1 401");
        rig_expect(rig, "refused -: a token (dialect echo);");
        rig->principal = &reader;
        rig_ask(rig, "audio/flac", 1000);
        rig_expect(rig, "HTTP/1.1 403");
        rig->principal = &other;
        rig_ask(rig, "audio/flac", 1000);
        rig_expect(rig, "HTTP/1.1 403");
}

static void who_should_not_come_again_is_told_so(void **state) {
        static const struct {
                int status;
                nsec_t retry;
                const char *headers;
        } told[] = {
                {400, 0, ""},
                {503, 0, "x-should-retry: false\r\n"},
                {503, 30 * NSEC_PER_SEC, "Retry-After: 30\r\nx-should-retry: true\r\n"},
                {429, 600 * NSEC_PER_SEC, "Retry-After: 600\r\nx-should-retry: false\r\n"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
                const struct rest_refusal refusal = {.status = told[i].status,
                                                     .retry = told[i].retry};
                CLEANUP(mem_freep) char *headers = rest_retry_headers(&refusal, "");

                assert_string_equal(headers, told[i].headers);
        }
}

#define REST_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                REST_TEST(a_body_becomes_text),
                REST_TEST(a_form_has_fields_behind_its_file),
                REST_TEST(a_large_body_goes_to_the_disk_and_leaves_nothing_there),
                REST_TEST(text_is_told_while_it_is_heard),
                REST_TEST(a_long_answer_waits_for_its_reader),
                REST_TEST(who_reads_nothing_of_it_is_cut_off),
                REST_TEST(what_is_no_sound_is_the_senders_mistake),
                REST_TEST(mistakes_are_told_as_soon_as_they_come),
                REST_TEST(a_form_whose_end_never_comes_is_none),
                REST_TEST(who_goes_takes_everything_along),
                REST_TEST(one_address_does_not_have_all_places),
                REST_TEST(the_server_sends_away_in_the_dialects_words),
                REST_TEST(what_was_begun_is_broken_off_in_its_own_way),
                REST_TEST(paths_are_the_dialects),
                REST_TEST(pages_that_may_are_told_so),
                REST_TEST(who_may_not_is_told_so),
                cmocka_unit_test(who_should_not_come_again_is_told_so),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
