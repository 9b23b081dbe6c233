#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "cli/selection.h"
#include "util/complaint.h"

#define NOW  INT64_C(1796040000000)  // 2026-11-30T12:00:00Z
#define HOUR INT64_C(3600000)

static const struct options_verb verb = {"search", "WORDS", "About.\n", selection_entries};

// Of a command line without quotes; words are parted by commas there.
static int read_line(struct selection *ret, const char *line) {
        static char text[512];
        static char *words[32];
        char *rest = text, *word;
        struct options options;
        int n = 0;

        snprintf(text, sizeof(text), "search %s", line);
        while ((word = strsep(&rest, " ")) && n < 31)
                words[n++] = word;
        words[n] = NULL;
        assert_int_equal(options_parse(&options, &verb, n, words), -1);
        return selection_read(ret, &options, 100, NOW);
}

static int zone_set(void **state) {
        (void)state;
        // NOLINTBEGIN(concurrency-mt-unsafe): there is one thread
        setenv("TZ", "UTC-2", 1);  // two hours before UTC
        tzset();
        // NOLINTEND(concurrency-mt-unsafe)
        return 0;
}

static void nothing_asks_for_all(void **state) {
        struct selection selection;

        (void)state;
        assert_int_equal(read_line(&selection, "--limit 0"), -1);
        assert_null(selection.query.streams);
        assert_null(selection.query.languages);
        assert_null(selection.query.words);
        assert_int_equal(selection.query.since, 0);
        assert_int_equal(selection.query.until, 0);
        assert_int_equal(selection.limit, 0);
        assert_int_equal(selection.format, TRANSCRIPT_TEXT);
        selection_deinit(&selection);
}

static void all_conditions_are_read(void **state) {
        struct selection selection;

        (void)state;
        assert_int_equal(read_line(&selection, "-s hall fire --stream att* --language de alarm "
                                               "--since 2h --until 30m --format json"),
                         -1);
        assert_string_equal(selection.query.streams[0], "hall");
        assert_string_equal(selection.query.streams[1], "att*");
        assert_null(selection.query.streams[2]);
        assert_string_equal(selection.query.languages[0], "de");
        assert_null(selection.query.languages[1]);
        assert_string_equal(selection.query.words, "fire alarm");
        assert_int_equal(selection.query.since, NOW - 2 * HOUR);
        assert_int_equal(selection.query.until, NOW - HOUR / 2);
        assert_int_equal(selection.limit, 100);
        assert_int_equal(selection.format, TRANSCRIPT_JSON);
        selection_deinit(&selection);
}

static void dates_are_local_unless_they_say_otherwise(void **state) {
        struct selection selection;

        (void)state;
        assert_int_equal(
                read_line(&selection, "--since 2026-11-30 --until 2026-11-30T12:00Z -n 7"), -1);
        assert_int_equal(selection.query.since, NOW - 14 * HOUR);
        assert_int_equal(selection.query.until, NOW);
        assert_int_equal(selection.limit, 7);
        selection_deinit(&selection);
        assert_int_equal(read_line(&selection, "--since 2026-11-30T12:00"), -1);
        assert_int_equal(selection.query.since, NOW - 2 * HOUR);
        selection_deinit(&selection);
}

static void subtitles_are_of_one_stream(void **state) {
        struct selection selection;

        (void)state;
        assert_int_equal(read_line(&selection, "--format srt --stream hall"), -1);
        assert_string_equal(selection_stream(&selection), "hall");
        selection_deinit(&selection);
        assert_int_equal(read_line(&selection, "--format srt"), EXIT_USAGE);
        assert_int_equal(read_line(&selection, "--format vtt --stream h*"), EXIT_USAGE);
        assert_int_equal(read_line(&selection, "--format vtt -s hall -s attic"), EXIT_USAGE);
}

static void mistakes_are_told(void **state) {
        static const char *const lines[] = {"--since yesterday",
                                            "--since 2026",
                                            "--since -2h",
                                            "--since",
                                            "--until 2h30",
                                            "--since 99999999d",
                                            "--limit -1",
                                            "--limit 1k",
                                            "--limit",
                                            "--format xml",
                                            "--since 1h --until 2h",
                                            "--since 2026-11-31"};

        (void)state;
        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
                char line[64];
                struct selection selection;

                // An empty value is one.
                snprintf(line, sizeof(line), "%s%s", lines[i],
                         strchr(lines[i], ' ') ? "" : " ");
                assert_int_equal(read_line(&selection, line), EXIT_USAGE);
                assert_null(selection.query.words);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_asks_for_all),
                cmocka_unit_test(all_conditions_are_read),
                cmocka_unit_test(dates_are_local_unless_they_say_otherwise),
                cmocka_unit_test(subtitles_are_of_one_stream),
                cmocka_unit_test(mistakes_are_told),
        };

        return cmocka_run_group_tests(tests, zone_set, NULL);
}
