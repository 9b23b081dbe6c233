// Log lines and error texts as their readers meet them.
#include "util/log.h"

#include <ctype.h>
#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/error.h"
#include "util/log_limit.h"
#include "util/utf8.h"

#define N_FLOOD 20000

static char line[128 << 10];  // more than a pipe holds

// Run the statement with standard error caught in `line`.
#define CAUGHT(statement)                                              \
        do {                                                           \
                int pipe_ends[2], saved = dup(STDERR_FILENO);          \
                ssize_t n_caught;                                      \
                                                                       \
                assert_int_equal(pipe(pipe_ends), 0);                  \
                dup2(pipe_ends[1], STDERR_FILENO);                     \
                close(pipe_ends[1]);                                   \
                statement;                                             \
                dup2(saved, STDERR_FILENO);                            \
                close(saved);                                          \
                n_caught = read(pipe_ends[0], line, sizeof(line) - 1); \
                line[n_caught > 0 ? n_caught : 0] = '\0';              \
                close(pipe_ends[0]);                                   \
        } while (0)

static void text_lines_are_one_line_each(void **state) {
        (void)state;
        log_configure(LOG_INFO, LOG_TEXT);
        CAUGHT(log_warning("office", "source-lost", "gone: %s", "two\nlines\x1b[31m"));
        assert_non_null(strstr(line, " warning office: gone: two lines [31m [source-lost]\n"));
        assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void json_lines_parse(void **state) {
        json_t *object;

        (void)state;
        log_configure(LOG_INFO, LOG_JSON);
        CAUGHT(log_info("office", "said", "quote \" and \n break"));
        log_configure(LOG_INFO, LOG_TEXT);
        object = json_loads(line, 0, NULL);
        assert_non_null(object);
        assert_string_equal(json_string_value(json_object_get(object, "message")),
                            "quote \" and   break");
        assert_string_equal(json_string_value(json_object_get(object, "event")), "said");
        json_decref(object);
}

// A client's uid may hold anything; a line that it forges would be believed.
static void nobody_forges_a_line(void **state) {
        static const char forged[] = "x\n2030-01-01T00:00:00.000Z error office: gone\x1b[31m"
                                     "\xc2\x9b"
                                     "1m\u202e\x7f\xff";

        (void)state;
        for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
                log_configure(LOG_INFO, (enum log_format)format);
                CAUGHT(log_info(forged, "said", "it is %s", forged));
                assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
                for (const char *place = line; place[1]; place++)
                        assert_true((unsigned char)*place >= 0x20 && *place != 0x7f);
                assert_null(strstr(line, "\xc2\x9b"));
                assert_null(strstr(line, "\u202e"));
                assert_null(strchr(line, '\xff'));
                CAUGHT(log_raw(forged));
                assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
                assert_null(strchr(line, '\x1b'));
        }
        log_configure(LOG_INFO, LOG_TEXT);
}

// Whatever the bytes, and wherever a message is cut.
static void json_lines_are_always_json(void **state) {
        char text[5000];

        (void)state;
        log_configure(LOG_INFO, LOG_JSON);
        for (size_t i = 0; i < 4; i++) {
                static const char *const pieces[] = {"\u00e9", "\u4e2d", "\U0001f399", "\xe9"};
                json_t *object;
                size_t n = 0;

                for (size_t pad = 0; pad < 4; pad++) {
                        memset(text, 'a', pad);
                        for (n = pad; n + 5 < sizeof(text); n += strlen(pieces[i]))
                                memcpy(text + n, pieces[i], strlen(pieces[i]) + 1);
                        CAUGHT(log_info(text, "said", "%s", text));
                        object = json_loads(line, 0, NULL);
                        assert_non_null(object);
                        // Nothing was broken by the cut.
                        if (i < 3)
                                assert_null(strstr(line, UTF8_REPLACEMENT));
                        json_decref(object);
                }
        }
        log_configure(LOG_INFO, LOG_TEXT);
}

static void secrets_are_not_logged(void **state) {
        (void)state;
        CAUGHT(log_info("office", "said", "no file %s", "rtsp:/user:hunter2@host/x"));
        assert_non_null(strstr(line, "no file rtsp:/***@host/x [said]"));
}

static size_t lines_count(void) {
        size_t n = 0;

        for (const char *place = line; (place = strchr(place, '\n')); place++)
                n++;
        return n;
}

