// Signatures as Standard Webhooks has them: its own example, and what is no key.
#include "sink/signature.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_message_is_signed(void **state) {
        static const char body[] = "{\"test\": 2432232314}";
        struct signature_key key = {0};
        char signature[SIGNATURE_TEXT_MAX];

        (void)state;
        assert_int_equal(
                signature_key_read(&key, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", NULL), 0);
        assert_int_equal(key.n, 24);
        signature_write(signature, &key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body,
                        strlen(body));
        assert_string_equal(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        signature_key_deinit(&key);
        assert_null(key.bytes);
}

static void keys_are_read(void **state) {
        static const struct {
                const char *secret, *bytes;
        } keys[] = {
                {"whsec_YQ==", "a"},          {"whsec_YQ", "a"},     {"whsec_YWI", "ab"},
                {"whsec_YWI=", "ab"},         {"whsec_YWJj", "abc"}, {"hush", "hush"},
                {"whsec YWJj", "whsec YWJj"},
        };
        struct signature_key key = {0};

        (void)state;
        for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
                assert_int_equal(signature_key_read(&key, keys[i].secret, NULL), 0);
                assert_int_equal(key.n, strlen(keys[i].bytes));
                assert_memory_equal(key.bytes, keys[i].bytes, key.n);
                signature_key_deinit(&key);
        }
}

static void what_is_no_key_is_refused_without_being_told(void **state) {
        static const char *const secrets[] = {
                "",          "whsec_",        "whsec_====", "whsec_hush!", "whsec_YWJjY",
                "whsec_YQ=", "whsec_YW==YWJj"};
        struct signature_key key = {0};
        struct error error;

        (void)state;
        for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++) {
                assert_true(signature_key_read(&key, secrets[i], &error) < 0);
                assert_memory_equal(error.text, "secret: ", 8);
                assert_null(strstr(error.text, "hush"));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_message_is_signed),
                cmocka_unit_test(keys_are_read),
                cmocka_unit_test(what_is_no_key_is_refused_without_being_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
