// What a broker's URL says, and what is refused without a word of it.
#include "sink/mqtt_address.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
        const char *url, *host;
        int port;
        bool is_tls;
        const char *user, *password;
} good[] = {
        {"mqtt://broker", "broker", 1883, false, NULL, NULL},
        {"mqtt://broker/", "broker", 1883, false, NULL, NULL},
        {"MQTTS://broker", "broker", 8883, true, NULL, NULL},
        {"mqtt://broker:2000", "broker", 2000, false, NULL, NULL},
        {"mqtts://me@broker:2000", "broker", 2000, true, "me", NULL},
        {"mqtt://me:secret@broker", "broker", 1883, false, "me", "secret"},
        {"mqtt://m%40e:s%3A%2F%25%C3%A4@broker", "broker", 1883, false, "m@e", "s:/%\xc3\xa4"},
        {"mqtt://:secret@broker", "broker", 1883, false, "", "secret"},
        {"mqtt://me:@broker", "broker", 1883, false, "me", ""},
        {"mqtt://[2001:db8::1]:99", "2001:db8::1", 99, false, NULL, NULL},
        {"mqtt://192.0.2.1", "192.0.2.1", 1883, false, NULL, NULL},
};

static void urls_are_read(void **state) {
        (void)state;
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                struct mqtt_address address;
                struct error error = {0};

                assert_int_equal(mqtt_address_read(&address, good[i].url, &error), 0);
                assert_string_equal(address.host, good[i].host);
                assert_int_equal(address.port, good[i].port);
                assert_int_equal(address.is_tls, good[i].is_tls);
                if (good[i].user)
                        assert_string_equal(address.user, good[i].user);
                else
                        assert_null(address.user);
                if (good[i].password)
                        assert_string_equal(address.password, good[i].password);
                else
                        assert_null(address.password);
                mqtt_address_deinit(&address);
                assert_null(address.password);
        }
}

static void others_are_refused_without_their_secrets(void **state) {
        static const char *const bad[] = {
                "",
                "broker",
                "http://me:secret@broker",
                "me:secret@broker",
                "mqtt:/me:secret@broker",
                "mqtt://",
                "mqtt://me:secret@",
                "mqtt://me:secret@broker:0",
                "mqtt://me:secret@broker:port",
                "mqtt://me:secret@broker:70000",
                "mqtt://me:secret@broker/topic",
                "mqtt://me:secret@broker?a=b",
                "mqtt://me:secret@broker#a",
                "mqtt://me:secret/more@broker",
                "mqtt://me:secret%00@broker",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct mqtt_address address;
                struct error error = {0};

                if (mqtt_address_read(&address, bad[i], &error) != -EINVAL)
                        fail_msg("%s was read", bad[i]);
                assert_null(address.host);
                assert_memory_equal(error.text, "url: ", 5);
                assert_null(strstr(error.text, "secret"));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(urls_are_read),
                cmocka_unit_test(others_are_refused_without_their_secrets),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
