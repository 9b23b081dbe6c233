// Which requests are answered, and what the others are told; and pages of other servers.
#include "api/route_answer.h"

#include "api/problem.h"
#include "api/reply.h"
#include "api/route.h"
#include "auth/principal.h"
#include "net/exchange_fixture.h"

#define PAGE "Origin: https://dash.example\r\n"
#define ASKS "Access-Control-Request-Method: PATCH\r\n"

static const struct principal *asker;

static void done(struct api *api, struct exchange *exchange, const struct route_parts *parts) {
        (void)api;
        (void)parts;
        reply_text(exchange, 200, "done", NULL);
}

static void later(struct api *api, struct exchange *exchange, const struct route_parts *parts) {
        (void)api;
        (void)parts;
        problem_refuse(exchange, 503, "field", "not now");
}

static void much_later(struct api *api, struct exchange *exchange,
                       const struct route_parts *parts) {
        static const struct problem problem = {.status = 503,
                                               .field = "",
                                               .detail = "not now",
                                               .headers = "Retry-After: 60\r\n"};

        (void)api;
        (void)parts;
        problem_reply(exchange, &problem);
}

static const struct route routes[] = {
        {"GET", "/api/later", ROUTE_OPEN, later},
        {"GET", "/api/much-later", ROUTE_OPEN, much_later},
        {"GET", "/open", ROUTE_OPEN, done},
        {"GET", "/api/things", ROUTE_READ, done},
        {"POST", "/api/things", ROUTE_MANAGE, done},
        {"PATCH", "/api/things/{name}", ROUTE_MANAGE, done},
        {"GET", "/api/all", ROUTE_READ_ALL, done},
        {"GET", "/api/sound", ROUTE_LISTEN, done},
        {0},
};

static void on_asked(struct net_fixture *net, struct exchange *exchange) {
        (void)net;
        route_answer(routes, NULL, exchange);
}

// Each page is one whose scripts may read the answer.
// NOLINTNEXTLINE(readability-non-const-parameter): the listener's type of it
static char *admit(void *context, struct http_request *request, int *ret_status) {
        (void)context;
        (void)ret_status;
        request->principal = asker;
        request->page = http_request_header(request, "Origin");
        return NULL;
}

static int answer_setup(void **state) {
        struct listener_handler handler = {.on_request = net_on_request, .admit = admit};
        struct error error = {0};
        struct net_fixture *net;

        client_setup(state);
        net = *state;
        net->on_exchange = on_asked;
        listener_close(net->listener);
        handler.context = net;
        if (listener_open(&net->listener, net->loop, "127.0.0.1:0", &handler, &error) < 0)
                fail_msg("%s", error.text);
        asker = NULL;
        return 0;
}

// The whole answer to a request of these lines.
static const char *asked(struct net_fixture *net, const char *target, const char *headers) {
        CLEANUP(mem_freep)
        char *request = xasprintf("%s HTTP/1.1\r\n" HEAD "Connection: close\r\n%s\r\n", target,
                                  headers);
        int fd = client_connect(net);

        client_say(net, fd, request);
        client_read(net, fd, SIZE_MAX);
        close(fd);
        return net->output;
}

static void expect(struct net_fixture *net, const char *target, const char *status) {
        const char *answer = asked(net, target, "");

        if (strncmp(answer + strlen("HTTP/1.1 "), status, 3) != 0)
                fail_msg("%s: expected %s, got %.80s", target, status, answer);
}

