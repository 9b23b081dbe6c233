#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "journal/database.h"
#include "journal/journal_rig.h"
#include "journal/reader.h"
#include "journal/row_store.h"
#include "util/mem.h"

#define MINUTE 60000
#define NOON   INT64_C(1796040000000)

// A database that is written, and a reader of it.
struct reader_rig {
        char *folder;
        struct database database;
        struct row_store *store;
        struct reader *reader;
};

static int rig_setup(void **state) {
        struct reader_rig *rig = xnew(struct reader_rig);
        struct error error = {0};

        rig->folder = journal_rig_folder();
        assert_int_equal(database_open(&rig->database, rig->folder, DATABASE_WRITE, &error), 0);
        assert_int_equal(row_store_new(&rig->store, &rig->database, &error), 0);
        assert_int_equal(reader_open(&rig->reader, rig->folder, &error), 0);
        *state = rig;
        return 0;
}

static int rig_teardown(void **state) {
        struct reader_rig *rig = *state;

        reader_close(rig->reader);
        row_store_free(rig->store);
        database_close(&rig->database);
        journal_rig_remove(rig->folder);
        free(rig->folder);
        free(rig);
        return 0;
}

static void rig_insert(struct reader_rig *rig, struct row *row) {
        struct error error = {0};

        assert_int_equal(row_store_insert(rig->store, row, &error), 0);
}

// A segment written, which is said to begin `minutes` after noon.
static void rig_say(struct reader_rig *rig, const char *stream, const char *text,
                    int64_t minutes) {
        CLEANUP(row_freep)
        struct row *row = journal_rig_segment(stream, text, NOON + minutes * MINUTE, 1);

        rig_insert(rig, row);
}

static void rig_run(struct reader_rig *rig, const char *sql) {
        assert_int_equal(database_run(rig->database.sqlite, sql, NULL), 0);
}

// The numbers of the page's rows, "3 2 1"; what was marked behind them, if asked for.
static char *page_words(const struct query_page *page) {
        char *words = xstrdup("");

        for (size_t i = 0; i < page->n; i++) {
                char *longer =
                        xasprintf("%s%s%lld%s%s", words, i ? " " : "",
                                  (long long)page->rows[i].cursor.row, page->marked ? ":" : "",
                                  page->marked ? page->marked[i] : "");

                free(words);
                words = longer;
        }
        return words;
}

// Read a page; what it has is the expected rows, and query->after moves behind it.
static void assert_page(struct reader_rig *rig, struct query *query, const char *expected,
                        bool is_end) {
        CLEANUP(mem_freep) char *words = NULL;
        struct query_page page;

        reader_read(rig->reader, query, &page);
        assert_string_equal(page.error, "");
        words = page_words(&page);
        assert_string_equal(words, expected);
        assert_int_equal(page.is_end, is_end);
        query->after = page.next;
        query_page_deinit(&page);
}

static void pages_follow_each_other(void **state) {
        struct reader_rig *rig = *state;
        struct query query = {.limit = 2};

        assert_page(rig, &query, "", true);
        for (int i = 0; i < 4; i++)
                rig_say(rig, "kitchen", "hello", i);
        assert_page(rig, &query, "1 2", false);
        assert_page(rig, &query, "3 4", true);
        assert_page(rig, &query, "", true);
        rig_say(rig, "kitchen", "hello", 5);
        assert_page(rig, &query, "5", true);
        query.after = (struct row_cursor){0};
        query.limit = 0;
        assert_page(rig, &query, "1 2 3 4 5", true);
}

static void newest_come_first(void **state) {
        struct reader_rig *rig = *state;
        struct query query = {.is_newest_first = true, .limit = 2};

        assert_page(rig, &query, "", true);
        query.after = (struct row_cursor){0};
        for (int i = 0; i < 5; i++)
                rig_say(rig, "kitchen", "hello", i);
        assert_page(rig, &query, "5 4", false);
        rig_say(rig, "kitchen", "hello", 5);
        assert_page(rig, &query, "3 2", false);
        assert_page(rig, &query, "1", true);
        assert_page(rig, &query, "", true);
}

static void a_row_is_read_as_it_was_written(void **state) {
        struct reader_rig *rig = *state;
        CLEANUP(row_freep) struct row *row = journal_rig_segment("hall", "one two", NOON, 3);
        struct query query = {0};
        struct query_page page;

        rig_insert(rig, row);
        reader_read(rig->reader, &query, &page);
        assert_int_equal(page.n, 1);
        journal_rig_assert_equal(&page.rows[0], row);
        assert_true(page.rows[0].is_durable);
        assert_true(page.rows[0].cursor.epoch == rig->database.epoch);
        query_page_deinit(&page);
}

