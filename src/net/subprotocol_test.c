// Which sub-protocol is answered, and that no secret is.
#include "net/subprotocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void the_first_without_a_secret_is_chosen(void **state) {
        static const struct {
                const char *offers[2], *chosen;
        } cases[] = {
                {{"whisperlive"}, "whisperlive"},
                {{" chat.v2 ,\tother"}, "chat.v2"},
                {{"a,b", "c"}, "a"},
                {{"", "c"}, "c"},
                {{"realtime, openai-insecure-api-key.sk-123, openai-beta.realtime-v1"},
                 "realtime"},
                {{"openai-insecure-api-key.sk-123, realtime"}, NULL},
                {{"openai-insecure-api-key.sk-123, sk-456, realtime"}, "realtime"},
                {{"token, s3cret, eavesdrop"}, "eavesdrop"},
                {{"Bearer,s3cret", "eavesdrop"}, "eavesdrop"},
                {{"Bearer", "s3cret,eavesdrop"}, "eavesdrop"},  // over the header's end
                {{"bearer"}, NULL},
                {{"bearer, s3cret"}, "bearer"},
                {{"token, s3cret"}, "token"},
                {{"Token", "s3cret"}, "Token"},
                {{"token, bearer"}, "token"},
                {{"access-token, token, s3cret"}, NULL},  // it may be the secret itself
                {{"token"}, NULL},
                {{"bearer s3cret"}, "bearer"},
                {{"token.s3cret"}, NULL},
                {{"access_token, s3cret, v1.json"}, "v1.json"},
                {{"X-Api-Key-s3cret"}, NULL},
                {{"base64url.bearer.authorization.k8s.io.s3cret, s3, base64.channel.k8s"},
                 "base64.channel.k8s"},
                {{"eyJhbGciOiJIUzI1NiJ9.e30.s3cret, mine"}, "mine"},
                {{"tokens, keyboard, authors"}, "tokens"},  // other words
                {{"caf\xc3\xa9, a(b), c/d, plain"}, "plain"},
                {{", ,,"}, NULL},
                {{""}, NULL},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct subprotocol chosen = {0};

                for (size_t j = 0; j < 2 && cases[i].offers[j]; j++)
                        subprotocol_offer(&chosen, cases[i].offers[j]);
                subprotocol_end(&chosen);
                if (!cases[i].chosen)
                        assert_null(chosen.name);
                else if (!chosen.name || strlen(cases[i].chosen) != chosen.n ||
                         memcmp(chosen.name, cases[i].chosen, chosen.n) != 0)
                        fail_msg("of '%s': '%.*s' instead of '%s'", cases[i].offers[0],
                                 (int)chosen.n, chosen.name ? chosen.name : "",
                                 cases[i].chosen);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_without_a_secret_is_chosen),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
