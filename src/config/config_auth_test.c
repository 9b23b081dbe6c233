// Who may do what: tokens as a list, the short form, and what is refused where it stands.
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/config_rig.h"

#define HASH "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void tokens_are_a_list(void **state) {
        (void)state;
        CLEANUP(config_freep)
        struct config *config = rig_parse_config(
                "auth:\n"
                "  token_file: keys.json\n"
                "  anonymous: {from: [192.0.2.0/24, '::1'], scopes: [read, "
                "listen]}\n"
                "  tokens:\n"
                "    - {name: phone, hash: '" HASH "', scopes: [read, listen],\n"
                "       streams: [door-*, hall], expires: 2026-12-31}\n"
                "    - {name: desk, hash: '" HASH "', scopes: manage}\n"
                "proxies: 127.0.0.1\n");
        const struct auth_config *auth = &config->auth;

        assert_int_equal(auth->mode, AUTH_TOKENS);
        assert_int_equal(auth->n_tokens, 2);
        assert_string_equal(auth->tokens[0].name, "phone");
        assert_string_equal(auth->tokens[0].hash, HASH);
        assert_string_equal(auth->tokens[0].scopes, "read listen");
        assert_string_equal(auth->tokens[0].streams, "door-* hall");
        assert_string_equal(auth->tokens[0].expires, "2026-12-31");
        assert_string_equal(auth->tokens[1].scopes, "manage");
        assert_null(auth->tokens[1].streams);
        assert_string_equal(auth->token_file, "keys.json");
        assert_string_equal(auth->from, "192.0.2.0/24 ::1");
        assert_string_equal(auth->scopes, "read listen");
        assert_string_equal(config->proxies, "127.0.0.1");
}

static void none_is_short_for_the_mode(void **state) {
        (void)state;
        CLEANUP(config_freep) struct config *config = rig_parse_config("auth: none\n");
        CLEANUP(config_freep) struct config *usual = rig_parse_config("listen: :9090\n");

        assert_int_equal(config->auth.mode, AUTH_NONE);
        assert_int_equal(usual->auth.mode, AUTH_TOKENS);
        assert_string_equal(usual->auth.scopes, "listen");
}

static void what_is_wrong_is_refused_where_it_stands(void **state) {
        static const struct {
                const char *text, *told;
        } cases[] = {
                {"auth: {tokens: [{name: a, scopes: read}]}\n",
                 "bad.yaml:1:17: auth.tokens[1]: has no hash; a token needs name, hash and "
                 "scopes, as eavesdrop token new writes them\n"},
                {"auth: {tokens: [{name: a, hash: my-secret-password-itself, scopes: read}]}\n",
                 "bad.yaml:1:33: auth.tokens[1].hash: this value is not sha256: and the 64 "
                 "hexadecimal digits of the token's SHA-256\n"},
                {"auth: {tokens: [{name: a, hash: '" HASH "', scopes: read, streams: []}]}\n",
                 "bad.yaml:1:17: auth.tokens[1]: streams is empty; leave it out for all "
                 "streams\n"},
                {"auth: {tokens: [{name: a, hash: '" HASH "', scopes: read},\n"
                 "    {name: a, hash: '" HASH "', scopes: read}]}\n",
                 "bad.yaml:2:5: auth.tokens: two tokens have the name \"a\"\n"},
                {"auth: {tokens: {a: b}}\n",
                 "bad.yaml:1:16: auth.tokens: expected a list of tokens, but this is a "
                 "mapping\n"},
                {"auth: {anonymous: {scopes: manage}}\n",
                 "bad.yaml:1:28: auth.anonymous.scopes: \"manage\" is not read or listen\n"},
                {"auth: {anonymous: {from: 192.0.2.7/24}}\n",
                 "bad.yaml:1:26: auth.anonymous.from: \"192.0.2.7/24\" is not an address or a "
                 "network such as 192.0.2.0/24 or 2001:db8::/32\n"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                rig_expect_refused(cases[i].text, cases[i].told);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(tokens_are_a_list),
                cmocka_unit_test(none_is_short_for_the_mode),
                cmocka_unit_test(what_is_wrong_is_refused_where_it_stands),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