static void a_reader_of_few_rows_looks_through_the_others_once(void **state) {
        struct reader_rig *rig = *state;
        struct query query = {.kinds = 1U << ROW_ALERT};

        for (int i = 0; i < 3; i++)
                rig_say(rig, "kitchen", "hello", i);
        assert_page(rig, &query, "", true);
        assert_int_equal(query.after.row, 3);
}

static void a_cursor_of_another_epoch_begins_at_the_start(void **state) {
        struct reader_rig *rig = *state;
        struct query query = {.after = {.epoch = rig->database.epoch + 1, .row = 1}};
        struct query_page page;

        rig_say(rig, "kitchen", "hello", 0);
        rig_say(rig, "kitchen", "hello", 1);
        reader_read(rig->reader, &query, &page);
        assert_int_equal(page.n, 2);
        assert_true(page.is_other_epoch);
        query_page_deinit(&page);
        query.after = (struct row_cursor){0};
        reader_read(rig->reader, &query, &page);
        assert_int_equal(page.n, 2);
        assert_false(page.is_other_epoch);
        query_page_deinit(&page);
        query.after = (struct row_cursor){.epoch = rig->database.epoch, .row = 1};
        reader_read(rig->reader, &query, &page);
        assert_int_equal(page.n, 1);
        assert_false(page.is_other_epoch);
        query_page_deinit(&page);
}

static void what_is_found_is_marked(void **state) {
        struct reader_rig *rig = *state;
        struct query query = {.words = (char[]){"fire \"the ALARM\" -test"},
                              .is_newest_first = true,
                              .has_marks = true};

        rig_say(rig, "hall", "Fire! The alarm rang.", 0);
        rig_say(rig, "hall", "the fire alarm", 1);
        rig_say(rig, "hall", "fire in the alarm room, no test", 2);
        rig_say(rig, "hall", "the alarm, and fire", 3);
        assert_page(rig, &query,
                    "4:\x01the alarm\x02, and \x01"
                    "fire\x02 1:\x01"
                    "Fire\x02! \x01The alarm\x02 rang.",
                    true);
        query = (struct query){.words = (char[]){"京都"}, .has_marks = true};
        rig_say(rig, "hall", "我去了京都。", 4);
        rig_say(rig, "hall", "東京都庁", 5);
        rig_say(rig, "hall", "都京", 6);
        assert_page(rig, &query, "5:我去了\x01京都\x02。 6:東\x01京都\x02庁", true);
}

static void streams_may_be_many(void **state) {
        struct reader_rig *rig = *state;
        struct query query = {.kinds = 1U << ROW_SEGMENT};

        rig_run(rig, "BEGIN");
        for (int i = 0; i < 600; i++) {
                char stream[16];

                snprintf(stream, sizeof(stream), "session-%d", i);
                rig_say(rig, stream, "hello", i);
        }
        rig_run(rig, "COMMIT");
        query.streams = (char *[]){(char[]){"session-599"}, NULL};
        assert_page(rig, &query, "600", true);
        query.after = (struct row_cursor){0};
        query.streams = (char *[]){(char[]){"session-5?9"}, NULL};
        assert_page(rig, &query, "510 520 530 540 550 560 570 580 590 600", true);
        query.after = (struct row_cursor){0};
        query.streams = (char *[]){(char[]){"session-599"}, (char[]){"none"}, NULL};
        assert_page(rig, &query, "600", true);
}

static void a_search_that_says_nothing_is_the_askers_mistake(void **state) {
        struct reader_rig *rig = *state;
        struct query query = {.words = (char[]){"fire \"alarm"}, .after = {1, 2}};
        struct query_page page;

        reader_read(rig->reader, &query, &page);
        assert_string_equal(page.error, "a quote that is not closed (byte 6)");
        assert_true(page.is_query_wrong);
        assert_int_equal(page.n, 0);
        assert_int_equal(page.next.row, 2);
        query_page_deinit(&page);
}

