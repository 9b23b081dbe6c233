#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "cli/row_printer.h"
#include "util/mem.h"

#define NOON INT64_C(1796040000123)  // 2026-11-30T12:00:00.123Z
#define S    AUDIO_RATE

static char stream_name[] = "hall", row_text[] = "the fire alarm";

static struct row segment_make(void) {
        return (struct row){.kind = ROW_SEGMENT,
                            .stream = stream_name,
                            .text = row_text,
                            .start = NOON,
                            .end = NOON + 2000,
                            .position = 5 * S,
                            .n_samples = 2 * S};
}

// What is printed of the row, into memory or onto a terminal.
static char *printed(bool is_terminal, enum transcript_format format, const struct row *row,
                     const char *marked) {
        int ours, theirs;
        char *text = xcalloc(4096, 1);
        struct termios raw;
        FILE *stream;

        if (is_terminal) {
                assert_int_equal(openpty(&ours, &theirs, NULL, NULL, NULL), 0);
                assert_int_equal(tcgetattr(theirs, &raw), 0);
                cfmakeraw(&raw);
                assert_int_equal(tcsetattr(theirs, TCSANOW, &raw), 0);
        } else {
                int ends[2];

                assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
                ours = ends[0];
                theirs = ends[1];
        }
        stream = fdopen(theirs, "w");
        {
                CLEANUP(row_printer_freep)
                struct row_printer *printer = row_printer_new(stream, format, 0);

                row_printer_print(printer, row, marked);
                assert_true(row_printer_flush(printer));
                assert_true(read(ours, text, 4095) > 0);
        }
        fclose(stream);
        close(ours);
        return text;
}

static void assert_printed(bool is_terminal, enum transcript_format format,
                           const struct row *row, const char *marked, const char *expected) {
        CLEANUP(mem_freep) char *text = printed(is_terminal, format, row, marked);

        assert_string_equal(text, expected);
}

static int environment_set(void **state) {
        (void)state;
        // NOLINTBEGIN(concurrency-mt-unsafe): there is one thread
        setenv("TZ", "UTC-2", 1);
        setenv("TERM", "xterm", 1);
        unsetenv("NO_COLOR");
        tzset();
        // NOLINTEND(concurrency-mt-unsafe)
        return 0;
}

static void a_line_is_plain_where_there_is_no_terminal(void **state) {
        struct row row = segment_make();

        (void)state;
        assert_printed(false, TRANSCRIPT_TEXT, &row,
                       "the \x01"
                       "fire\x02 alarm",
                       "2026-11-30 14:00:00 hall: the fire alarm\n");
        assert_printed(false, TRANSCRIPT_TEXT, &row, NULL,
                       "2026-11-30 14:00:00 hall: the fire alarm\n");
}

static void what_was_found_stands_out_on_a_terminal(void **state) {
        struct row row = segment_make();

        (void)state;
        assert_printed(true, TRANSCRIPT_TEXT, &row,
                       "the \x01"
                       "fire\x02 alarm",
                       "\x1b[2m2026-11-30 14:00:00\x1b[0m \x1b[36mhall\x1b[0m: "
                       "the \x1b[1;33mfire\x1b[0m alarm\x1b[0m\n");
}

static void no_color_and_dumb_terminals_are_respected(void **state) {
        struct row row = segment_make();

        (void)state;
        // NOLINTBEGIN(concurrency-mt-unsafe): there is one thread
        setenv("NO_COLOR", "1", 1);
        assert_printed(true, TRANSCRIPT_TEXT, &row,
                       "the \x01"
                       "fire\x02 alarm",
                       "2026-11-30 14:00:00 hall: the fire alarm\n");
        setenv("NO_COLOR", "", 1);
        setenv("TERM", "dumb", 1);
        assert_printed(true, TRANSCRIPT_TEXT, &row, NULL,
                       "2026-11-30 14:00:00 hall: the fire alarm\n");
        // NOLINTEND(concurrency-mt-unsafe)
        environment_set(NULL);
}

static void nothing_plays_with_the_terminal(void **state) {
        struct row row = segment_make();
        CLEANUP(mem_freep) char *json = NULL;

        (void)state;
        row.stream = (char[]){"ha\x1b[2Jll\n"};
        row.text = (char[]){"a\x1b]0;x\x07\xc2\x9b"
                            "31m\u202e"};
        assert_printed(true, TRANSCRIPT_TEXT, &row,
                       "a\x1b]0;\x01x\x02\x07\xc2\x9b"
                       "31m\u202e",
                       "\x1b[2m2026-11-30 14:00:00\x1b[0m \x1b[36mha [2Jll \x1b[0m: "
                       "a ]0;\x1b[1;33mx\x1b[0m  31m\ufffd\x1b[0m\n");
        json = printed(true, TRANSCRIPT_JSON, &row, NULL);
        assert_null(strpbrk(json, "\x1b\x07"));
        assert_null(strstr(json, "\xc2\x9b"));
        assert_null(strstr(json, "\u202e"));
}

