// Paths of dialects, and who may ask for what is there.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dialect/rest_rig.h"
#include "util/mem.h"

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
        struct rest_rig *rig = rest_rig_need(state);

        for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
                CLEANUP(mem_freep)
                char *head =
                        xasprintf("%s HTTP/1.1\r\nHost: localhost\r\n\r\n", asked[i].request);

                rest_rig_connect(rig);
                rest_rig_say(rig, head);
                rest_rig_expect(rig, asked[i].answer);
        }
}

static void pages_that_may_are_told_so(void **state) {
        static const char head[] = "OPTIONS /hear HTTP/1.1\r\nHost: localhost\r\n"
                                   "Origin: https://page.example\r\n"
                                   "Access-Control-Request-Method: POST\r\n"
                                   "Access-Control-Request-Headers: x-stainless-os\r\n\r\n";
        struct rest_rig *rig = rest_rig_need(state);

        rest_rig_connect(rig);
        rest_rig_say(rig, head);
        rest_rig_expect(rig, "HTTP/1.1 204");
        rest_rig_expect(rig, "Access-Control-Allow-Methods: POST\r\n");
        rest_rig_expect(rig, "Access-Control-Allow-Headers: x-stainless-os\r\n");
}

static void who_may_not_is_told_so(void **state) {
        static const struct principal stranger = {.name = "anonymous", .stranger = "a token"};
        static const struct principal reader = {.name = "reader", .scopes = SCOPE_READ};
        static const struct principal other = {
                .name = "other", .scopes = SCOPE_LISTEN, .dialects = "whisperlive"};
        struct rest_rig *rig = rest_rig_need(state);

        rig->principal = &stranger;
        rest_rig_ask(rig, "audio/flac", 1000);
        rest_rig_expect(rig, "HTTP/1.1 401");
        rest_rig_expect(rig, "refused -: a token (dialect echo);");
        rig->principal = &reader;
        rest_rig_ask(rig, "audio/flac", 1000);
        rest_rig_expect(rig, "HTTP/1.1 403");
        rig->principal = &other;
        rest_rig_ask(rig, "audio/flac", 1000);
        rest_rig_expect(rig, "HTTP/1.1 403");
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

#define REST_TEST(function) \
        cmocka_unit_test_setup_teardown(function, rest_rig_setup, rest_rig_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                REST_TEST(paths_are_the_dialects),
                REST_TEST(pages_that_may_are_told_so),
                REST_TEST(who_may_not_is_told_so),
                cmocka_unit_test(who_should_not_come_again_is_told_so),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
