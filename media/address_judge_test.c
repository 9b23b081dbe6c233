#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "media/address_judge.h"

struct address {
        struct sockaddr_storage storage;
        socklen_t length;
};

static struct address address_new(const char *text, uint16_t port) {
        struct address address = {.length = sizeof(struct sockaddr_in)};
        struct sockaddr_in *in = (struct sockaddr_in *)&address.storage;
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address.storage;

        if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
                in->sin_family = AF_INET;
                in->sin_port = htons(port);
                return address;
        }
        assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        address.length = sizeof(*in6);
        return address;
}

static enum media_address_rank rank(const char *text) {
        struct address address = address_new(text, 80);

        return media_address_rank((struct sockaddr *)&address.storage, address.length);
}

static void test_ranks(void **state) {
        static const struct {
                const char *text;
                enum media_address_rank rank;
        } table[] = {
                {"127.0.0.1", MEDIA_ADDRESS_LOOPBACK},
                {"127.255.1.2", MEDIA_ADDRESS_LOOPBACK},
                {"0.0.0.0", MEDIA_ADDRESS_LOOPBACK},
                {"0.1.2.3", MEDIA_ADDRESS_LOOPBACK},
                {"::1", MEDIA_ADDRESS_LOOPBACK},
                {"::", MEDIA_ADDRESS_LOOPBACK},
                {"::ffff:127.0.0.1", MEDIA_ADDRESS_LOOPBACK},
                {"::ffff:0.0.0.0", MEDIA_ADDRESS_LOOPBACK},
                {"::ffff:0:127.0.0.1", MEDIA_ADDRESS_LOOPBACK},
                {"::127.0.0.1", MEDIA_ADDRESS_LOOPBACK},
                {"64:ff9b::127.0.0.1", MEDIA_ADDRESS_LOOPBACK},
                {"64:ff9b:1::127.0.0.1", MEDIA_ADDRESS_LOOPBACK},
                {"2002:7f00:1::", MEDIA_ADDRESS_LOOPBACK},
                {"2001:0:1:2:3:4:80ff:fffe", MEDIA_ADDRESS_LOOPBACK},
                {"ff01::1", MEDIA_ADDRESS_LOOPBACK},
                {"169.254.169.254", MEDIA_ADDRESS_LINK_LOCAL},
                {"::ffff:169.254.169.254", MEDIA_ADDRESS_LINK_LOCAL},
                {"64:ff9b::169.254.169.254", MEDIA_ADDRESS_LINK_LOCAL},
                {"fe80::1", MEDIA_ADDRESS_LINK_LOCAL},
                {"febf::1", MEDIA_ADDRESS_LINK_LOCAL},
                {"ff02::1", MEDIA_ADDRESS_LINK_LOCAL},
                {"224.0.0.251", MEDIA_ADDRESS_LINK_LOCAL},
                {"255.255.255.255", MEDIA_ADDRESS_LINK_LOCAL},
                {"10.0.0.1", MEDIA_ADDRESS_PRIVATE},
                {"10.255.255.255", MEDIA_ADDRESS_PRIVATE},
                {"172.16.0.1", MEDIA_ADDRESS_PRIVATE},
                {"172.31.255.255", MEDIA_ADDRESS_PRIVATE},
                {"192.168.1.10", MEDIA_ADDRESS_PRIVATE},
                {"100.64.0.1", MEDIA_ADDRESS_PRIVATE},
                {"100.127.255.255", MEDIA_ADDRESS_PRIVATE},
                {"192.0.0.8", MEDIA_ADDRESS_PRIVATE},
                {"198.19.0.1", MEDIA_ADDRESS_PRIVATE},
                {"239.1.1.1", MEDIA_ADDRESS_PRIVATE},
                {"240.0.0.1", MEDIA_ADDRESS_PRIVATE},
                {"::ffff:192.168.1.10", MEDIA_ADDRESS_PRIVATE},
                {"64:ff9b:1::8.8.8.8", MEDIA_ADDRESS_PRIVATE},
                {"2002:c0a8:101::", MEDIA_ADDRESS_PRIVATE},
                {"fc00::1", MEDIA_ADDRESS_PRIVATE},
                {"fdff::1", MEDIA_ADDRESS_PRIVATE},
                {"fec0::1", MEDIA_ADDRESS_PRIVATE},
                {"ff05::1", MEDIA_ADDRESS_PRIVATE},
                {"8.8.8.8", MEDIA_ADDRESS_PUBLIC},
                {"11.0.0.1", MEDIA_ADDRESS_PUBLIC},
                {"172.15.255.255", MEDIA_ADDRESS_PUBLIC},
                {"172.32.0.0", MEDIA_ADDRESS_PUBLIC},
                {"100.63.255.255", MEDIA_ADDRESS_PUBLIC},
                {"100.128.0.0", MEDIA_ADDRESS_PUBLIC},
                {"192.0.1.1", MEDIA_ADDRESS_PUBLIC},
                {"128.0.0.1", MEDIA_ADDRESS_PUBLIC},
                {"223.255.255.255", MEDIA_ADDRESS_PUBLIC},
                {"::ffff:8.8.8.8", MEDIA_ADDRESS_PUBLIC},
                {"64:ff9b::8.8.8.8", MEDIA_ADDRESS_PUBLIC},
                {"2a00:1450::1", MEDIA_ADDRESS_PUBLIC},
                {"fbff::1", MEDIA_ADDRESS_PUBLIC},
                {"fe00::1", MEDIA_ADDRESS_PUBLIC},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
                if (rank(table[i].text) != table[i].rank)
                        fail_msg("%s: %d", table[i].text, rank(table[i].text));
}

static void test_other_families_are_unusable(void **state) {
        struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "/run/docker.sock"};
        struct sockaddr_in none = {.sin_family = AF_UNSPEC};
        struct sockaddr_in in = {.sin_family = AF_INET};

        (void)state;
        assert_int_equal(media_address_rank((struct sockaddr *)&path, sizeof(path)),
                         MEDIA_ADDRESS_UNUSABLE);
        assert_int_equal(media_address_rank((struct sockaddr *)&none, sizeof(none)),
                         MEDIA_ADDRESS_UNUSABLE);
        assert_int_equal(media_address_rank((struct sockaddr *)&in, sizeof(in) - 1),
                         MEDIA_ADDRESS_UNUSABLE);
}

