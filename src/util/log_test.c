// Log lines and error texts as their readers meet them.
#include "util/log.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/error.h"

static char line[8192];

// Run the statement with standard error caught in `line`.
#define CAUGHT(statement)                                       \
        do {                                                    \
                int pipe_ends[2], saved = dup(STDERR_FILENO);   \
                ssize_t n;                                      \
                                                                \
                assert_int_equal(pipe(pipe_ends), 0);           \
                dup2(pipe_ends[1], STDERR_FILENO);              \
                close(pipe_ends[1]);                            \
                statement;                                      \
                dup2(saved, STDERR_FILENO);                     \
                close(saved);                                   \
                n = read(pipe_ends[0], line, sizeof(line) - 1); \
                line[n > 0 ? n : 0] = '\0';                     \
                close(pipe_ends[0]);                            \
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
                            "quote \" and \n break");
        assert_string_equal(json_string_value(json_object_get(object, "event")), "said");
        json_decref(object);
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
        error_prefix(&error, "%s", "where");
        assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 1);
        assert_memory_equal(error.text, "where: xxx", 10);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(text_lines_are_one_line_each),
                cmocka_unit_test(json_lines_parse),
                cmocka_unit_test(lower_levels_are_silent),
                cmocka_unit_test(errors_grow_on_their_way_up),
                cmocka_unit_test(long_errors_are_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