static void what_comes_late_is_found_by_its_time(void **state) {
        struct reader_rig *rig = *state;
        struct query query = {.since = NOON + 10 * MINUTE, .until = NOON + 20 * MINUTE};
        struct query whole;

        rig_say(rig, "hall", "early", 0);
        rig_say(rig, "hall", "in time", 12);
        rig_say(rig, "hall", "late", 20);
        whole = query;
        assert_page(rig, &query, "2", true);
        rig_say(rig, "hall", "heard late", 15);  // its decoder had much to do
        assert_page(rig, &query, "4", true);
        query = whole;
        assert_page(rig, &query, "2 4", true);
        rig_say(rig, "hall", "too late", 25);
        query = whole;
        query.is_newest_first = true;
        assert_page(rig, &query, "4 2", true);
        query = (struct query){.until = NOON + MINUTE};
        assert_page(rig, &query, "1", true);
        query = (struct query){.since = NOON + 20 * MINUTE};
        assert_page(rig, &query, "3 5", true);
        rig_say(rig, "hall", "much too late", -5);
        query = (struct query){.until = NOON};
        assert_page(rig, &query, "6", true);
}

static void damaged_rows_are_left_out_and_counted(void **state) {
        struct reader_rig *rig = *state;
        struct query query = {.limit = 2};

        for (int i = 0; i < 3; i++)
                rig_say(rig, "hall", "hello", i);
        rig_run(rig, "UPDATE rows SET stream = 'hell' WHERE row = 1");
        assert_page(rig, &query, "2", false);
        assert_page(rig, &query, "3", true);
        assert_int_equal(reader_damaged(rig->reader), 1);
}

static void damage_of_the_database_is_told(void **state) {
        struct reader_rig *rig = *state;
        struct query query = {0};
        CLEANUP(mem_freep) char *path = xasprintf("%s/" DATABASE_FILE, rig->folder);
        CLEANUP(mem_freep) char *noise = xcalloc(1 << 16, 1);
        struct query_page page;
        int fd;

        for (int i = 0; i < 200; i++)
                rig_say(rig, "hall", "hello, this is a text to fill pages with", i);
        rig_run(rig, "PRAGMA wal_checkpoint(TRUNCATE)");
        memset(noise, 0xA5, 1 << 16);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        assert_int_equal(pwrite(fd, noise, 1 << 16, 3 * 4096), 1 << 16);
        close(fd);
        reader_read(rig->reader, &query, &page);
        assert_true(page.is_damaged);
        assert_false(page.is_query_wrong);
        assert_string_not_equal(page.error, "");
        assert_int_equal(page.n, 0);
        query_page_deinit(&page);
}

static void a_folder_without_a_journal_is_told(void **state) {
        struct reader *reader = NULL;
        struct error error = {0};

        (void)state;
        assert_int_equal(reader_open(&reader, "/nonexistent", &error), -ENOENT);
        assert_null(reader);
        assert_non_null(strstr(error.text, "/nonexistent"));
}

static void a_reader_notices_writes_and_another_file(void **state) {
        struct reader_rig *rig = *state;
        CLEANUP(mem_freep) char *path = xasprintf("%s/" DATABASE_FILE, rig->folder);
        CLEANUP(mem_freep) char *other = xasprintf("%s/other", rig->folder);
        int64_t version = reader_version(rig->reader);

        assert_int_equal(reader_version(rig->reader), version);
        rig_say(rig, "hall", "hello", 0);
        assert_int_not_equal(reader_version(rig->reader), version);
        assert_true(reader_is_current(rig->reader));
        assert_int_equal(rename(path, other), 0);
        assert_false(reader_is_current(rig->reader));
        close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        assert_false(reader_is_current(rig->reader));
        assert_int_equal(rename(other, path), 0);
        assert_true(reader_is_current(rig->reader));
}

// --- beside a naive model --------------------------------------------------------------------

#define N_MODEL 3000

static const char *const model_streams[] = {"hall", "hall-2", "attic", "session-7"};
static const char *const model_languages[] = {"en", "de", NULL};
static const char *const model_words[] = {"fire", "alarm", "test", "kitchen"};

static uint32_t model_random(uint32_t *seed, uint32_t n) {
        *seed = *seed * 1664525 + 1013904223;
        return (*seed >> 8) % n;
}

static struct row *model_row(uint32_t *seed, int i) {
        CLEANUP(mem_freep)
        char *text = xasprintf("%s %s %d", model_words[model_random(seed, 4)],
                               model_words[model_random(seed, 4)], i);
        const char *stream = model_streams[model_random(seed, 4)];
        const char *language = model_languages[model_random(seed, 3)];
        struct row *row = journal_rig_segment(stream, text,
                                              NOON + (i + (int)model_random(seed, 20)) * MINUTE,
                                              1 + (unsigned)i);

