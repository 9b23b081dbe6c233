// Rows in a real database: they come back as they went in, or not at all.
#include "journal/row_store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "journal/database.h"
#include "journal/journal_rig.h"
#include "journal/row_words.h"
#include "util/mem.h"

struct fixture {
        char *folder;
        struct database database;
        struct row_store *store;
};

static void fixture_open(struct fixture *fixture) {
        struct error error = {0};

        if (database_open(&fixture->database, fixture->folder, DATABASE_WRITE, &error) != 0)
                fail_msg("%s", error.text);
        assert_int_equal(row_store_new(&fixture->store, &fixture->database, &error), 0);
}

static void fixture_close(struct fixture *fixture) {
        fixture->store = row_store_free(fixture->store);
        database_close(&fixture->database);
}

static int setup(void **state) {
        struct fixture *fixture = xnew(struct fixture);

        fixture->folder = journal_rig_folder();
        fixture_open(fixture);
        *state = fixture;
        return 0;
}

static int teardown(void **state) {
        struct fixture *fixture = *state;

        fixture_close(fixture);
        journal_rig_remove(fixture->folder);
        free(fixture->folder);
        free(fixture);
        return 0;
}

static void insert(struct fixture *fixture, struct row *row) {
        struct error error = {0};

        if (row_store_insert(fixture->store, row, &error) != 0)
                fail_msg("%s", error.text);
}

static bool read_back(struct fixture *fixture, int64_t number, struct row *ret) {
        sqlite3_stmt *statement = NULL;
        bool is_right;

        assert_int_equal(
                database_prepare(&statement, fixture->database.sqlite,
                                 "SELECT " ROW_STORE_COLUMNS " FROM rows WHERE row = ?", NULL),
                0);
        sqlite3_bind_int64(statement, 1, number);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        is_right = row_store_read(statement, fixture->database.epoch, ret);
        sqlite3_finalize(statement);
        return is_right;
}

static int64_t count_found(struct fixture *fixture, const char *words) {
        char *sql = xasprintf("SELECT count(*) FROM found WHERE found MATCH '%s'", words);
        int64_t n = database_number(fixture->database.sqlite, sql, -1);

        free(sql);
        return n;
}

static void change(struct fixture *fixture, const char *sql) {
        assert_int_equal(database_run(fixture->database.sqlite, sql, NULL), 0);
}

// --- rows ------------------------------------------------------------------------------------

static void what_goes_in_comes_out(void **state) {
        struct fixture *fixture = *state;
        CLEANUP(row_freep)
        struct row *row =
                journal_rig_segment("kitchen", "Hello, hello world", 1764500000123, 7);
        struct row back;

        row->session = xstrdup("s-1");
        row->dialect = xstrdup("eavesdrop");
        row->channel = xstrdup("left");
        row->principal = xstrdup("anonymous");
        row->state = xstrdup("online");
        row->reason = xstrdup("");
        row->alert = xstrdup("help");
        row->found = xstrdup("hello");
        row->phase = ROW_WITHDRAWN;
        memset(row->segment, 0xAB, ROW_ID_BYTES);
        memset(row->firing, 0xCD, ROW_ID_BYTES);
        // A word that is none of the text, and one that goes back in time.
        free(row->words[1].text);
        row->words[1].text = xstrdup(" hallo");
        row->words[2].begin = -5;
        row->words[2].end = INT64_MAX;
        insert(fixture, row);
        assert_int_equal(row->cursor.row, 1);
        assert_int_equal(row->cursor.epoch, fixture->database.epoch);
        assert_true(read_back(fixture, 1, &back));
        assert_true(back.is_durable);
        assert_int_equal(back.cursor.row, 1);
        assert_int_equal(back.cursor.epoch, fixture->database.epoch);
        journal_rig_assert_equal(row, &back);
        row_deinit(&back);
}