static void json_is_exact_where_there_is_no_terminal(void **state) {
        struct row row = segment_make();
        CLEANUP(mem_freep) char *json = NULL;

        (void)state;
        row.text = (char[]){"a\u202e"};
        json = printed(false, TRANSCRIPT_JSON, &row, NULL);
        assert_non_null(strstr(json, "\"text\":\"a\u202e\""));
        assert_string_equal(strchr(json, '\n'), "\n");
}

static void alerts_and_states_say_what_they_are(void **state) {
        struct row row = segment_make();

        (void)state;
        row.kind = ROW_ALERT;
        row.alert = (char[]){"help"};
        assert_printed(false, TRANSCRIPT_TEXT, &row, NULL,
                       "2026-11-30 14:00:00 hall: [alert help] the fire alarm\n");
        row.phase = ROW_WITHDRAWN;
        assert_printed(false, TRANSCRIPT_TEXT, &row, NULL,
                       "2026-11-30 14:00:00 hall: [alert help withdrawn] the fire alarm\n");
        row = segment_make();
        row.kind = ROW_STATUS;
        row.text = NULL;
        row.state = (char[]){"offline"};
        assert_printed(false, TRANSCRIPT_TEXT, &row, NULL,
                       "2026-11-30 14:00:00 hall: offline\n");
        row.reason = (char[]){"refused"};
        assert_printed(false, TRANSCRIPT_TEXT, &row, NULL,
                       "2026-11-30 14:00:00 hall: offline: refused\n");
        row.kind = ROW_FORGOTTEN;
        row.stream = NULL;
        assert_printed(false, TRANSCRIPT_TEXT, &row, NULL,
                       "2026-11-30 14:00:00 *: text was removed\n");
}

static void subtitles_count_from_the_first_row_or_from_a_given_time(void **state) {
        struct row_word words[] = {
                {.text = (char[]){"the"}, .begin = 5 * S, .end = 5 * S + S / 2},
                {.text = (char[]){" fire alarm"}, .begin = 6 * S, .end = 7 * S}};
        struct row first = segment_make(), second = segment_make();
        CLEANUP(mem_freep) char *text = NULL;
        size_t length;
        FILE *stream = open_memstream(&text, &length);
        struct row_printer *printer = row_printer_new(stream, TRANSCRIPT_SRT, 0);

        (void)state;
        second.start += 10000;
        second.position += 10 * S;
        second.kind = ROW_ALERT;
        row_printer_print(printer, &first, NULL);
        row_printer_print(printer, &second, NULL);
        second.kind = ROW_SEGMENT;
        row_printer_print(printer, &second, NULL);
        row_printer_free(printer);
        first.words = words;
        first.n_words = 2;
        // It began before.
        printer = row_printer_new(stream, TRANSCRIPT_VTT, NOON + 250);
        row_printer_print(printer, &first, NULL);
        row_printer_free(printer);
        fclose(stream);
        assert_string_equal(text, "1\n00:00:00,000 --> 00:00:02,000\nthe fire alarm\n\n"
                                  "2\n00:00:10,000 --> 00:00:12,000\nthe fire alarm\n\n"
                                  "WEBVTT\n\n"
                                  "00:00:00.000 --> 00:00:01.750\nthe fire alarm\n\n");
}

static void a_stream_that_takes_nothing_is_noticed(void **state) {
        struct row row = segment_make();
        FILE *full = fopen("/dev/full", "we");
        CLEANUP(row_printer_freep)
        struct row_printer *printer = row_printer_new(full, TRANSCRIPT_TEXT, 0);

        (void)state;
        row_printer_print(printer, &row, NULL);
        assert_false(row_printer_flush(printer));
        fclose(full);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_line_is_plain_where_there_is_no_terminal),
                cmocka_unit_test(what_was_found_stands_out_on_a_terminal),
                cmocka_unit_test(no_color_and_dumb_terminals_are_respected),
                cmocka_unit_test(nothing_plays_with_the_terminal),
                cmocka_unit_test(json_is_exact_where_there_is_no_terminal),
                cmocka_unit_test(alerts_and_states_say_what_they_are),
                cmocka_unit_test(subtitles_count_from_the_first_row_or_from_a_given_time),
                cmocka_unit_test(a_stream_that_takes_nothing_is_noticed),
        };

        return cmocka_run_group_tests(tests, environment_set, NULL);
}
