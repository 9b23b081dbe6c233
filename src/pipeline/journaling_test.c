// Text goes into the journal before it is shown: a stream whose engine is scripted, on a real
// database in a folder of its own.
#include "pipeline/journaling.h"

#include <sched.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/journal_rig.h"
#include "pipeline/stream_rig.h"
#include "util/mem.h"

struct fixture {
        struct stream_rig *rig;
        char *folder;
        struct journal *journal;
        struct row_ids ids;
        struct journaling_services services;
        struct journal_watcher watcher;
        size_t n_rows, n_durable, n_late;  // told by the journal
        struct query_page page;
        bool is_read;
        char stable[4096];  // that alerts were shown, one a line
        bool is_bored;      // they want none
        char segments[4096];
        unsigned n_breaks;
};

static void fixture_on_row(void *context, const struct row *row) {
        struct fixture *fixture = context;

        fixture->n_rows++;
        fixture->n_durable += row->is_durable;
        // Nothing is shown before.
        assert_true(fixture->rig->capture.n_finals <= fixture->n_rows);
}

static void fixture_on_durable(void *context, const struct row *row) {
        struct fixture *fixture = context;

        assert_true(row->cursor.row > 0);
        fixture->n_late++;
}

static void line_add(char *lines, size_t size, const char *text) {
        size_t n = strlen(lines);

        snprintf(lines + n, size - n, "%s\n", text);
}

static void fixture_on_segment(void *context, const struct row *row) {
        struct fixture *fixture = context;

        line_add(fixture->segments, sizeof(fixture->segments), row->text);
}

static bool fixture_wants_stable(void *context) {
        const struct fixture *fixture = context;

        return !fixture->is_bored;
}

static void fixture_on_stable(void *context, const struct row *row) {
        struct fixture *fixture = context;

        line_add(fixture->stable, sizeof(fixture->stable), row->text);
}

static void fixture_on_break(void *context, const char *stream) {
        struct fixture *fixture = context;

        assert_string_equal(stream, "test");
        fixture->n_breaks++;
}

static int setup(void **state) {
        struct fixture *fixture = xnew(struct fixture);
        void *rig;

        if (stream_rig_setup(&rig) < 0)
                return -1;
        *state = fixture;
        fixture->rig = rig;
        fixture->folder = journal_rig_folder();
        if (journal_open(&fixture->journal, fixture->rig->loop,
                         &(struct journal_config){.folder = fixture->folder}, NULL) < 0)
                return -1;
        fixture->watcher = (struct journal_watcher){
                .on_row = fixture_on_row, .on_durable = fixture_on_durable, .context = fixture};
        journal_watch(fixture->journal, &fixture->watcher);
        fixture->services = (struct journaling_services){
                .loop = fixture->rig->loop,
                .journal = fixture->journal,
                .ids = &fixture->ids,
                .model = "base",
                .on_segment = fixture_on_segment,
                .wants_stable = fixture_wants_stable,
                .on_stable = fixture_on_stable,
                .on_break = fixture_on_break,
                .context = fixture,
        };
        fixture->rig->journaling = &fixture->services;
        if (fixture->rig->stream)
                stream_rig_open(fixture->rig, false);
        return 0;
}

static int teardown(void **state) {
        struct fixture *fixture = *state;
        void *rig = fixture->rig;

        fixture->rig->stream = stream_close(fixture->rig->stream);
        journal_unwatch(fixture->journal, &fixture->watcher);
        journal_close(fixture->journal);
        query_page_deinit(&fixture->page);
        journal_rig_remove(fixture->folder);
        free(fixture->folder);
        free(fixture);
        return stream_rig_teardown(&rig);
}

static struct fixture *fixture_need(void **state) {
        struct fixture *fixture = *state;

        if (!fixture->rig->stream)
                skip();
        return fixture;
}

