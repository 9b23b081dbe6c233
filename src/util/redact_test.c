#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "util/error.h"
#include "util/mem.h"
#include "util/redact.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

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
        {"http://h/a?x=1&PassWord=abc#top", "http://h/a?x=1&PassWord=***"},
        {"http://h/a?x=1;api_key=abc", "http://h/a?x=1;api_key=***"},
        {"http://h/a?X-Amz-Signature=abc&e=2", "http://h/a?X-Amz-Signature=***&e=2"},
        {"http://h/a#access_token=abc", "http://h/a#access_token=***"},
        {"http://u:p@h/a?key=k?k&sig=s", "http://***@h/a?key=***&sig=***"},
        {"http://h/a?token=", "http://h/a?token="},
        {"http://h/a?monkey=abc&keys=2", "http://h/a?monkey=abc&keys=2"},
        {"srt://h:9000?passphrase=0123456789&mode=caller",
         "srt://h:9000?passphrase=***&mode=caller"},
        {"token=abc is no URL", "token=*** is no URL"},
        // Mistyped addresses.
        {"file 'rtsp:/user:pw@host/x': No such file", "file 'rtsp:/***@host/x': No such file"},
        {"rtsp//user:pw@host/x", "rtsp//***@host/x"},
        {"rtsp:user:pw@host", "rtsp:***@host"},
        {"rtsp:\\\\user:pw@host", "rtsp:\\\\***@host"},
        {"rtsp;//user:pw@host", "***@host"},
        {"rstp://user:pw@host", "rstp://***@host"},
        {"user:pw@host/x", "***@host/x"},
        {"--url=rtsp://user:pw@host", "***@host"},
        {"'user:my pw@host': refused", "'***@host': refused"},
        {"(user:pw@host)", "(***@host)"},
        {"rtsp:/user:p://w@host", "rtsp:/***@host"},
        {"rtsp://user:pw%40host/x", "rtsp://***%40host/x"},
        {"rtsp://user:pw%2540host/x", "rtsp://***%2540host/x"},
        {"rtsp://user:p@w%40host", "rtsp://***%40host"},
        {"rtsp://user:pw＠host", "rtsp://***＠host"},
        // The '@' is missing.
        {"rtsp://user:pw", "rtsp://***"},
        {"rtsp://user:pw/host: refused", "rtsp://*** refused"},
        {"rtsp:/user:my pw@host", "rtsp:/*** ***@host"},
        {"--url=rtsp://user:pw#host", "--url=rtsp://***"},
        // No secrets in these.
        {"tcp://127.0.0.1:8554?timeout=0: Connection refused",
         "tcp://127.0.0.1:8554?timeout=0: Connection refused"},
        {"Connection to tcp://host:554: failed", "Connection to tcp://host:554: failed"},
        {"clients at ws://[::1]:9090", "clients at ws://[::1]:9090"},
        {"clients at ws://::1:9090", "clients at ws://::1:9090"},
        {"[rtsp @ 0x55d4] method PLAY failed: 454", "[rtsp @ 0x55d4] method PLAY failed: 454"},
        {"unknown scheme 'rstp://'; expected rtsp", "unknown scheme 'rstp://'; expected rtsp"},
        {"it doesn't say @ whom", "it doesn't say @ whom"},
        {"--beam-size=5 --max-new-length=40", "--beam-size=5 --max-new-length=40"},
        // Parameters of cameras: query, path, matrix, fragment.
        {"http://h/cgi-bin/v.cgi?loginuse=admin&loginpas=pw&r=1",
         "http://h/cgi-bin/v.cgi?loginuse=***&loginpas=***&r=1"},
        {"rtsp://h/user=admin&password=pw&channel=1&stream=0.sdp",
         "rtsp://h/user=***&password=***&channel=1&stream=0.sdp"},
        {"rtsp://h/channel=1_user=admin_password=tlJwpbo6_stream=0.sdp?real_stream",
         "rtsp://h/channel=1_user=***"},
        {"rtsp://h/live;user=admin;pwd=pw", "rtsp://h/live;user=***"},
        {"http://h/v?usr=admin&pwd=pw&pw1=a", "http://h/v?usr=***&pwd=***&pw1=***"},
        {"http://h/v?accessToken=a&streamKey=b&userName=c&id=7",
         "http://h/v?accessToken=***&streamKey=***&userName=***&id=7"},
        {"http://h/v?password%3Dpw", "http://h/v?password%3D***"},
        {"http://h/v?pass=p#w=x", "http://h/v?pass=***"},
        {"/user=admin&password=pw", "/user=***&password=***"},
        // A parameter before a second address, and as one.
        {"a?password=pw&rtsp://u:p", "a?password=***&rtsp://***"},
        {"password=rtsp://u:p", "password=***"},
        {"'a': u:p@h", "'a': ***@h"},
        {"'a':u:p@h", "'***@h"},
        {"://", "://"},
        {"a://@b://@c", "a://***@c"},
        // Every address of a word, not only its first.
        {"http://h/a?url=rtsp://user:pw", "http://h/a?url=rtsp://***"},
        {"http://u:p@h/a?url=rtsp://user:pw", "http://***@h/a?url=rtsp://***"},
        {"sid=http://h/&rtsp://user:pw", "sid=***&rtsp://***"},
        {"sid=:t\x91p://\xfd='#rtrw~&:t\x91p://:\b\b,\b\xf8\b\b\xff\xff:",
         "sid=***&:t\x91p://***"},
        {"http://h:80/a?url=rtsp://h:554/b", "http://h:80/a?url=rtsp://h:554/b"},
        {"http://u:p@h:x/a", "http://***@h:x/a"},
        // What ended a host was part of a secret value.
        {"a://pw=1/&b:c", "a://***"},
        {"rtsp://h?pw=a@b&c:d", "rtsp://***"},
        {"rtsp://h?pw=a@://&c:d", "rtsp://***"},
        {"rtsp://user=a:b&c", "rtsp://***"},
        // What closes a quote does not open the next.
        {"\"a b\"\": \"u:my pw@: \".", "\"a b\"\": \"***@: \"."},
};

