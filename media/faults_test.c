// Lines as FFmpeg's libraries print them for real peers and files.
#include <libavutil/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "media/faults.h"

#define PASSWORD "s3cr3t"

static const struct {
        const char *lines[3];
        int code;
        enum media_fault fault;
        const char *words;
} cases[] = {
        {{"method DESCRIBE failed: 401 Unauthorized"},
         AVERROR_HTTP_UNAUTHORIZED,
         MEDIA_FAULT_CREDENTIALS,
         "method DESCRIBE failed: 401 Unauthorized"},
        {{"HTTP error 403 X"},
         AVERROR_HTTP_FORBIDDEN,
         MEDIA_FAULT_CREDENTIALS,
         "HTTP error 403 X"},
        {{"method DESCRIBE failed: 404 Not Found"},
         AVERROR_HTTP_NOT_FOUND,
         MEDIA_FAULT_NOT_FOUND,
         "method DESCRIBE failed: 404 Not Found"},
        {{"method PLAY failed: 454 Session Not Found"},
         AVERROR_HTTP_OTHER_4XX,
         MEDIA_FAULT_NO_AUDIO,
         "method PLAY failed: 454 Session Not Found"},
        {{"Failed to resolve hostname x: Name or service not known"},
         AVERROR(EIO),
         MEDIA_FAULT_NAME,
         "Failed to resolve hostname x: Name or service not known"},
        {{"Connection attempt to 127.0.0.1 port 1 failed: Connection refused",
          "Connection to tcp://127.0.0.1:1 failed: Connection refused"},
         AVERROR(ECONNREFUSED),
         MEDIA_FAULT_REFUSED,
         "Connection to tcp://127.0.0.1:1 failed: Connection refused"},
        {{NULL}, AVERROR(ETIMEDOUT), MEDIA_FAULT_TIMEOUT, "Connection timed out"},
        {{"Connection to tcp://10.0.0.1:80 failed: Permission denied"},
         AVERROR(EACCES),
         MEDIA_FAULT_PROTOCOL,
         "Connection to tcp://10.0.0.1:80 failed: Permission denied"},
        {{"Format not on whitelist 'aac,ac3'"},
         AVERROR(EINVAL),
         MEDIA_FAULT_FORMAT,
         "Format not on whitelist 'aac,ac3'"},
        {{"Protocol 'file' not on whitelist 'http,https'!"},
         AVERROR(EINVAL),
         MEDIA_FAULT_PROTOCOL,
         "Protocol 'file' not on whitelist 'http,https'!"},
        {{"moov atom not found"},
         AVERROR_INVALIDDATA,
         MEDIA_FAULT_INDEX_LAST,
         "moov atom not found"},
        {{NULL},
         AVERROR_INVALIDDATA,
         MEDIA_FAULT_NOT_MEDIA,
         "Invalid data found when processing input"},
        {{"Stream ends prematurely at 99805, should be 200000"},
         AVERROR(EIO),
         MEDIA_FAULT_OTHER,
         "Stream ends prematurely at 99805, should be 200000"},
        {{NULL}, AVERROR(EIO), MEDIA_FAULT_OTHER, "Input/output error"},
        {{"odd answer of http://u:" PASSWORD "@h/x?token=abc"},
         AVERROR(EIO),
         MEDIA_FAULT_OTHER,
         "odd answer of http://***@h/x?token=***"},
        {{"Too many streams 101"}, AVERROR(EINVAL), MEDIA_FAULT_LIMIT, "Too many streams 101"},
        // The last of those that tell the same, and a warning too where it is known.
        {{"method DESCRIBE failed: 404 Not Found", "HTTP error 404"},
         AVERROR(EIO),
         MEDIA_FAULT_NOT_FOUND,
         "HTTP error 404"},
        // The more telling one counts, whichever comes first.
        {{"HTTP error 404 Not Found", "Connection refused", "some other error"},
         AVERROR(EIO),
         MEDIA_FAULT_NOT_FOUND,
         "HTTP error 404 Not Found"},
};

static void each_complaint_is_understood(void **state) {
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct media_faults faults;
                char words[MEDIA_WORDS_MAX];

                media_faults_init(&faults);
                for (size_t j = 0; j < 3 && cases[i].lines[j]; j++)
                        media_faults_note(&faults, true, cases[i].lines[j]);
                assert_int_equal(media_faults_judge(&faults, cases[i].code, words),
                                 cases[i].fault);
                assert_string_equal(words, cases[i].words);
        }
}

static void a_warning_that_nobody_knows_is_none(void **state) {
        struct media_faults faults;
        char words[MEDIA_WORDS_MAX];

        (void)state;
        media_faults_init(&faults);
        media_faults_note(&faults, false, "Guessed Channel Layout for Input Stream #0.0");
        assert_int_equal(media_faults_judge(&faults, AVERROR(ENOMEM), words),
                         MEDIA_FAULT_LIMIT);
        assert_string_equal(words, "Cannot allocate memory");
}

static void what_we_found_ourselves_counts_most(void **state) {
        struct media_faults faults;
        char words[MEDIA_WORDS_MAX];

        (void)state;
        media_faults_init(&faults);
        media_faults_note(&faults, true, "HTTP error 401");
        media_faults_set(&faults, MEDIA_FAULT_LIMIT, "%d of %s", 65,
                         "http://u:" PASSWORD "@h\nsecond line");
        media_faults_note(&faults, true, "HTTP error 403");
        assert_int_equal(media_faults_judge(&faults, AVERROR(EIO), words), MEDIA_FAULT_LIMIT);
        assert_string_equal(words, "65 of http://***@h");
}

static void a_long_line_is_cut(void **state) {
        struct media_faults faults;
        char line[4096], words[MEDIA_WORDS_MAX];

        (void)state;
        memset(line, 'x', sizeof(line));
        line[sizeof(line) - 1] = '\0';
        media_faults_init(&faults);
        media_faults_note(&faults, true, line);
        media_faults_judge(&faults, AVERROR(EIO), words);
        assert_int_equal(strlen(words), MEDIA_WORDS_MAX - 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_complaint_is_understood),
                cmocka_unit_test(a_warning_that_nobody_knows_is_none),
                cmocka_unit_test(what_we_found_ourselves_counts_most),
                cmocka_unit_test(a_long_line_is_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
