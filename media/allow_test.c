#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "media/allow.h"

static bool has(const char *words, const char *text) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(554)};
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(554)};

        if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
                return media_allow_has_address(words, (struct sockaddr *)&in, sizeof(in));
        assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
        return media_allow_has_address(words, (struct sockaddr *)&in6, sizeof(in6));
}

static void words_are_addresses_networks_and_names(void **state) {
        static const char *const good[] = {"127.0.0.1", "127.0.0.0/8", "0.0.0.0/0", "::1",
                                           "fe80::/10", "::/0",        "go2rtc",    "cam-1.lan",
                                           "any",       "a_b.example"};
        static const char *const bad[] = {"",         "127.0.0.0/33", "127.0.0.0/", "127.0.0/8",
                                          "127.0.0",  "1.2.3.4.5",    "::1/129",    "::1/-1",
                                          "::1/1280", "[::1]",        "host:80",    "host/8",
                                          "a,b",      "h\xc3\xa4user"};

        (void)state;
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
                if (!media_allow_word_is_good(good[i]))
                        fail_msg("%s", good[i]);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                if (bad[i][0] && media_allow_word_is_good(bad[i]))
                        fail_msg("%s", bad[i]);
        assert_true(media_allow_is_good(""));
        assert_true(media_allow_is_good("127.0.0.1 localhost ::1"));
        assert_false(media_allow_is_good("127.0.0.1 host:80"));
}

static void too_many_words_are_not_good(void **state) {
        char words[MEDIA_ALLOW_MAX + 1];

        (void)state;
        memset(words, ' ', sizeof(words));
        words[MEDIA_ALLOW_MAX] = '\0';
        assert_false(media_allow_is_good(words));
        words[MEDIA_ALLOW_MAX - 1] = '\0';
        assert_true(media_allow_is_good(words));
        memset(words, 'a', 300);
        assert_false(media_allow_is_good(words));
}

static void networks_have_addresses(void **state) {
        struct sockaddr_un path = {.sun_family = AF_UNIX};

        (void)state;
        assert_true(has("127.0.0.1", "127.0.0.1"));
        assert_false(has("127.0.0.1", "127.0.0.2"));
        assert_true(has("10.0.0.0/8 127.0.0.0/8", "127.1.2.3"));
        assert_true(has("169.254.16.0/20", "169.254.31.255"));
        assert_false(has("169.254.16.0/20", "169.254.32.0"));
        assert_true(has("0.0.0.0/0", "127.0.0.1"));
        assert_false(has("0.0.0.0/0", "::1"));
        assert_true(has("fe80::/10", "febf::1"));
        assert_false(has("fe80::/10", "fec0::1"));
        assert_true(has("127.0.0.0/8", "::ffff:127.0.0.1"));
        assert_true(has("::/0", "127.0.0.1"));
        assert_false(has("127.0.0.0/8", "64:ff9b::127.0.0.1"));
        assert_false(has("", "127.0.0.1"));
        assert_false(has(NULL, "127.0.0.1"));
        assert_false(has("localhost any", "127.0.0.1"));
        assert_false(media_allow_has_address("::/0", (struct sockaddr *)&path, sizeof(path)));
}

static void names_are_found(void **state) {
        (void)state;
        assert_true(media_allow_has_name("127.0.0.1 go2rtc.lan", "GO2RTC.lan"));
        assert_false(media_allow_has_name("go2rtc.lan", "go2rtc.lan.example"));
        assert_false(media_allow_has_name("go2rtc.lan", "go2rtc"));
        assert_false(media_allow_has_name(NULL, "go2rtc"));
        assert_true(media_allow_is_any("127.0.0.1 any"));
        assert_false(media_allow_is_any("many"));
        assert_false(media_allow_is_any(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(words_are_addresses_networks_and_names),
                cmocka_unit_test(too_many_words_are_not_good),
                cmocka_unit_test(networks_have_addresses),
                cmocka_unit_test(names_are_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
