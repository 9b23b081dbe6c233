// Which addresses are one and the same to limits and shares.
#include "net/address.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void addresses_have_names(void **state) {
        static const struct {
                const char *text, *name;
                bool is_loopback;
        } cases[] = {
                {"192.0.2.7", "192.0.2.7", false},
                {"127.0.0.1", "127.0.0.1", true},
                {"127.8.9.1", "127.8.9.1", true},
                {"128.0.0.1", "128.0.0.1", false},
                {"::ffff:192.0.2.7", "192.0.2.7", false},
                {"::ffff:127.0.0.1", "127.0.0.1", true},
                {"2001:db8:0:7:1:2:3:4", "2001:db8:0:7::/64", false},
                {"2001:db8:0:7::9", "2001:db8:0:7::/64", false},
                {"2001:db8:0:8::9", "2001:db8:0:8::/64", false},
                {"2001:db8:1234:5678:9abc:def0:1234:5678", "2001:db8:1234:5678::/64", false},
                {"::1", "::/64", true},
                {"fe80::1", "fe80::/64", false},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct sockaddr_in v4 = {.sin_family = AF_INET};
                struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
                const struct sockaddr *address = (const struct sockaddr *)&v6;
                char name[ADDRESS_NAME_MAX];

                if (inet_pton(AF_INET, cases[i].text, &v4.sin_addr) == 1)
                        address = (const struct sockaddr *)&v4;
                else
                        assert_int_equal(inet_pton(AF_INET6, cases[i].text, &v6.sin6_addr), 1);
                address_name(address, name);
                assert_string_equal(name, cases[i].name);
                assert_int_equal(address_is_loopback(address), cases[i].is_loopback);
        }
}

static void what_has_no_address_is_unknown(void **state) {
        static const struct sockaddr local = {.sa_family = AF_UNIX};
        char name[ADDRESS_NAME_MAX];

        (void)state;
        address_name(&local, name);
        assert_string_equal(name, "unknown");
        assert_false(address_is_loopback(&local));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(addresses_have_names),
                cmocka_unit_test(what_has_no_address_is_unknown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
