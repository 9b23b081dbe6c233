// Who is let in by the headers that browsers send.
#include "net/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/mem.h"

static const struct origin_policy policy = {
        .origins = "https://dash.example http://[2001:DB8::1]:3000 chrome-extension://abcdef",
        .hosts = "cam.example Box box.local",
};

#define GOOD    ORIGIN_GOOD
#define FOREIGN ORIGIN_IS_FOREIGN
#define UNKNOWN HOST_IS_UNKNOWN

static const struct {
        const char *origin, *host;
        enum origin_verdict verdict;
} cases[] = {
        // Programs.
        {NULL, NULL, GOOD},
        {NULL, "127.0.0.1:9090", GOOD},
        {NULL, "localhost", GOOD},
        {NULL, "LOCALHOST.:9090", GOOD},
        {NULL, "192.168.1.5", GOOD},
        {NULL, "[::1]:9090", GOOD},
        {NULL, "[fe80::1%eth0]:9090", GOOD},
        {NULL, "box", GOOD},
        {NULL, "BOX.local.:9090", GOOD},
        {NULL, "cam.example:", GOOD},
        // Names that others made.
        {NULL, "rebound.evil.example", UNKNOWN},
        {NULL, "localhost.evil.example", UNKNOWN},
        {NULL, "evil.localhost", UNKNOWN},
        {NULL, "127.0.0.1.evil.example", UNKNOWN},
        {NULL, "2130706433", UNKNOWN},
        {NULL, "127.1", UNKNOWN},
        {NULL, "0177.0.0.1", UNKNOWN},
        {NULL, "127.0.0.1@evil.example", UNKNOWN},
        {NULL, "evil.example@127.0.0.1", UNKNOWN},
        {NULL, "localhost, evil.example", UNKNOWN},
        {NULL, "localhost evil.example", UNKNOWN},
        {NULL, "localhost..", UNKNOWN},
        {NULL, ".localhost", UNKNOWN},
        {NULL, ".", UNKNOWN},
        {NULL, "", UNKNOWN},
        {NULL, ":9090", UNKNOWN},
        {NULL, "localhost:99999", UNKNOWN},
        {NULL, "localhost:+1", UNKNOWN},
        {NULL, "localhost:9090:9090", UNKNOWN},
        {NULL, "::1", UNKNOWN},
        {NULL, "[fe80::1%\xff]:9090", UNKNOWN},
        {NULL, "[fe80::1%eth 0]:9090", UNKNOWN},
        {NULL, "[::1", UNKNOWN},
        {NULL, "[::1]x", UNKNOWN},
        {NULL, "[localhost]", UNKNOWN},
        {NULL, "caf\xc3\xa9", UNKNOWN},
        // A page of our own, behind a proxy as well.
        {"http://127.0.0.1:9090", "127.0.0.1:9090", GOOD},
        {"HTTP://LocalHost:9090", "localhost:9090", GOOD},
        {"http://localhost.:9090", "localhost:9090", GOOD},
        {"http://[::1]:9090", "[0:0:0:0:0:0:0:1]:9090", GOOD},
        {"https://cam.example", "cam.example", GOOD},
        {"https://cam.example", "cam.example:443", GOOD},
        {"https://cam.example:443", "cam.example", GOOD},
        {"http://cam.example", "cam.example:80", GOOD},
        {"https://cam.example:9090", "cam.example:9090", GOOD},
        // Another one.
        {"https://evil.example", "127.0.0.1:9090", FOREIGN},
        {"http://127.0.0.1:9091", "127.0.0.1:9090", FOREIGN},
        {"http://127.0.0.1", "127.0.0.1:9090", FOREIGN},
        {"http://127.0.0.2:9090", "127.0.0.1:9090", FOREIGN},
        {"http://localhost:9090", "127.0.0.1:9090", FOREIGN},
        {"http://cam.example:443", "cam.example", FOREIGN},
        {"http://evil.example:9090", "evil.example:9090", UNKNOWN},
        {"http://cam.example.evil.example", "cam.example", FOREIGN},
        {"http://cam.example@evil.example", "cam.example", FOREIGN},
        {"http://evil.example@cam.example", "cam.example", FOREIGN},
        {"http://cam.example/", "cam.example", FOREIGN},
        {"http://cam.example http://evil.example", "cam.example", FOREIGN},
        {"http://cam.example,http://evil.example", "cam.example", FOREIGN},
        {"http://cam.example:80:80", "cam.example", FOREIGN},
        {"http://", "cam.example", FOREIGN},
        {"://cam.example", "cam.example", FOREIGN},
        {"cam.example", "cam.example", FOREIGN},
        {"", "cam.example", FOREIGN},
        {"null", "cam.example", FOREIGN},
        {"null", "127.0.0.1", FOREIGN},
        {"file://", "127.0.0.1", FOREIGN},
        {"chrome-extension://localhost", "localhost", FOREIGN},
        {"moz-extension://127.0.0.1", "127.0.0.1", FOREIGN},
        {"capacitor://localhost", "localhost", FOREIGN},
        {"http://localhost", NULL, FOREIGN},
        // What is listed.
        {"https://dash.example", "127.0.0.1:9090", GOOD},
        {"https://DASH.example:443", "127.0.0.1:9090", GOOD},
        {"http://[2001:db8:0::1]:3000", "localhost", GOOD},
        {"chrome-extension://abcdef", "localhost", GOOD},
        {"https://dash.example", "rebound.evil.example", UNKNOWN},
        {"http://dash.example", "127.0.0.1:9090", FOREIGN},
        {"https://dash.example:444", "127.0.0.1:9090", FOREIGN},
        {"chrome-extension://abcdeg", "localhost", FOREIGN},
        {"moz-extension://abcdef", "localhost", FOREIGN},
};