// The journal's own threads go by the machine's clock, not by the loop's.
static void idle_wait(struct fixture *fixture) {
        while (stream_backlog(fixture->rig->stream) > 0) {
                loop_turn(fixture->rig->loop);
                sched_yield();
        }
}

static void fixture_on_page(void *context, struct query_page *page) {
        struct fixture *fixture = context;

        query_page_deinit(&fixture->page);
        fixture->page = *page;
        *page = (struct query_page){0};
        fixture->is_read = true;
}

static void journal_read_all(struct fixture *fixture) {
        fixture->is_read = false;
        journal_read(fixture->journal, &(struct query){0}, fixture_on_page, fixture);
        while (!fixture->is_read) {
                loop_turn(fixture->rig->loop);
                sched_yield();
        }
}

static void speak(struct fixture *fixture) {
        stream_rig_push(fixture->rig, fixture->rig->speech.samples, fixture->rig->speech.n);
        stream_rig_push_silence(fixture->rig, 2);
        idle_wait(fixture);
        // The loop's clock ran faster than the disk: some may have been shown before.
        while (fixture->n_durable + fixture->n_late < fixture->rig->capture.n_finals) {
                loop_turn(fixture->rig->loop);
                sched_yield();
        }
}

static void what_is_shown_is_in_the_journal(void **state) {
        struct fixture *fixture = fixture_need(state);
        const struct observer_capture *capture = &fixture->rig->capture;

        speak(fixture);
        assert_true(capture->n_finals > 1);
        journal_read_all(fixture);
        assert_int_equal(fixture->page.n, capture->n_finals);
        for (size_t i = 0; i < capture->n_finals; i++) {
                const struct row *row = &fixture->page.rows[i];
                const struct segment *segment = &capture->finals[i];

                assert_string_equal(row->text, segment->text + 1);
                assert_int_equal(row->position, segment->begin);
                assert_int_equal(row->n_samples, segment->end - segment->begin);
                assert_string_equal(row->stream, "test");
                assert_string_equal(row->principal, "nobody");
                assert_string_equal(row->model, "base");
                assert_string_equal(row->language, "en");
                assert_null(row->session);
                // The clock begins at 1000 s, when the first 0.1 s has been heard.
                assert_int_equal(row->start, 999900 + segment->begin / 16);
                assert_true(row->is_durable);
        }
}

static sqlite3 *database_block(const struct fixture *fixture) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/journal.db", fixture->folder);
        sqlite3 *database;

        assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
        sqlite3_busy_timeout(database, 5000);
        assert_int_equal(sqlite3_exec(database, "BEGIN IMMEDIATE", NULL, NULL, NULL),
                         SQLITE_OK);
        return database;
}

static void turn_often(struct fixture *fixture) {
        for (int i = 0; i < 100; i++) {
                loop_turn(fixture->rig->loop);
                sched_yield();
        }
}

// Say something, and have it decoded while the loop's clock stands still.
static void speak_at_once(struct fixture *fixture) {
        for (size_t i = 0; i < (size_t)2 * AUDIO_RATE; i += RIG_PIECE)
                stream_on_audio(fixture->rig->stream, fixture->rig->speech.samples + i,
                                RIG_PIECE);
        stream_flush(fixture->rig->stream);
        stream_rig_wait(fixture->rig);
        turn_often(fixture);
}

static void nothing_is_shown_before_it_is_written(void **state) {
        struct fixture *fixture = fixture_need(state);
        sqlite3 *database = database_block(fixture);

        speak_at_once(fixture);
        assert_int_equal(fixture->rig->capture.n_finals, 0);
        assert_int_equal(stream_backlog(fixture->rig->stream), 1);
        assert_int_equal(fixture->rig->n_finished, 0);
        assert_int_equal(history_length(stream_history(fixture->rig->stream)), 0);
        sqlite3_close(database);
        idle_wait(fixture);
        assert_int_equal(fixture->rig->capture.n_finals, 1);
        assert_int_equal(fixture->rig->n_finished, 1);
        assert_int_equal(history_length(stream_history(fixture->rig->stream)), 1);
        assert_int_equal(fixture->n_durable, 1);
}