static void urls_lose_their_secrets(void **state) {
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(mem_freep) char *redacted = redact_urls(cases[i].text);
                CLEANUP(mem_freep) char *again = redact_urls(redacted);

                assert_string_equal(redacted, cases[i].redacted);
                assert_string_equal(again, redacted);
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

static void values_are_one_word(void **state) {
        static const struct {
                const char *value, *redacted;
        } values[] = {
                {"rtsp:/user:my pw@host/x", "rtsp:/***@host/x"},
                {"user:my pw@host", "***@host"},
                {"'user:'my pw'@host", "***@host"},
                {"(user:pw@host", "***@host"},
                {"a talk.wav", "a talk.wav"},
                {"rtsp://h/a?password=two words&x=1", "rtsp://h/a?password=***&x=1"},
                {"", ""},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
                CLEANUP(mem_freep) char *redacted = redact_value(values[i].value);

                assert_string_equal(redacted, values[i].redacted);
        }
}

// --- a secret never survives -----------------------------------------------------------------

static const char *const secrets[] = {
        "hunter2",    "hunt/er2",  "hunt#er2",   "hunt?er2", "hunt@er2",  "hunt%2Fer2",
        "hunt%40er2", "hunt:er2",  "hunt&er2",   "hunt'er2", "hunt\"er2", "hunt=er2",
        "hunt;er2",   "hunt\\er2", "hunt://er2", "hünter2",
};
static const char *const beginnings[] = {
        "",        "rtsp://",  "rtsp:/",   "rtsp:",   "rtsp//",    "rtsp:///", "rtsp:\\\\",
        "rtsp;//", "RTSP://",  "rstp://",  "//",      "/",         "http:/",   "http//",
        "srt:",    "://",      "file://",  "file:",   "url=rtsp:", "--x=",     "ffmpeg:http://",
        "'",       "\"rtsp:/", "<rtsp://", "rtsps:/", "rtsp.//",
};
static const char *const ats[] = {"@", "@@", "%40", "%2540", "＠", "@x@"};
static const char *const hosts[] = {"host/x", "host:554/a/b", "[::1]:1", "1.2.3.4",
                                    "",       "host/a@b"};

// Neither the beginning nor the end of a secret is left.
static void assert_secret_is_gone(const char *redacted) {
        assert_null(strstr(redacted, "hunt"));
        assert_null(strstr(redacted, "er2"));
        assert_null(strstr(redacted, "hün"));
}

// Everything that the program may do with what was refused.
static void assert_never_shown(const char *value) {
        CLEANUP(mem_freep) char *alone = redact_value(value);
        CLEANUP(mem_freep) char *sentence = xasprintf("file '%s': No such file", value);
        CLEANUP(mem_freep) char *text = redact_urls(sentence);
        CLEANUP(mem_freep) char *again = redact_urls(text);
        struct error error;

        assert_secret_is_gone(alone);
        assert_secret_is_gone(text);
        assert_string_equal(again, text);
        error_set(&error, -1, "file %s: No such file", value);
        error_prefix(&error, "stream %s", value);
        assert_secret_is_gone(error.text);
}

static void no_secret_of_a_mistyped_address_is_shown(void **state) {
        (void)state;
        for (size_t i = 0; i < LENGTH(beginnings); i++)
                for (size_t j = 0; j < LENGTH(secrets); j++)
                        for (size_t k = 0; k < LENGTH(ats); k++)
                                for (size_t l = 0; l < LENGTH(hosts); l++) {
                                        CLEANUP(mem_freep)
                                        char *value = xasprintf("%sadmin:%s%s%s", beginnings[i],
                                                                secrets[j], ats[k], hosts[l]);

                                        assert_never_shown(value);
                                }
}

static void no_secret_parameter_is_shown(void **state) {
        static const char *const names[] = {
                "user",      "usr",     "username", "password", "Password",     "passwd",
                "pass",      "pwd",     "pw",       "loginpas", "loginuse",     "token",
                "key",       "api_key", "apiKey",   "secret",   "access_token", "auth",
                "signature", "sig",     "streamid", "pwd2",     "psw",          "session",
                "login",     "x-token", "user_pwd",
        };
        static const char *const places[] = {
                "rtsp://host/live?%s=%s",
                "rtsp:/host/%s=%s",
                "host/a?x=1&%s=%s&y=2",
                "http://host/a;%s=%s;n=1",
                "http://host/a#%s=%s",
                "/%s=%s/channel/1",
                "rtsp://host/ch=1_%s=%s_s=0.sdp",
                "%s=%s",
                "http://host/?%s%%3d%s",
        };

        (void)state;
        for (size_t i = 0; i < LENGTH(places); i++)
                for (size_t j = 0; j < LENGTH(names); j++)
                        for (size_t k = 0; k < LENGTH(secrets); k++) {
                                char value[256], *place = value;

                                // A '&' ends a value: nobody could tell its rest from a name.
                                if (strchr(secrets[k], '&'))
                                        continue;
                                for (const char *from = places[i], *what = names[j]; *from;
                                     from++) {
                                        if (*from == '%' && from[1] == 's') {
                                                place = stpcpy(place, what);
                                                what = secrets[k];
                                                from++;
                                        } else {
                                                from += *from == '%' && from[1] == '%';
                                                *place++ = *from;
                                        }
                                }
                                *place = '\0';
                                assert_never_shown(value);
                        }
}

// However an error's text is cut, it is not cut before an '@' that was there.
static void long_errors_show_no_secret(void **state) {
        (void)state;
        for (size_t n = 0; n < 2 * ERROR_TEXT_MAX; n += 7) {
                CLEANUP(mem_freep) char *filling = xcalloc(n + 1, 1);
                struct error error;

                memset(filling, 'x', n);
                error_set(&error, -1, "%s user:hunter2@host", filling);
                assert_null(strstr(error.text, "hunt"));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(urls_lose_their_secrets),
                cmocka_unit_test(replacements_fit_however_many),
                cmocka_unit_test(values_are_one_word),
                cmocka_unit_test(no_secret_of_a_mistyped_address_is_shown),
                cmocka_unit_test(no_secret_parameter_is_shown),
                cmocka_unit_test(long_errors_show_no_secret),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