// --- the judge ------------------------------------------------------------------

#define PORT 554

static void resolve_name(const char *name, const char *first, const char *second) {
        struct address addresses[2] = {address_new(first, PORT),
                                       address_new(second ? second : first, PORT)};
        struct addrinfo nodes[2] = {
                {.ai_addr = (struct sockaddr *)&addresses[0].storage,
                 .ai_addrlen = addresses[0].length,
                 .ai_next = second ? &nodes[1] : NULL},
                {.ai_addr = (struct sockaddr *)&addresses[1].storage,
                 .ai_addrlen = addresses[1].length},
        };

        media_address_judge_resolved(name, nodes);
}

static void resolve(const char *first, const char *second) {
        resolve_name("camera", first, second);
}

static bool allows(const char *text, uint16_t port) {
        struct address address = address_new(text, port);

        return media_address_judge_allows((struct sockaddr *)&address.storage, address.length);
}

static void test_nothing_before_a_name(void **state) {
        (void)state;
        media_address_judge_reset();
        assert_false(allows("8.8.8.8", 80));
        assert_int_equal(media_address_judge_refused(), 1);
        media_address_judge_resolved("camera", NULL);
        assert_false(allows("8.8.8.8", 80));
}

static void test_never_inward(void **state) {
        (void)state;
        media_address_judge_reset();
        resolve("8.8.8.8", NULL);
        assert_true(allows("8.8.8.8", PORT));
        assert_true(allows("9.9.9.9", 1));
        assert_false(allows("192.168.1.1", 80));
        assert_false(allows("169.254.169.254", 80));
        assert_false(allows("127.0.0.1", 80));
        assert_false(allows("::ffff:127.0.0.1", 80));
        assert_int_equal(media_address_judge_refused(), 4);
        // What the name, or another, resolves to later changes nothing.
        resolve("127.0.0.1", NULL);
        assert_false(allows("127.0.0.1", PORT));
}

static void test_outward(void **state) {
        (void)state;
        media_address_judge_reset();
        resolve("192.168.1.10", NULL);
        assert_true(allows("192.168.1.10", 6970));
        assert_true(allows("10.1.1.1", 80));
        assert_true(allows("8.8.8.8", 80));
        assert_false(allows("169.254.1.1", 80));
        assert_false(allows("127.0.0.1", 80));
        media_address_judge_reset();
        resolve("127.0.0.1", NULL);
        assert_true(allows("::1", 80));
        assert_true(allows("8.8.8.8", 80));
}