static void a_disk_that_does_not_answer_delays_text_by_a_second(void **state) {
        struct fixture *fixture = fixture_need(state);
        sqlite3 *database = database_block(fixture);

        speak_at_once(fixture);
        loop_advance(fixture->rig->loop, 2 * NSEC_PER_SEC);
        assert_int_equal(fixture->rig->capture.n_finals, 1);
        assert_int_equal(stream_backlog(fixture->rig->stream), 0);
        assert_int_equal(fixture->n_durable, 0);
        sqlite3_close(database);
        while (fixture->n_late == 0) {
                turn_often(fixture);
                loop_advance(fixture->rig->loop, NSEC_PER_SEC / 10);
        }
        assert_int_equal(fixture->rig->capture.n_finals, 1);
}

static void a_new_recording_shows_what_waits_and_forgets_it(void **state) {
        struct fixture *fixture = fixture_need(state);
        sqlite3 *database = database_block(fixture);

        speak_at_once(fixture);
        stream_restart(fixture->rig->stream);
        assert_int_equal(fixture->rig->capture.n_finals, 1);
        assert_int_equal(history_length(stream_history(fixture->rig->stream)), 0);
        assert_int_equal(fixture->n_breaks, 1);
        sqlite3_close(database);
        speak_at_once(fixture);
        idle_wait(fixture);
        assert_int_equal(fixture->rig->capture.n_finals, 2);
        journal_read_all(fixture);
        assert_int_equal(fixture->page.n, 2);
        assert_int_equal(fixture->page.rows[0].generation + 1,
                         fixture->page.rows[1].generation);
}

static void a_stream_that_closes_is_written_all_the_same(void **state) {
        struct fixture *fixture = fixture_need(state);
        sqlite3 *database = database_block(fixture);

        speak_at_once(fixture);
        fixture->rig->stream = stream_close(fixture->rig->stream);
        sqlite3_close(database);
        while (fixture->n_rows == 0)
                turn_often(fixture);
        journal_read_all(fixture);
        assert_int_equal(fixture->page.n, 1);
        assert_int_equal(fixture->rig->capture.n_finals, 0);
}

static void alerts_see_stable_words_then_the_final(void **state) {
        struct fixture *fixture = fixture_need(state);
        char *rest = fixture->stable, *line;

        fixture->rig->says_words = true;
        speak(fixture);
        assert_non_null(strstr(fixture->stable, "word1"));
        assert_non_null(strstr(fixture->segments, "word1"));
        // The last word of a partial answer is not stable.
        while ((line = strsep(&rest, "\n")))
                assert_null(strstr(line, "maybe"));
}

// Alerts may come to want them, and no longer, while the stream is open.
static void stable_words_are_for_who_wants_them_now(void **state) {
        struct fixture *fixture = fixture_need(state);

        fixture->rig->says_words = true;
        fixture->is_bored = true;
        speak(fixture);
        assert_string_equal(fixture->stable, "");
        assert_non_null(strstr(fixture->segments, "word1"));
        fixture->is_bored = false;
        speak(fixture);
        assert_non_null(strstr(fixture->stable, "word1"));
}

#define JOURNALING_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                JOURNALING_TEST(what_is_shown_is_in_the_journal),
                JOURNALING_TEST(nothing_is_shown_before_it_is_written),
                JOURNALING_TEST(a_disk_that_does_not_answer_delays_text_by_a_second),
                JOURNALING_TEST(a_new_recording_shows_what_waits_and_forgets_it),
                JOURNALING_TEST(a_stream_that_closes_is_written_all_the_same),
                JOURNALING_TEST(alerts_see_stable_words_then_the_final),
                JOURNALING_TEST(stable_words_are_for_who_wants_them_now),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
