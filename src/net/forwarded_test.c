// What proxies say of whose requests they hand on.
#include "net/forwarded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/http_head.h"

// Headers as pairs of name and value, NULL at the end.
static void head_fill(struct http_head *head, const char *const *headers) {
        *head = (struct http_head){0};
        assert_true(http_head_add_target(head, "/", 1));
        for (; *headers; headers += 2) {
                assert_true(http_head_add_name(head, headers[0], strlen(headers[0])));
                assert_true(http_head_add_value(head, headers[1], strlen(headers[1])));
        }
        assert_true(http_head_complete(head));
}

static void the_last_that_is_no_proxy_counts(void **state) {
        static const struct {
                const char *headers[7];
                const char *client, *host;  // NULL: refused
                const char *scheme;         // NULL: nothing is said
        } cases[] = {
                {{"X-Forwarded-For", "192.0.2.7"}, "192.0.2.7", "", NULL},
                {{"X-Forwarded-For", "203.0.113.5, 192.0.2.7"}, "192.0.2.7", "", NULL},
                {{"X-Forwarded-For", "203.0.113.5, 192.0.2.7, 10.0.0.1"},
                 "192.0.2.7",
                 "",
                 NULL},
                {{"X-Forwarded-For", "203.0.113.5", "X-Forwarded-For", "192.0.2.7"},
                 "192.0.2.7",
                 "",
                 NULL},
                {{"X-Forwarded-For", "10.0.0.2, 10.0.0.1"}, "10.0.0.2", "", NULL},
                {{"X-Forwarded-For", "192.0.2.7", "X-Forwarded-Host", "cam.example"},
                 "192.0.2.7",
                 "cam.example",
                 NULL},
                {{"Forwarded", "for=192.0.2.7;proto=https;host=cam.example"},
                 "192.0.2.7",
                 "cam.example",
                 "https"},
                {{"Forwarded",
                  "for=203.0.113.5, For=\"[2001:db8::7]:40312\"; by=x, for=10.0.0.1"},
                 "[2001:db8::7]:40312",
                 "",
                 NULL},
                {{"Forwarded", "by=\"a,b;for=203.0.113.5\";for=192.0.2.7"},
                 "192.0.2.7",
                 "",
                 NULL},
                {{"X-Forwarded-Proto", "https"}, "", "", "https"},
                {{"Forwarded", "for=192.0.2.7", "X-Forwarded-For", "192.0.2.8"},
                 NULL,
                 NULL,
                 NULL},
                {{"X-Forwarded-Host", "a", "X-Forwarded-Host", "b"}, NULL, NULL, NULL},
                // What a client sent must not swallow what its proxy wrote behind it.
                {{"Forwarded", "for=127.0.0.1;x=\", for=203.0.113.9"}, NULL, NULL, NULL},
                {{"Forwarded", "for=127.0.0.1;x=\"\\\"\", for=203.0.113.9"}, NULL, NULL, NULL},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct http_head head;
                struct http_request request = {.head = &head};
                struct forwarded forwarded;
                bool is_good;

                head_fill(&head, cases[i].headers);
                assert_true(forwarded_is(&request));
                is_good = forwarded_read(&request, "10.0.0.0/8", &forwarded);
                assert_int_equal(is_good, cases[i].client != NULL);
                if (is_good) {
                        assert_string_equal(forwarded.client, cases[i].client);
                        assert_string_equal(forwarded.host, cases[i].host);
                        assert_string_equal(forwarded.scheme,
                                            cases[i].scheme ? cases[i].scheme : "");
                }
                http_head_deinit(&head);
        }
}

static void too_long_is_refused(void **state) {
        char text[FORWARDED_TEXT_MAX + 1] = "";
        const char *headers[] = {"X-Forwarded-For", text, NULL};
        struct http_head head;
        struct http_request request = {.head = &head};
        struct forwarded forwarded;

        (void)state;
        memset(text, '1', FORWARDED_TEXT_MAX);
        head_fill(&head, headers);
        assert_false(forwarded_read(&request, NULL, &forwarded));
        http_head_deinit(&head);
}

static void others_were_not_handed_on(void **state) {
        const char *headers[] = {"Host", "cam.example", NULL};
        struct http_head head;
        struct http_request request = {.head = &head};

        (void)state;
        head_fill(&head, headers);
        assert_false(forwarded_is(&request));
        http_head_deinit(&head);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_last_that_is_no_proxy_counts),
                cmocka_unit_test(too_long_is_refused),
                cmocka_unit_test(others_were_not_handed_on),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
