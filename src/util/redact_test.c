#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"
#include "util/redact.h"

static const struct {
        const char *text, *redacted;
} cases[] = {
        {"", ""},
        {"no address here", "no address here"},
        {"rtsp://host/office", "rtsp://host/office"},
        {"rtsp://host:8554/office?audio=all", "rtsp://host:8554/office?audio=all"},
        {"rtsp://user:word@host/office", "rtsp://***@host/office"},
        {"rtsp://user@host", "rtsp://***@host"},
        {"rtsp://:word@host", "rtsp://***@host"},
        {"rtsp://@host", "rtsp://***@host"},
        {"rtsp://u%40x:p%2Fw@[::1]:554/a", "rtsp://***@[::1]:554/a"},
        // Passwords that were not percent-encoded as they should have been.
        {"rtsp://user:a@b@host/x", "rtsp://***@host/x"},
        {"rtsp://user:a/b@host/x", "rtsp://***@host/x"},
        {"rtsp://user:a?b#c@host/x", "rtsp://***@host/x"},
        {"rtsp://user:a'\"b@host/x", "rtsp://***@host/x"},
        {"open 'rtsp://u:p@h/x': refused", "open 'rtsp://***@h/x': refused"},
        {"rtsp://u:p@h/1 and http://u:p@h/2", "rtsp://***@h/1 and http://***@h/2"},
        {"http://h/a?token=abc&x=1", "http://h/a?token=***&x=1"},
        {"http://h/a?x=1&PassWord=abc#top", "http://h/a?x=1&PassWord=***#top"},
        {"http://h/a?x=1;api_key=abc", "http://h/a?x=1;api_key=***"},
        {"http://h/a?X-Amz-Signature=abc&e=2", "http://h/a?X-Amz-Signature=***&e=2"},
        {"http://h/a#access_token=abc", "http://h/a#access_token=***"},
        {"http://u:p@h/a?key=k?k&sig=s", "http://***@h/a?key=***&sig=***"},
        {"http://h/a?token=", "http://h/a?token="},
        {"http://h/a?monkey=abc&keys=2", "http://h/a?monkey=abc&keys=2"},
        {"srt://h:9000?passphrase=0123456789&mode=caller",
         "srt://h:9000?passphrase=***&mode=caller"},
        {"token=abc is no URL", "token=abc is no URL"},
        {"://", "://"},
        {"a://@b://@c", "a://***@c"},
};

static void urls_lose_their_secrets(void **state) {
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(mem_freep) char *redacted = redact_urls(cases[i].text);

                assert_string_equal(redacted, cases[i].redacted);
        }
}

static void replacements_fit_however_many(void **state) {
        char text[4096];
        size_t n = 0;

        (void)state;
        while (n + 8 < sizeof(text)) {
                memcpy(text + n, "a://@ ", 6);
                n += 6;
        }
        text[n] = '\0';
        CLEANUP(mem_freep) char *redacted = redact_urls(text);

        assert_int_equal(strlen(redacted), n / 6 * 9);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(urls_lose_their_secrets),
                cmocka_unit_test(replacements_fit_however_many),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