static void test_a_name_inside_and_outside(void **state) {
        (void)state;
        // Whoever answers a name could add this machine to it, and then redirect there.
        media_address_judge_reset();
        resolve("127.0.0.1", "8.8.8.8");
        assert_true(allows("127.0.0.1", PORT));
        assert_false(allows("127.0.0.1", 8500));
        assert_true(allows("8.8.8.8", 8500));
}

// --- strangers ------------------------------------------------------------------

static void check_closed(const char *text) {
        char closed[MEDIA_ADDRESS_TEXT_MAX];

        media_address_judge_reset();
        media_address_judge_restrict("");
        resolve(text, NULL);
        assert_false(media_address_judge_closed(closed));
        if (allows(text, PORT))
                fail_msg("%s", text);
        assert_true(media_address_judge_closed(closed));
        assert_string_equal(closed, text);
}

static void test_strangers_stay_out_of_here(void **state) {
        static const char *const closed[] = {"127.0.0.1",
                                             "127.9.9.9",
                                             "0.0.0.0",
                                             "169.254.169.254",
                                             "224.0.0.1",
                                             "239.255.255.250",
                                             "255.255.255.255",
                                             "::1",
                                             "::",
                                             "fe80::1",
                                             "ff02::1",
                                             "ff05::c",
                                             "::ffff:127.0.0.1",
                                             "::ffff:239.1.1.1",
                                             "64:ff9b::7f00:1",
                                             "2002:7f00:1::",
                                             "::ffff:0:7f00:1",
                                             "64:ff9b:1::7f00:1",
                                             "64:ff9b::a9fe:a9fe"};
        static const char *const open[] = {"10.0.0.1", "192.168.1.10", "8.8.8.8", "fd00::1",
                                           "2a00:1450::1"};

        (void)state;
        for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++)
                check_closed(closed[i]);
        for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
                media_address_judge_reset();
                media_address_judge_restrict("");
                resolve(open[i], NULL);
                assert_true(allows(open[i], PORT));
        }
}

static void test_what_is_allowed_is_open(void **state) {
        char closed[MEDIA_ADDRESS_TEXT_MAX];

        (void)state;
        media_address_judge_reset();
        media_address_judge_restrict("127.0.0.1");
        resolve("127.0.0.1", NULL);
        assert_true(allows("127.0.0.1", PORT));
        assert_true(allows("127.0.0.1", 8500));
        assert_false(allows("127.0.0.2", PORT));
        assert_true(media_address_judge_closed(closed));
        assert_string_equal(closed, "127.0.0.2");
        // The address that the internet may lead to is no nearer for being allowed.
        media_address_judge_reset();
        media_address_judge_restrict("127.0.0.1");
        resolve("8.8.8.8", NULL);
        assert_false(allows("127.0.0.1", PORT));
        assert_false(media_address_judge_closed(closed));
}

static void test_an_allowed_name_opens_its_addresses(void **state) {
        (void)state;
        media_address_judge_reset();
        media_address_judge_restrict("10.0.0.0/8 go2rtc");
        resolve_name("Go2rtc", "127.0.0.1", "127.0.0.3");
        assert_true(allows("127.0.0.1", PORT));
        assert_true(allows("127.0.0.3", 6970));
        assert_false(allows("127.0.0.2", PORT));
        media_address_judge_reset();
        media_address_judge_restrict("go2rtc");
        resolve_name("other", "127.0.0.1", NULL);
        assert_false(allows("127.0.0.1", PORT));
}

// Whoever answers for a name gives another address when the library asks again.
static void test_each_connection_is_judged(void **state) {
        (void)state;
        media_address_judge_reset();
        media_address_judge_restrict("");
        resolve("192.168.1.10", NULL);
        assert_true(allows("192.168.1.10", PORT));
        resolve("127.0.0.1", NULL);
        assert_false(allows("127.0.0.1", PORT));
        // At the first one, too, which may have several.
        media_address_judge_reset();
        media_address_judge_restrict("");
        resolve("8.8.8.8", "127.0.0.1");
        assert_true(allows("8.8.8.8", PORT));
        assert_false(allows("127.0.0.1", PORT));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ranks),
                cmocka_unit_test(test_other_families_are_unusable),
                cmocka_unit_test(test_nothing_before_a_name),
                cmocka_unit_test(test_never_inward),
                cmocka_unit_test(test_outward),
                cmocka_unit_test(test_a_name_inside_and_outside),
                cmocka_unit_test(test_strangers_stay_out_of_here),
                cmocka_unit_test(test_what_is_allowed_is_open),
                cmocka_unit_test(test_an_allowed_name_opens_its_addresses),
                cmocka_unit_test(test_each_connection_is_judged),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
