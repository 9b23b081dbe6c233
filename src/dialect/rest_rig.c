#include "dialect/rest_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/exchange.h"
#include "util/mem.h"

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

struct rest_echo rest_rig_echo;

static bool echo_on_field(struct rest_hearing *hearing, const char *name, const char *value) {
        if (strcmp(name, "bad") == 0)
                return rest_hearing_mistake(hearing, name, value);
        snprintf(rest_rig_echo.fields, sizeof(rest_rig_echo.fields), "%s=%s", name, value);
        return true;
}

static bool echo_wish(struct rest_hearing *hearing, struct request *ret) {
        (void)hearing;
        ret->language = strstr(rest_rig_echo.fields, "yiddish") ? "yi" : NULL;
        return true;
}

static void echo_on_sound(struct rest_hearing *hearing) {
        static const struct http_response head = {.status = 200,
                                                  .body_length = EXCHANGE_LENGTH_UNKNOWN};

        if (!rest_rig_echo.streams)
                return;
        rest_hearing_answer_begin(hearing, &head);
        rest_hearing_write(hearing, "begun;", 6);
}

static void flood_write(struct rest_hearing *hearing) {
        static const char flood[4096] = "flood";

        for (size_t at = 0; at < rest_rig_echo.n_flood; at += sizeof(flood))
                rest_hearing_write(hearing, flood, sizeof(flood));
}

static void echo_on_whole(struct rest_hearing *hearing) {
        CLEANUP(mem_freep)
        char *text = xasprintf("heard %zu:%s;", hearing->n_segments,
                               hearing->n_segments ? hearing->segments[0].text : "");

        if (!rest_rig_echo.streams) {
                rest_hearing_reply(hearing,
                                   &(struct http_response){.status = 200,
                                                           .body = text,
                                                           .body_length = strlen(text)});
                return;
        }
        rest_hearing_write(hearing, text, strlen(text));
        flood_write(hearing);
        rest_hearing_answer_end(hearing);
}

static void echo_on_broken(struct rest_hearing *hearing, const struct rest_refusal *refusal) {
        (void)refusal;
        rest_hearing_write(hearing, "broken;", 7);
        flood_write(hearing);
}

static void echo_close(struct rest_hearing *hearing) {
        (void)hearing;
        rest_rig_echo.is_closed = true;
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

        *ret_status = 403;  // of nobody
        request->principal = rig->principal;
        request->page = http_request_header(request, "Origin");
        return NULL;
}

int rest_rig_setup(void **state) {
        struct rest_rig *rig = xnew(struct rest_rig);
        struct listener_handler handler = {
                .on_request = rig_on_request, .admit = rig_admit, .context = rig};
        void *desk;

        *state = rig;
        rig->fd = -1;
        memset(&rest_rig_echo, 0, sizeof(rest_rig_echo));
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

int rest_rig_teardown(void **state) {
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

struct rest_rig *rest_rig_need(void **state) {
        struct rest_rig *rig = *state;
        void *desk = rig->desk;

        (void)desk_need(&desk);
        return rig;
}

void rest_rig_connect(struct rest_rig *rig) {
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
void rest_rig_turn(struct rest_rig *rig) {
        loop_advance(rig->desk->rig->loop, NSEC_PER_MSEC);
        sched_yield();
}

void rest_rig_send(struct rest_rig *rig, const char *bytes, size_t n) {
        while (n > 0) {
                ssize_t sent = send(rig->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);

                assert_true(sent > 0 || errno == EAGAIN);
                if (sent > 0) {
                        bytes += sent;
                        n -= (size_t)sent;
                }
                rest_rig_turn(rig);
        }
}

void rest_rig_say(struct rest_rig *rig, const char *text) {
        rest_rig_send(rig, text, strlen(text));
}

void rest_rig_expect(struct rest_rig *rig, const char *words) {
        while (!memmem(rig->bytes, rig->n_bytes, words, strlen(words))) {
                ssize_t n = recv(rig->fd, rig->bytes + rig->n_bytes,
                                 sizeof(rig->bytes) - 1 - rig->n_bytes, MSG_DONTWAIT);

                if (n == 0 || (n < 0 && errno != EAGAIN))
                        fail_msg("'%s' did not come, but: %s", words, rig->bytes);
                if (n > 0)
                        rig->n_bytes += (size_t)n;
                rig->bytes[rig->n_bytes] = '\0';
                rest_rig_turn(rig);
        }
}

void rest_rig_ask(struct rest_rig *rig, const char *type, size_t n_body) {
        CLEANUP(mem_freep)
        char *head = xasprintf("POST /hear HTTP/1.1\r\nHost: localhost\r\n"
                               "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                               type, n_body);

        rest_rig_connect(rig);
        rest_rig_say(rig, head);
}

void rest_rig_post(struct rest_rig *rig, const char *type, const char *body, size_t n) {
        rest_rig_ask(rig, type, n);
        rest_rig_send(rig, body, n);
}

void rest_rig_post_talk(struct rest_rig *rig) {
        rest_rig_post(rig, "audio/flac", rig->desk->talk, rig->desk->n_talk);
}

size_t rest_rig_sessions(const struct rest_rig *rig) {
        size_t n = 0;

        for (struct hub_session *session = hub_first_session(rig->desk->rig->hub); session;
             session = hub_next_session(session))
                n++;
        return n;
}

void rest_rig_expect_nothing_left(struct rest_rig *rig) {
        while (rest_rig_sessions(rig) > 0)
                rest_rig_turn(rig);
        assert_int_equal(budget_used(rig->desk->rig->budget, BUDGET_UPLOADS), 0);
        assert_true(rest_rig_echo.is_closed);
}
