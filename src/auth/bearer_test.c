// The ways in which clients send their keys.
#include "auth/bearer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/http_request_fixture.h"

#define A "Authorization"
#define P "Sec-WebSocket-Protocol"

static void each_client_has_its_way(void **state) {
        static const struct {
                const char *target, *headers[5], *secret;
        } cases[] = {
                {"/", {NULL}, NULL},
                {"/", {A, "Bearer s3cret"}, "s3cret"},
                {"/", {A, "bearer  s3cret"}, "s3cret"},
                {"/", {A, "Token s3cret"}, "s3cret"},
                {"/", {"authorization", "TOKEN s3cret"}, "s3cret"},
                {"/", {A, "s3cret"}, "s3cret"},  // AssemblyAI's
                {"/", {A, ""}, NULL},
                {"/", {A, "Basic dXNlcjpwYXNz"}, NULL},
                {"/", {A, "Digest username=x"}, NULL},
                {"/", {A, "username=x"}, NULL},
                {"/", {P, "eavesdrop.v1, eavesdrop.token.s3cret"}, "s3cret"},
                {"/",
                 {P, "realtime, openai-insecure-api-key.s3cret, openai-beta.realtime-v1"},
                 "s3cret"},
                {"/", {P, "realtime", P, "openai-insecure-api-key.s3cret"}, "s3cret"},
                {"/", {P, "openai-insecure-api-key."}, NULL},
                {"/", {P, "token, s3cret"}, "s3cret"},
                {"/", {P, "Bearer,s3cret"}, "s3cret"},
                {"/", {P, "token", P, "s3cret"}, "s3cret"},
                {"/", {P, "token"}, NULL},
                {"/", {P, "tokens, s3cret"}, NULL},
                {"/?token=s3cret&x=1", {NULL}, "s3cret"},
                {"/v1/realtime?model=m&api_key=s3cret", {NULL}, "s3cret"},
                {"/realtime/?api_key=s3cret", {NULL}, "s3cret"},
                {"/v1/realtime?api_key=other&token=s3cret", {NULL}, "s3cret"},
                {"/v1/realtimes?api_key=s3cret", {NULL}, NULL},
                {"/?api_key=s3cret", {NULL}, NULL},
                {"/?token=other", {A, "Token s3cret"}, "s3cret"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct http_request request = {0};
                struct http_head head = {0};
                bool is_foreign;
                CLEANUP(bearer_freep) char *secret = NULL;

                assert_true(request_fill(&request, &head, cases[i].target, cases[i].headers));
                secret = bearer_read(&request, &is_foreign);
                if (!cases[i].secret != !secret ||
                    (secret && strcmp(secret, cases[i].secret) != 0))
                        fail_msg("case %zu: '%s' instead of '%s'", i, secret ? secret : "",
                                 cases[i].secret ? cases[i].secret : "");
                http_head_deinit(&head);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_client_has_its_way),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