static void a_row_of_next_to_nothing(void **state) {
        struct fixture *fixture = *state;
        struct row row = {.kind = ROW_FORGOTTEN, .id = {1}, .confidence = ROW_CONFIDENCE_NO};
        struct row back;

        insert(fixture, &row);
        assert_true(read_back(fixture, 1, &back));
        journal_rig_assert_equal(&row, &back);
        row_deinit(&back);
}

static void numbers_are_never_used_again(void **state) {
        struct fixture *fixture = *state;
        CLEANUP(row_freep) struct row *row = journal_rig_segment("a", "one", 1, 1);
        uint64_t epoch = fixture->database.epoch;
        bool is_wrong = false;

        insert(fixture, row);
        insert(fixture, row);
        assert_int_equal(row->cursor.row, 2);
        assert_int_equal(row_store_remove(fixture->store, 2, &is_wrong, NULL), 0);
        fixture_close(fixture);
        fixture_open(fixture);
        assert_int_equal(fixture->database.epoch, epoch);
        insert(fixture, row);
        assert_int_equal(row->cursor.row, 3);
        assert_false(is_wrong);
}

static void what_is_removed_is_not_found(void **state) {
        struct fixture *fixture = *state;
        CLEANUP(row_freep) struct row *row = journal_rig_segment("a", "apple pear", 1, 1);
        CLEANUP(row_freep) struct row *other = journal_rig_segment("a", "pear", 1, 2);
        bool is_wrong = false;

        insert(fixture, row);
        insert(fixture, other);
        assert_int_equal(count_found(fixture, "pear"), 2);
        assert_int_equal(row_store_remove(fixture->store, row->cursor.row, &is_wrong, NULL), 0);
        assert_false(is_wrong);
        assert_int_equal(count_found(fixture, "apple"), 0);
        assert_int_equal(count_found(fixture, "pear"), 1);
        change(fixture, "INSERT INTO found(found, rank) VALUES('integrity-check', 1)");
}

// --- damage ----------------------------------------------------------------------------------

static void a_changed_row_is_not_given_out(void **state) {
        static const char *const changes[] = {
                "UPDATE rows SET text = replace(text, 'door', 'doos')",
                "UPDATE rows SET stream = 'kitcheo'",
                "UPDATE rows SET end_ms = end_ms + 1",
                "UPDATE rows SET confidence = 0.5",
                "UPDATE rows SET id = zeroblob(16)",
                "UPDATE rows SET kind = 77",
                "UPDATE rows SET reason = ''",
                "UPDATE rows SET words = NULL",
                "UPDATE rows SET words = x'FFFFFFFFFFFFFFFFFFFF01'",
                "UPDATE rows SET words = CAST(substr(words, 1, length(words) - 1) AS BLOB)",
                "UPDATE rows SET row = 2",
        };
        struct fixture *fixture = *state;

        for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
                CLEANUP(row_freep)
                struct row *row = journal_rig_segment("kitchen", "the door is open", 5, 1);
                struct row back;

                change(fixture, "BEGIN");
                insert(fixture, row);
                assert_true(read_back(fixture, 1, &back));
                row_deinit(&back);
                change(fixture, changes[i]);
                if (read_back(fixture, i + 1 == sizeof(changes) / sizeof(changes[0]) ? 2 : 1,
                              &back))
                        fail_msg("not noticed: %s", changes[i]);
                change(fixture, "ROLLBACK");
        }
}

static void removing_a_damaged_row_says_so(void **state) {
        struct fixture *fixture = *state;
        CLEANUP(row_freep) struct row *row = journal_rig_segment("a", "apple", 1, 1);
        bool is_wrong = false;

        insert(fixture, row);
        change(fixture, "UPDATE rows SET text = 'apply'");
        assert_int_equal(row_store_remove(fixture->store, 1, &is_wrong, NULL), 0);
        assert_true(is_wrong);
        assert_int_equal(
                database_number(fixture->database.sqlite, "SELECT count(*) FROM rows", -1), 0);
}