// What the burst allows goes nowhere; then as many lines as make two seconds of an attack.
static void flood(void) {
        int null = open("/dev/null", O_WRONLY), saved = dup(STDERR_FILENO);

        dup2(null, STDERR_FILENO);
        for (int i = 0; i < LOG_EVENT_BURST; i++)
                log_info("client", "flood", "refused");
        dup2(saved, STDERR_FILENO);
        close(null);
        close(saved);
        for (int i = 0; i < N_FLOOD; i++)
                log_info("client", "flood", "refused");
        log_tell_left_out();  // not yet: it was just now
        log_stop();
}

// 10,470 set-ups a second wrote 2.9 MB a second.
static void a_flood_of_one_event_is_limited_and_counted(void **state) {
        unsigned n_written, n_left_out;
        const char *told;

        (void)state;
        CAUGHT(flood());
        told = strstr(line, " more of these were left out [flood]\n");
        assert_non_null(told);
        n_written = (unsigned)lines_count() - 1;
        while (told > line && isdigit((unsigned char)told[-1]))
                told--;
        n_left_out = (unsigned)strtoul(told, NULL, 10);
        assert_int_equal(n_written + n_left_out, N_FLOOD);
        assert_true(n_written < 70);  // 10 a second, for what a slow machine needs
}

// Standard error is a pipe that nobody reads: without the log's own thread this never ends.
static void a_stalled_reader_stops_nobody(void **state) {
        int pipe_ends[2], saved = dup(STDERR_FILENO);
        char filling[1000];
        ssize_t n;
        size_t n_read = 0;

        (void)state;
        memset(filling, 'x', sizeof(filling) - 1);
        filling[sizeof(filling) - 1] = '\0';
        assert_int_equal(pipe(pipe_ends), 0);
        dup2(pipe_ends[1], STDERR_FILENO);
        log_start();
        for (size_t i = 0; i < 4 * LOG_QUEUE_BYTES / sizeof(filling); i++)
                log_raw(filling);
        log_stop();  // in bounded time, though nothing moves
        log_last_words("neither does this wait");
        fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK);
        // The reader is back: what waited comes, and how much was lost is told.
        do {
                n = read(pipe_ends[0], line, sizeof(line) - 1);
                n_read += n > 0 ? (size_t)n : 0;
                log_tell_left_out();
                line[n > 0 ? n : 0] = '\0';
        } while (!strstr(line, "lines were lost: this log's reader did not take them"));
        log_stop();
        assert_true(n_read < 3 * LOG_QUEUE_BYTES);
        dup2(saved, STDERR_FILENO);
        close(saved);
        close(pipe_ends[0]);
        close(pipe_ends[1]);
}

static void lower_levels_are_silent(void **state) {
        (void)state;
        log_configure(LOG_ERROR, LOG_TEXT);
        CAUGHT({
                log_warning("a", "b", "not this");
                log_error("a", "b", "but this");
        });
        log_configure(LOG_INFO, LOG_TEXT);
        assert_null(strstr(line, "not this"));
        assert_non_null(strstr(line, "but this"));
}

static void errors_grow_on_their_way_up(void **state) {
        struct error error;

        (void)state;
        assert_int_equal(error_set(&error, -5, "no %s", "sound"), -5);
        assert_int_equal(error_prefix(&error, "stream '%s'", "hall"), -5);
        assert_string_equal(error.text, "stream 'hall': no sound");
        assert_int_equal(error_set(NULL, -3, "dropped"), -3);
}

static void long_errors_are_cut(void **state) {
        struct error error;
        char text[2 * ERROR_TEXT_MAX];

        (void)state;
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        error_set(&error, -1, "%s", text);
        assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 1);
        // Between characters, and still one line.
        memset(text, 'x', sizeof(text) - 1);
        memcpy(text + ERROR_TEXT_MAX - 2, "\u4e2d\n", 4);
        error_set(&error, -1, "%s", text);
        assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 2);
        error_set(&error, -1, "two\nlines \x1b[31m");
        assert_string_equal(error.text, "two lines  [31m");
        memset(text, 'x', sizeof(text) - 1);
        error_set(&error, -1, "%s", text);
        error_prefix(&error, "%s", "where");
        assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 1);
        assert_memory_equal(error.text, "where: xxx", 10);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(text_lines_are_one_line_each),
                cmocka_unit_test(json_lines_parse),
                cmocka_unit_test(nobody_forges_a_line),
                cmocka_unit_test(json_lines_are_always_json),
                cmocka_unit_test(secrets_are_not_logged),
                cmocka_unit_test(a_flood_of_one_event_is_limited_and_counted),
                cmocka_unit_test(a_stalled_reader_stops_nobody),
                cmocka_unit_test(lower_levels_are_silent),
                cmocka_unit_test(errors_grow_on_their_way_up),
                cmocka_unit_test(long_errors_are_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
