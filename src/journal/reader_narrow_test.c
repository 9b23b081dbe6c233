// Queries for one row by its id, and queries of somebody who may not read all streams.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "journal/database.h"
#include "journal/journal_rig.h"
#include "journal/reader.h"
#include "journal/row_store.h"
#include "util/mem.h"

#define NOON INT64_C(1796040000000)

// A segment of each of these streams; the row's number is also in its id.
static const char *const streams[] = {"hall", "garage", "hall-2", "hall"};

#define N_STREAMS (sizeof(streams) / sizeof(streams[0]))

static void rows_write(const char *folder) {
        struct database database;
        CLEANUP(row_store_freep) struct row_store *store = NULL;

        assert_int_equal(database_open(&database, folder, DATABASE_WRITE, NULL), 0);
        assert_int_equal(row_store_new(&store, &database, NULL), 0);
        for (unsigned i = 0; i < N_STREAMS; i++) {
                CLEANUP(row_freep)
                struct row *row = journal_rig_segment(streams[i], "the fire alarm", NOON, 1);

                memset(row->id, 0, sizeof(row->id));
                row->id[0] = (uint8_t)(i + 1);
                assert_int_equal(row_store_insert(store, row, NULL), 0);
        }
        store = row_store_free(store);
        database_close(&database);
}

// The numbers of the rows that the query finds, one digit each.
static void assert_finds(const char *folder, const struct query *query, const char *expected) {
        CLEANUP(reader_closep) struct reader *reader = NULL;
        struct query_page page;
        char numbers[N_STREAMS + 1] = "";

        assert_int_equal(reader_open(&reader, folder, NULL), 0);
        reader_read(reader, query, &page);
        assert_string_equal(page.error, "");
        assert_true(page.n <= N_STREAMS);
        for (size_t i = 0; i < page.n; i++)
                numbers[i] = (char)('0' + page.rows[i].cursor.row);
        assert_string_equal(numbers, expected);
        query_page_deinit(&page);
}

static void a_row_is_found_by_its_id(void **state) {
        const char *folder = *state;

        rows_write(folder);
        assert_finds(folder, &(struct query){.id = {3}}, "3");
        assert_finds(folder, &(struct query){.id = {3}, .kinds = 1U << ROW_ALERT}, "");
        assert_finds(folder, &(struct query){.id = {3}, .words = (char[]){"alarm"}}, "3");
        assert_finds(folder, &(struct query){.id = {3}, .words = (char[]){"flood"}}, "");
        assert_finds(folder, &(struct query){.id = {9}}, "");
        assert_finds(folder, &(struct query){.id = {0}}, "1234");
}

static void a_row_of_an_older_database_likewise(void **state) {
        const char *folder = *state;
        struct database database;

        rows_write(folder);
        assert_int_equal(database_open(&database, folder, DATABASE_WRITE, NULL), 0);
        assert_int_equal(database_run(database.sqlite,
                                      "DROP INDEX rows_by_id; PRAGMA user_version = 1", NULL),
                         0);
        database_close(&database);
        assert_int_equal(database_open(&database, folder, DATABASE_WRITE, NULL), 0);
        database_close(&database);
        assert_finds(folder, &(struct query){.id = {2}}, "2");
}

static void nobody_reads_more_than_he_may(void **state) {
        const char *folder = *state;
        char *hall[] = {(char[]){"hall"}, NULL}, *halls[] = {(char[]){"hall*"}, NULL};
        char *garage[] = {(char[]){"garage"}, NULL}, *nothing[] = {NULL};
        struct query query = {.readable = halls};

        rows_write(folder);
        assert_finds(folder, &query, "134");
        query.streams = hall;
        assert_finds(folder, &query, "14");
        query.streams = garage;
        assert_finds(folder, &query, "");
        query = (struct query){.readable = hall, .streams = halls};
        assert_finds(folder, &query, "14");
        query = (struct query){.readable = hall, .words = (char[]){"alarm"}};
        assert_finds(folder, &query, "14");
        query = (struct query){.readable = hall, .id = {2}};
        assert_finds(folder, &query, "");
        query = (struct query){.readable = nothing};
        assert_finds(folder, &query, "");
}

static int folder_setup(void **state) {
        *state = journal_rig_folder();
        return 0;
}

static int folder_teardown(void **state) {
        journal_rig_remove(*state);
        free(*state);
        return 0;
}

int main(void) {
#define TEST(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)
        const struct CMUnitTest tests[] = {
                TEST(a_row_is_found_by_its_id),
                TEST(a_row_of_an_older_database_likewise),
                TEST(nobody_reads_more_than_he_may),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