// Whatever the bytes are, words come out or none do.
static void bytes_that_are_no_words(void **state) {
        struct row row = {.text = (char[]){"some text of words"}};
        uint8_t bytes[64];

        (void)state;
        srandom(1);
        for (int i = 0; i < 100000; i++) {
                size_t n = (size_t)random() % sizeof(bytes);

                for (size_t j = 0; j < n; j++)
                        bytes[j] = (uint8_t)(random() % (random() & 1 ? 256 : 8));
                if (row_words_decode(&row, bytes, n)) {
                        for (size_t j = 0; j < row.n_words; j++)
                                free(row.words[j].text);
                        free(row.words);
                }
        }
}

// --- the file --------------------------------------------------------------------------------

static void only_we_may_read_it(void **state) {
        struct fixture *fixture = *state;
        CLEANUP(row_freep) struct row *row = journal_rig_segment("a", "apple", 1, 1);
        static const char *const files[] = {"", "-wal", "-shm"};

        fixture_close(fixture);
        journal_rig_remove(fixture->folder);
        assert_int_equal(mkdir(fixture->folder, 0700), 0);
        umask(0);
        fixture_open(fixture);
        umask(022);
        insert(fixture, row);
        for (size_t i = 0; i < 3; i++) {
                CLEANUP(mem_freep)
                char *path = xasprintf("%s/" DATABASE_FILE "%s", fixture->folder, files[i]);
                struct stat status;

                assert_int_equal(stat(path, &status), 0);
                assert_int_equal(status.st_mode & 0777, 0600);
        }
}

static void who_reads_cannot_write(void **state) {
        struct fixture *fixture = *state;
        struct database reading;
        struct error error = {0};

        assert_int_equal(database_open(&reading, fixture->folder, DATABASE_READ, &error), 0);
        assert_int_equal(reading.epoch, fixture->database.epoch);
        assert_int_equal(database_run(reading.sqlite, "DELETE FROM rows", &error), -EROFS);
        database_close(&reading);
}

static void another_version_is_refused(void **state) {
        struct fixture *fixture = *state;
        struct database other;
        struct error error = {0};

        change(fixture, "PRAGMA user_version = 99");
        assert_int_equal(database_open(&other, fixture->folder, DATABASE_READ, &error),
                         -EPROTO);
        assert_non_null(strstr(error.text, "version 99"));
        assert_int_equal(database_open(&other, fixture->folder, DATABASE_WRITE, &error),
                         -EPROTO);
        assert_non_null(strstr(error.text, "version 99"));
}

static void there_is_none_to_read(void **state) {
        struct database reading;
        struct error error = {0};
        CLEANUP(mem_freep) char *folder = journal_rig_folder();

        (void)state;
        assert_int_equal(database_open(&reading, folder, DATABASE_READ, &error), -ENOENT);
        assert_non_null(strstr(error.text, folder));
        journal_rig_remove(folder);
}

static void what_is_no_database_is_damage(void **state) {
        struct database database;
        struct error error = {0};
        CLEANUP(mem_freep) char *folder = journal_rig_folder();
        CLEANUP(mem_freep) char *path = xasprintf("%s/" DATABASE_FILE, folder);
        FILE *file = fopen(path, "w");

        (void)state;
        for (int i = 0; i < 1000; i++)
                fputs("no database", file);
        fclose(file);
        assert_int_equal(database_open(&database, folder, DATABASE_WRITE, &error),
                         DATABASE_E_DAMAGED);
        assert_true(error.text[0] != '\0');
        journal_rig_remove(folder);
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                TEST(what_goes_in_comes_out),
                TEST(a_row_of_next_to_nothing),
                TEST(numbers_are_never_used_again),
                TEST(what_is_removed_is_not_found),
                TEST(a_changed_row_is_not_given_out),
                TEST(removing_a_damaged_row_says_so),
                cmocka_unit_test(bytes_that_are_no_words),
                TEST(only_we_may_read_it),
                TEST(who_reads_cannot_write),
                TEST(another_version_is_refused),
                cmocka_unit_test(there_is_none_to_read),
                cmocka_unit_test(what_is_no_database_is_damage),
#undef TEST
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