        free(row->language);
        row->language = xstrdup(language);
        if (strcmp(stream, "session-7") == 0)
                row->session = xstrdup("7");
        if (model_random(seed, 8) == 0)
                row->kind = 1 + model_random(seed, 3);
        if (row->kind == ROW_FORGOTTEN && model_random(seed, 2)) {
                free(row->stream);
                row->stream = NULL;
        }
        return row;
}

// Text of the query, of its own memory; NULL in half of all cases.
static char *model_text(uint32_t *seed, const char *text) {
        return model_random(seed, 2) ? xstrdup(text) : NULL;
}

static struct query model_query(uint32_t *seed) {
        static const char *const streams[] = {"hall", "hall*", "attic", "[as]*", "none"};
        static const char *const words[] = {"fire", "fire alarm", "\"fire alarm\"",
                                            "fire -test", "kitchen"};
        struct query query = {.limit = 1 + model_random(seed, 400)};
        char *stream = model_text(seed, streams[model_random(seed, 5)]);
        char *language = model_text(seed, model_languages[model_random(seed, 2)]);

        if (stream) {
                query.streams = xcalloc(3, sizeof(*query.streams));
                query.streams[0] = stream;
                query.streams[1] = model_text(seed, "attic");
        }
        if (language) {
                query.languages = xcalloc(2, sizeof(*query.languages));
                query.languages[0] = language;
        }
        query.words = model_text(seed, words[model_random(seed, 5)]);
        query.kinds = model_random(seed, 2) ? model_random(seed, 16) : 0;
        query.is_newest_first = model_random(seed, 2);
        query.is_without_sessions = model_random(seed, 4) == 0;
        if (model_random(seed, 2))
                query.since = NOON + model_random(seed, N_MODEL) * MINUTE;
        if (model_random(seed, 2))
                query.until = NOON + model_random(seed, N_MODEL) * MINUTE;
        return query;
}

static bool model_streams_pass(const struct query *query, const struct row *row) {
        if (!query->streams || !row->stream)
                return true;
        for (char **stream = query->streams; *stream; stream++)
                if (fnmatch(*stream, row->stream, 0) == 0)
                        return true;
        return false;
}

static bool model_words_pass(const char *words, const char *text) {
        if (!words)
                return true;
        if (strcmp(words, "fire alarm") == 0)
                return strstr(text, "fire") && strstr(text, "alarm");
        if (strcmp(words, "fire -test") == 0)
                return strstr(text, "fire") && !strstr(text, "test");
        return strstr(text, words[0] == '"' ? "fire alarm" : words) != NULL;
}

static bool model_passes(const struct query *query, const struct row *row) {
        return (query->kinds == 0 || query->kinds & 1U << row->kind) &&
               model_streams_pass(query, row) &&
               (!query->languages || !row->language ||
                strcmp(query->languages[0], row->language) == 0) &&
               (!query->is_without_sessions || !row->session) &&
               (query->since == 0 ||
                (row->end >= query->since && row->start >= query->since - 60 * MINUTE)) &&
               (query->until == 0 || row->start < query->until) &&
               model_words_pass(query->words, row->text);
}

// All pages of the query are what the model says. Returns how many rows that were.
static size_t model_check(struct reader_rig *rig, struct row *const *rows,
                          struct query *query) {
        struct query_page page = {0};
        size_t at = 0, n = 0;

        for (size_t i = 0; i < N_MODEL; i++) {
                const struct row *row = rows[query->is_newest_first ? N_MODEL - 1 - i : i];

                if (!model_passes(query, row))
                        continue;
                if (at == page.n) {
                        assert_false(page.is_end);
                        query_page_deinit(&page);
                        reader_read(rig->reader, query, &page);
                        assert_string_equal(page.error, "");
                        assert_true(page.n > 0 && page.n <= query->limit);
                        query->after = page.next;
                        at = 0;
                }
                assert_int_equal(page.rows[at++].cursor.row, row->cursor.row);
                n++;
        }
        assert_int_equal(at, page.n);
        query_page_deinit(&page);
        reader_read(rig->reader, query, &page);
        assert_int_equal(page.n, 0);
        assert_true(page.is_end);
        query_page_deinit(&page);
        return n;
}

static void all_conditions_hold_together(void **state) {
        struct reader_rig *rig = *state;
        struct row *rows[N_MODEL];
        uint32_t seed = 1;
        size_t n = 0;

        rig_run(rig, "BEGIN");
        for (int i = 0; i < N_MODEL; i++) {
                rows[i] = model_row(&seed, i);
                rig_insert(rig, rows[i]);
        }
        rig_run(rig, "COMMIT");
        for (int i = 0; i < 300; i++) {
                struct query query = model_query(&seed);

                n += model_check(rig, rows, &query);
                query_deinit(&query);
        }
        assert_true(n > 5000);
        for (int i = 0; i < N_MODEL; i++)
                row_free(rows[i]);
}

