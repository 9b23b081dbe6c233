// What a sink hears of, row by row and in pages, and of what else.
#include "sink/sink_fixture.h"

static void append_as(struct bench *bench, const char *text, const char *stream,
                      const char *language, const char *session) {
        struct row *row = row_make(text);

        free(row->stream);
        free(row->language);
        row->stream = xstrdup(stream);
        row->language = xstrdup(language);
        row->session = xstrdup(session);
        journal_append(bench->journal, row, NULL, NULL);
}

static void append_variety(struct bench *bench) {
        append_as(bench, "garage", "garage", "en", NULL);
        append_as(bench, "cellar", "cellar", "en", NULL);
        append_as(bench, "german", "garage", "de", NULL);
        append_as(bench, "session", "garage-2", "en", "s1");
        append_kind(bench, ROW_STATUS, "garage");
        append_kind(bench, ROW_ALERT, "garage");
        append_kind(bench, ROW_FORGOTTEN, NULL);
        append_kind(bench, ROW_FORGOTTEN, "cellar");
        bench_turn(bench);
        bench_turn(bench);
}

static void it_hears_of_what_its_filter_lets_through(void **state) {
        static const struct {
                struct sink_config config;
                const char *sends;
        } filters[] = {
                {{.streams = (char *)" gar* attic ", .languages = (char *)"en fr"},
                 "garage status alert forgotten "},
                {{.streams = (char *)"garage-?", .wants_sessions = true}, "session forgotten "},
                {{.kinds = (char *)"alert status"}, "status alert forgotten forgotten "},
                {{.languages = (char *)"de", .kinds = (char *)"segment"},
                 "german forgotten forgotten "},
                {{0}, "garage cellar german status alert forgotten forgotten "},
        };
        struct bench *bench = *state;

        for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++) {
                char *name = bench->configs[0].name, *c;
                // However the rows come: one by one, or from a page.
                for (int is_page = 0; is_page < 2; is_page++) {
                        bench->configs[0] = filters[i].config;
                        bench->configs[0].name = name;
                        bench->script.sends[0] = '\0';
                        bench_open(bench, 1);
                        if (is_page)
                                bench->sinks = sinks_close(bench->sinks);
                        append_variety(bench);
                        if (is_page)
                                bench_open(bench, 1);
                        bench_turn(bench);
                        while ((c = strpbrk(bench->script.sends, "]")))
                                *c = ' ';
                        while ((c = strchr(bench->script.sends, '[')))
                                memmove(c, c + 1, strlen(c));
                        assert_string_equal(bench->script.sends, filters[i].sends);
                        assert_int_equal(bench_state(bench).lag_rows, 0);
                        assert_int_equal(bench_state(bench).n_lost, 0);
                        bench->sinks = sinks_close(bench->sinks);
                }
        }
}

static void what_it_does_not_hear_of_is_not_read(void **state) {
        struct bench *bench = *state;
        unsigned before;

        bench->configs[0].kinds = (char *)"alert";
        bench_open(bench, 1);
        bench_turn(bench);
        before = bench->journal->n_reads;
        for (int i = 0; i < 100; i++)
                bench_say(bench, "a");
        bench_turn(bench);
        assert_int_equal(bench->journal->n_reads, before);
        assert_int_equal(bench_state(bench).lag_rows, 0);
}

static void events_pass_the_filter_too(void **state) {
        struct bench *bench = *state;
        const struct sink_event events[] = {
                {.kind = SINK_SPEECH, .stream = "garage"},
                {.kind = SINK_SPEECH, .stream = "cellar"},
                {.kind = SINK_SPEECH, .stream = "garage", .is_session = true},
                {.kind = SINK_PARTIAL, .stream = "garage", .text = "x", .language = "de"},
                {.kind = SINK_PARTIAL, .stream = "garage", .text = "x", .language = "en"},
        };

        bench->configs[0].streams = (char *)"garage";
        bench->configs[0].languages = (char *)"en";
        bench->configs[1].wants_sessions = true;
        bench->configs[1].wants_partials = true;
        bench_open(bench, 1);
        assert_false(sinks_want_partials(bench->sinks));
        bench->sinks = sinks_close(bench->sinks);
        bench_open(bench, 2);
        assert_true(sinks_want_partials(bench->sinks));
        for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
                sinks_on_event(bench->sinks, &events[i]);
        sinks_reopen(bench->sinks);
        assert_int_equal(bench->script.n_events, 2);
        assert_int_equal(bench->other.n_events, 5);
        assert_int_equal(bench->script.n_reopened, 1);
        assert_int_equal(sinks_count(bench->sinks), 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(it_hears_of_what_its_filter_lets_through),
                TEST(what_it_does_not_hear_of_is_not_read),
                TEST(events_pass_the_filter_too),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
