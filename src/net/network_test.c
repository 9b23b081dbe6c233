// Which addresses are in which networks.
#include "net/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void addresses_are_in_networks(void **state) {
        static const struct {
                const char *list, *address;
                bool has;
        } cases[] = {
                {"192.0.2.0/24", "192.0.2.7", true},
                {"192.0.2.0/24", "192.0.2.7:40312", true},
                {"192.0.2.0/24", "192.0.3.7", false},
                {"192.0.2.7", "192.0.2.7:1", true},
                {"192.0.2.7", "192.0.2.8:1", false},
                {"10.0.0.0/8 192.0.2.0/25", "192.0.2.127", true},
                {"10.0.0.0/8 192.0.2.0/25", "192.0.2.128", false},
                {"192.0.2.0/24", "[::ffff:192.0.2.7]:40312", true},
                {"2001:db8::/32", "[2001:db8:1::7]:40312", true},
                {"2001:db8::/32", "2001:db9::7", false},
                {"0.0.0.0/0", "192.0.2.7", true},
                {"0.0.0.0/0", "2001:db8::7", false},
                {"::/0", "192.0.2.7", true},
                {"127.0.0.0/8", "process 812 of user 1000", false},
                {"127.0.0.0/8", "[127.0.0.1", false},
                {"", "127.0.0.1", false},
                {NULL, "127.0.0.1", false},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                if (networks_have(cases[i].list, cases[i].address) != cases[i].has)
                        fail_msg("%s in %s", cases[i].address, cases[i].list);
}

static void what_is_no_network_is_refused(void **state) {
        static const char *const bad[] = {"",
                                          "192.0.2",
                                          "192.0.2.0/33",
                                          "192.0.2.7/24",
                                          "192.0.2.0/",
                                          "192.0.2.0/-1",
                                          "192.0.2.0/24/8",
                                          "2001:db8::1/32",
                                          "::/129",
                                          "localhost",
                                          "*"};
        struct network_range network;

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                if (network_read(bad[i], &network))
                        fail_msg("%s was taken", bad[i]);
}

static void loopback_is_known_and_named(void **state) {
        char name[ADDRESS_NAME_MAX];
        struct network_range network;

        (void)state;
        assert_true(network_of("[::1]:80", &network) && network_is_loopback(&network));
        assert_true(network_of("127.1.2.3", &network) && network_is_loopback(&network));
        assert_true(network_of("192.0.2.7", &network) && !network_is_loopback(&network));
        network_name(&network, name);
        assert_string_equal(name, "192.0.2.7");
        assert_true(network_of("2001:db8:0:7::9", &network));
        network_name(&network, name);
        assert_string_equal(name, "2001:db8:0:7::/64");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(addresses_are_in_networks),
                cmocka_unit_test(what_is_no_network_is_refused),
                cmocka_unit_test(loopback_is_known_and_named),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
