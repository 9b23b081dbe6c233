#include "sink/nats_subject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sink/nats_address.h"
#include "util/mem.h"

static void expect_subject(const char *subject, const char *stream, const char *expected) {
        struct row row = {.kind = ROW_SEGMENT, .stream = (char *)(uintptr_t)stream};
        CLEANUP(mem_freep) char *made = nats_subject_make(subject, &row);

        assert_string_equal(made, expected);
}

static void test_fields_cannot_leave_their_part(void **state) {
        (void)state;
        expect_subject("eavesdrop.{stream}", "garage", "eavesdrop.garage");
        expect_subject("a.{kind}-{stream}.b", "x", "a.segment-x.b");
        expect_subject("eavesdrop.{stream}", "front door", "eavesdrop.front%20door");
        expect_subject("eavesdrop.{stream}", "front%20door", "eavesdrop.front%2520door");
        expect_subject("eavesdrop.{stream}", "a.b*c>d\te\x7f",
                       "eavesdrop.a%2Eb%2Ac%3Ed%09e%7F");
        expect_subject("eavesdrop.{stream}",
                       "k\xc3\xbc"
                       "che",
                       "eavesdrop.k\xc3\xbc"
                       "che");
        expect_subject("eavesdrop.{stream}.{session}", "a", "eavesdrop.a.%00");
        expect_subject("eavesdrop.{stream}", NULL, "eavesdrop.%00");
}

static void expect_pattern(const char *subject, const char *expected) {
        CLEANUP(mem_freep) char *pattern = nats_subject_pattern(subject);

        assert_string_equal(pattern, expected);
}

static void test_parts_with_a_field_are_open(void **state) {
        (void)state;
        expect_pattern("eavesdrop.{stream}", "eavesdrop.*");
        expect_pattern("{kind}.a.x-{stream}-{language}.b", "*.a.*.b");
        expect_pattern("heard", "heard");
}

static void test_what_is_no_subject_is_told(void **state) {
        static const char *const bad[] = {
                "",      ".a",          "a.",        "a..b", "a b",       "a.*", "a.>",
                "$JS.x", "a.{nothing}", "a.{stream", "a.{}", "a.stream}", "a%",  "a\n",
        };
        struct error error;

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                assert_true(nats_subject_check(bad[i], &error) < 0);
                assert_non_null(strstr(error.text, "subject: "));
        }
        assert_int_equal(nats_subject_check("eavesdrop.{kind}.{stream}", &error), 0);
        assert_int_equal(nats_subject_check("{stream}", &error), 0);
}

static void expect_address(const char *url, const char *servers, const char *principal) {
        struct nats_address address;
        CLEANUP(mem_freep) char *all = xstrdup("");
        CLEANUP(mem_freep) char *who = NULL;

        assert_int_equal(nats_address_init(&address, url, NULL), 0);
        for (size_t i = 0; i < address.n_servers; i++) {
                char *more = xasprintf("%s%s%s", all, i > 0 ? " " : "", address.servers[i]);

                free(all);
                all = more;
        }
        who = xasprintf("%s|%s|%s|%d", address.user ? address.user : "",
                        address.password ? address.password : "",
                        address.token ? address.token : "", address.is_tls);
        assert_string_equal(all, servers);
        assert_string_equal(who, principal);
        nats_address_deinit(&address);
}

static void test_addresses(void **state) {
        (void)state;
        expect_address("nats://bus", "nats://bus:4222", "|||0");
        expect_address("tls://bus:4333/", "nats://bus:4333", "|||1");
        expect_address("nats://me:p%40%3a%2Fss@bus:1", "nats://bus:1", "me|p@:/ss||0");
        expect_address("nats://t%25ken@[::1]:5,nats://b", "nats://[::1]:5 nats://b:4222",
                       "||t%ken|0");
}

static void test_what_is_no_address_is_told_without_secrets(void **state) {
        static const char *const bad[] = {
                "",
                "bus",
                "nats://",
                "http://me:s3cr3t@bus",
                "nats://me:s3cr3t@x@bus",
                "nats://me:s3cr3t:x@bus",
                "nats://me:s3cr3t,x@bus",
                "nats://me:s3cr3t%4@bus",
                "nats://me:s3cr3t%00@bus",
                "nats://me:s3cr3t%zz@bus",
                "nats://bus:s3cr3t",
                "nats://bus:",
                "nats://bus:123456",
                "nats://me:s3cr3t@",
                "nats://bus/s3cr3t",
                "nats://[::1",
                "nats://a,",
        };
        struct nats_address address;
        struct error error;

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                if (nats_address_init(&address, bad[i], &error) == 0)
                        fail_msg("%s", bad[i]);
                assert_non_null(strstr(error.text, "url: "));
                assert_null(strstr(error.text, "s3cr3t"));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_fields_cannot_leave_their_part),
                cmocka_unit_test(test_parts_with_a_field_are_open),
                cmocka_unit_test(test_what_is_no_subject_is_told),
                cmocka_unit_test(test_addresses),
                cmocka_unit_test(test_what_is_no_address_is_told_without_secrets),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