// --- how much is done for a page -------------------------------------------------------------

// What the statements of a connection did since it was zeroed.
static struct { int n_sorts, n_steps; } effort;

static int effort_add(unsigned type, void *context, void *statement, void *nanoseconds) {
        (void)type;
        (void)context;
        (void)nanoseconds;
        effort.n_sorts += sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_SORT, 1);
        effort.n_steps += sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 1);
        return 0;
}

static int effort_watch(sqlite3 *db, char **error, const void *api) {
        (void)error;
        (void)api;
        return sqlite3_trace_v2(db, SQLITE_TRACE_PROFILE, effort_add, NULL);
}

// Nothing is sorted for the page, and SQLite's machine makes few steps.
static void assert_effort(struct reader *reader, struct query query, size_t n_rows, int most) {
        for (int i = 0; i < 2; i++) {
                struct query_page page;

                query.is_newest_first = i;
                effort.n_sorts = effort.n_steps = 0;
                reader_read(reader, &query, &page);
                assert_string_equal(page.error, "");
                assert_int_equal(page.n, n_rows);
                query_page_deinit(&page);
                assert_int_equal(effort.n_sorts, 0);
                assert_true(effort.n_steps < most);
        }
}

static void a_page_takes_no_sorting_and_no_scanning(void **state) {
        struct reader_rig *rig = *state;
        struct reader *reader;
        struct query day = {
                .limit = 10, .since = NOON + 1000 * MINUTE, .until = NOON + 1010 * MINUTE};

        rig_run(rig, "BEGIN");
        for (int i = 0; i < 10000; i++) {
                CLEANUP(row_freep)
                struct row *row = journal_rig_segment(i % 2000 ? "hall" : "attic", "fire alarm",
                                                      NOON + i * MINUTE, 1);

                row->kind = i % 2500 ? ROW_SEGMENT : ROW_STATUS;
                rig_insert(rig, row);
        }
        rig_run(rig, "COMMIT");
        assert_int_equal(sqlite3_auto_extension((void (*)(void))effort_watch), SQLITE_OK);
        assert_int_equal(reader_open(&reader, rig->folder, NULL), 0);
        assert_int_equal(sqlite3_cancel_auto_extension((void (*)(void))effort_watch), 1);
        assert_effort(reader, (struct query){.limit = 10}, 10, 1000);
        assert_effort(reader, (struct query){.limit = 10, .words = (char[]){"fire \"alarm\""}},
                      10, 1000);
        assert_effort(reader, (struct query){.kinds = 1U << ROW_STATUS}, 4, 1000);
        assert_effort(reader,
                      (struct query){.kinds = 1U << ROW_SEGMENT,
                                     .streams = (char *[]){(char[]){"attic"}, NULL}},
                      4, 1000);
        assert_effort(
                reader,
                (struct query){.kinds = 1U << ROW_SEGMENT,
                               .streams = (char *[]){(char[]){"a*"}, (char[]){"b"}, NULL}},
                4, 1000);
        assert_effort(reader,
                      (struct query){.kinds = 1U << ROW_SEGMENT,
                                     .streams = (char *[]){(char[]){"b*"}, NULL}},
                      0, 1000);
        assert_effort(reader,
                      (struct query){.kinds = 1U << ROW_SEGMENT,
                                     .words = (char[]){"fire"},
                                     .streams = (char *[]){(char[]){"b"}, NULL}},
                      0, 1000);
        assert_effort(reader, day, 10, 20000);
        reader_close(reader);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(pages_follow_each_other),
                TEST(newest_come_first),
                TEST(a_row_is_read_as_it_was_written),
                TEST(a_reader_of_few_rows_looks_through_the_others_once),
                TEST(a_cursor_of_another_epoch_begins_at_the_start),
                TEST(what_is_found_is_marked),
                TEST(streams_may_be_many),
                TEST(a_search_that_says_nothing_is_the_askers_mistake),
                TEST(what_comes_late_is_found_by_its_time),
                TEST(damaged_rows_are_left_out_and_counted),
                TEST(damage_of_the_database_is_told),
                TEST(a_folder_without_a_journal_is_told),
                TEST(a_reader_notices_writes_and_another_file),
                TEST(all_conditions_hold_together),
                TEST(a_page_takes_no_sorting_and_no_scanning),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
