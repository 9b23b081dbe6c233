// Dates as people write them, and what is none.
#include "util/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static void dates_are_read(void **state) {
        static const struct {
                const char *text;
                int64_t ms;
        } dates[] = {
                {"2026-11-30", 1795993200000},  // midnight in Europe/Berlin
                {"2026-11-30T12:00", 1796036400000},
                {"2026-11-30 12:00:30.5", 1796036430500},
                {"2026-07-01T00:00", 1782856800000},  // summer
                {"2026-11-30T12:00:30Z", 1796040030000},
                {"2026-11-30T12:00:30.123456+01:00", 1796036430123},
                {"2026-11-30T12:00-05:30", 1796059800000},
                {"1970-01-01T00:00Z", 0},
        };
        int64_t ms;

        (void)state;
        for (size_t i = 0; i < sizeof(dates) / sizeof(*dates); i++) {
                ms = -1;
                if (!date_read(dates[i].text, &ms))
                        fail_msg("%s is none", dates[i].text);
                if (ms != dates[i].ms)
                        fail_msg("%s is %lld", dates[i].text, (long long)ms);
        }
}

static void what_is_no_date_is_refused(void **state) {
        static const char *const texts[] = {
                "",
                "now",
                "2026",
                "2026-11",
                "2026-13-01",
                "2026-11-31",
                "2026-11-30T",
                "2026-11-30T24:00",
                "2026-11-30T12:00:30.",
                "2026-11-30T12:00+1",
                "2026-11-30T12:00ZZ",
                "2026-11-30Z",
                " 2026-11-30",
                "26-11-30",
        };
        int64_t ms = 7;

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
                if (date_read(texts[i], &ms) || ms != 7)
                        fail_msg("%s is one", texts[i]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(dates_are_read),
                cmocka_unit_test(what_is_no_date_is_refused),
        };

        // NOLINTNEXTLINE(concurrency-mt-unsafe): at start
        setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
        tzset();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