static void headers_are_judged(void **state) {
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const char *origin = cases[i].origin, *host = cases[i].host;
                enum origin_verdict verdict = origin_judge(&policy, origin, host);

                if (verdict != cases[i].verdict)
                        fail_msg("Origin '%s' at Host '%s': %d instead of %d",
                                 origin ? origin : "-", host ? host : "-", verdict,
                                 cases[i].verdict);
                // Where Host alone is looked at, it is judged the same.
                assert_int_equal(host_judge(&policy, host) == UNKNOWN, verdict == UNKNOWN);
        }
}

static void a_policy_of_nothing_lets_only_our_own_in(void **state) {
        static const struct origin_policy none = {0};

        (void)state;
        assert_int_equal(origin_judge(&none, "http://localhost", "localhost"), GOOD);
        assert_int_equal(origin_judge(&none, "https://dash.example", "localhost"), FOREIGN);
        assert_int_equal(origin_judge(&none, NULL, "cam.example"), UNKNOWN);
}

static void where_no_host_is_judged_pages_are(void **state) {
        static const struct origin_policy open = {.has_any_host = true};

        (void)state;
        assert_int_equal(origin_judge(&open, NULL, "probe.example"), GOOD);
        assert_int_equal(origin_judge(&open, "http://a.example", "a.example"), GOOD);
        assert_int_equal(origin_judge(&open, "http://b.example", "a.example"), FOREIGN);
        assert_int_equal(origin_judge(&open, "http://@", "@"), FOREIGN);
}

// What comes by TLS is of a page that came by TLS, too.
static void where_we_encrypt_plain_pages_are_foreign(void **state) {
        static const struct origin_policy encrypted = {.is_encrypted = true,
                                                       .origins = "http://dash.example"};

        (void)state;
        assert_int_equal(origin_judge(&encrypted, "https://localhost:1", "localhost:1"), GOOD);
        assert_int_equal(origin_judge(&encrypted, "https://localhost", "localhost"), GOOD);
        assert_int_equal(origin_judge(&encrypted, "http://localhost:1", "localhost:1"),
                         FOREIGN);
        assert_int_equal(origin_judge(&encrypted, "http://localhost", "localhost"), FOREIGN);
        assert_int_equal(origin_judge(&encrypted, "http://dash.example", "localhost"), GOOD);
}

static void a_page_is_listed_as_it_is(void **state) {
        static const char list[] = "https://dash.example http://localhost:3000";

        (void)state;
        assert_true(origin_is_listed(list, "https://dash.example"));
        assert_true(origin_is_listed(list, "https://dash.example:443"));
        assert_true(origin_is_listed(list, "http://localhost:3000"));
        assert_false(origin_is_listed(list, "http://dash.example"));
        assert_false(origin_is_listed(list, "http://localhost"));
        assert_false(origin_is_listed(list, "null"));
        assert_false(origin_is_listed(list, ""));
        assert_false(origin_is_listed(NULL, "https://dash.example"));
}

static void a_name_is_no_longer_than_names_are(void **state) {
        char name[ORIGIN_HOST_MAX + 2];
        struct authority authority;

        (void)state;
        memset(name, 'a', sizeof(name));
        name[ORIGIN_HOST_MAX] = '\0';
        assert_true(authority_read(name, &authority));
        name[ORIGIN_HOST_MAX] = 'a';
        name[ORIGIN_HOST_MAX + 1] = '\0';
        assert_false(authority_read(name, &authority));
}

static void this_machine_knows_its_names(void **state) {
        CLEANUP(mem_freep) char *hosts = origin_own_hosts();
        struct origin_policy own = {.hosts = hosts};
        char name[256] = "";
        CLEANUP(mem_freep) char *local = NULL;

        (void)state;
        assert_int_equal(gethostname(name, sizeof(name) - 1), 0);
        assert_int_equal(host_judge(&own, name), GOOD);
        name[strcspn(name, ".")] = '\0';
        local = xasprintf("%s.local:9090", name);
        assert_int_equal(host_judge(&own, name), GOOD);
        assert_int_equal(host_judge(&own, local), GOOD);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(headers_are_judged),
                cmocka_unit_test(a_policy_of_nothing_lets_only_our_own_in),
                cmocka_unit_test(where_no_host_is_judged_pages_are),
                cmocka_unit_test(where_we_encrypt_plain_pages_are_foreign),
                cmocka_unit_test(a_page_is_listed_as_it_is),
                cmocka_unit_test(a_name_is_no_longer_than_names_are),
                cmocka_unit_test(this_machine_knows_its_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