static void each_scope_admits_who_has_it(void **state) {
        static const struct principal stranger = {.name = "s", .stranger = "no token"};
        static const struct principal reader = {.name = "r", .scopes = SCOPE_READ};
        static const struct principal talker = {.name = "t", .scopes = SCOPE_LISTEN};
        static const struct principal manager = {.name = "m", .scopes = SCOPE_MANAGE};
        char *const streams[] = {(char[]){"hall"}, NULL};
        const struct principal guest = {.name = "g", .scopes = SCOPE_READ, .streams = streams};
        const struct {
                const struct principal *asker;
                const char *open, *things, *more_things, *all, *sound;
        } cases[] = {
                {NULL, "200", "401", "401", "401", "401"},
                {&stranger, "200", "401", "401", "401", "401"},
                {&reader, "200", "200", "403", "200", "403"},
                {&guest, "200", "200", "403", "403", "403"},
                {&talker, "200", "403", "403", "403", "200"},
                {&manager, "200", "403", "200", "403", "403"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                asker = cases[i].asker;
                expect(*state, "GET /open", cases[i].open);
                expect(*state, "GET /api/things", cases[i].things);
                expect(*state, "POST /api/things", cases[i].more_things);
                expect(*state, "GET /api/all", cases[i].all);
                expect(*state, "GET /api/sound", cases[i].sound);
        }
}

static void what_there_is_not_is_told_in_the_form_of_its_path(void **state) {
        assert_non_null(strstr(asked(*state, "GET /nothing", ""), "text/plain"));
        assert_non_null(
                strstr(asked(*state, "GET /api/nothing", ""), "application/problem+json"));
        expect(*state, "GET /api/nothing", "404");
        expect(*state, "DELETE /api/things", "405");
        assert_non_null(strstr(asked(*state, "DELETE /api/things", ""),
                               "\r\nAllow: GET, HEAD, POST\r\n"));
}

// Before anybody has looked whose request it will be.
static void a_page_may_ask_what_it_may_ask(void **state) {
        const char *answer = asked(*state, "OPTIONS /api/things/x", PAGE ASKS);

        assert_memory_equal(answer, "HTTP/1.1 204", 12);
        assert_non_null(
                strstr(answer, "\r\nAccess-Control-Allow-Origin: https://dash.example\r\n"));
        assert_non_null(strstr(answer, "\r\nAccess-Control-Allow-Methods: PATCH\r\n"));
        assert_non_null(strstr(answer, "\r\nAccess-Control-Allow-Headers: Authorization,"));
        assert_non_null(strstr(answer, "\r\nVary: Origin\r\n"));
        assert_memory_equal(asked(*state, "OPTIONS /api/nothing", PAGE ASKS), "HTTP/1.1 404",
                            12);
        assert_memory_equal(asked(*state, "OPTIONS /api/things", PAGE), "HTTP/1.1 405", 12);
        assert_memory_equal(asked(*state, "OPTIONS /api/things", ASKS), "HTTP/1.1 405", 12);
}

static void a_page_may_read_refusals_too(void **state) {
        assert_non_null(strstr(asked(*state, "GET /api/things", PAGE),
                               "\r\nAccess-Control-Allow-Origin: https://dash.example\r\n"));
        assert_memory_equal(asked(*state, "GET /api/things", PAGE), "HTTP/1.1 401", 12);
        assert_null(strstr(asked(*state, "GET /api/things", ""), "Access-Control"));
        // The path is refused before anybody is asked, but read before that.
        assert_non_null(
                strstr(asked(*state, "GET /api/a%2Fb", PAGE), "application/problem+json"));
        assert_non_null(strstr(asked(*state, "GET /a%2Fb", PAGE), "text/plain"));
}

static void not_now_says_once_when(void **state) {
        assert_non_null(strstr(asked(*state, "GET /api/later", ""), "\r\nRetry-After: 10\r\n"));
        assert_non_null(strstr(asked(*state, "GET /api/later", ""), "\"field\":\"field\""));
        assert_null(strstr(asked(*state, "GET /api/much-later", ""), "field"));
        assert_int_equal(
                occurrences(asked(*state, "GET /api/much-later", ""), "Retry-After: 60"), 1);
        assert_int_equal(occurrences(asked(*state, "GET /api/much-later", ""), "Retry-After"),
                         1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(not_now_says_once_when, answer_setup,
                                                net_teardown),
                cmocka_unit_test_setup_teardown(each_scope_admits_who_has_it, answer_setup,
                                                net_teardown),
                cmocka_unit_test_setup_teardown(
                        what_there_is_not_is_told_in_the_form_of_its_path, answer_setup,
                        net_teardown),
                cmocka_unit_test_setup_teardown(a_page_may_ask_what_it_may_ask, answer_setup,
                                                net_teardown),
                cmocka_unit_test_setup_teardown(a_page_may_read_refusals_too, answer_setup,
                                                net_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
