// Room in pages that nothing uses: it is made zero, and nothing else changes.
#include "journal/scrub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "journal/journal_rig.h"
#include "journal/ledger.h"
#include "util/mem.h"

struct fixture {
        char *folder;
        struct ledger ledger;
};

static void insert(struct fixture *fixture, int n) {
        for (int i = 0; i < n; i++) {
                CLEANUP(mem_freep)
                char *text = xasprintf("%ld is what they said %ld times", random(), random());
                CLEANUP(row_freep) struct row *row = journal_rig_segment("a", text, i, 1);
                const struct row *rows[] = {row};
                int64_t number;

                const struct ledger_group group = {.rows = rows, .numbers = &number, .n = 1};

                assert_int_equal(ledger_commit(&fixture->ledger, &group, NULL), 0);
        }
}

static void remove_every(struct fixture *fixture, const char *sql) {
        sqlite3_stmt *select = NULL;
        bool is_wrong = false;
        size_t n;

        assert_int_equal(database_prepare(&select, fixture->ledger.database.sqlite, sql, NULL),
                         0);
        assert_int_equal(ledger_remove(&fixture->ledger, select, &n, &is_wrong, NULL), 0);
        assert_true(n > 0);
        sqlite3_finalize(select);
}

static int setup(void **state) {
        struct fixture *fixture = xnew(struct fixture);

        srandom(5);
        fixture->folder = journal_rig_folder();
        fixture->ledger.folder = fixture->folder;
        assert_int_equal(ledger_open(&fixture->ledger, NULL), 0);
        insert(fixture, 600);
        remove_every(fixture, "SELECT row FROM rows WHERE row % 3 = 0 AND row < 300");
        remove_every(fixture, "SELECT row FROM rows WHERE row % 50 > 10 AND row > 300");
        *state = fixture;
        return 0;
}

static int teardown(void **state) {
        struct fixture *fixture = *state;

        ledger_close(&fixture->ledger);
        journal_rig_remove(fixture->folder);
        free(fixture->folder);
        free(fixture);
        return 0;
}

static void settle(struct fixture *fixture) {
        assert_int_equal(ledger_checkpoint(&fixture->ledger, true, NULL), 0);
        ledger_close(&fixture->ledger);
        assert_int_equal(ledger_open(&fixture->ledger, NULL), 0);
}

static int64_t scrub_whole(struct fixture *fixture) {
        struct scrub scrub = {0};
        bool is_done = false;

        settle(fixture);
        scrub_begin(&scrub, fixture->ledger.database.sqlite);
        while (!is_done)
                assert_int_equal(
                        scrub_step(&scrub, fixture->ledger.database.sqlite, 7, &is_done, NULL),
                        0);
        return scrub.n_changed;
}

static void assert_is_whole(struct fixture *fixture, int64_t n_rows) {
        sqlite3 *sqlite = fixture->ledger.database.sqlite;

        assert_int_equal(database_number(sqlite,
                                         "SELECT count(*) FROM pragma_integrity_check "
                                         "WHERE integrity_check <> 'ok'",
                                         -1),
                         0);
        assert_int_equal(database_run(sqlite,
                                      "INSERT INTO found(found, rank) "
                                      "VALUES('integrity-check', 1)",
                                      NULL),
                         0);
        assert_int_equal(database_number(sqlite, "SELECT count(*) FROM rows", -1), n_rows);
}

static void what_is_used_stays(void **state) {
        struct fixture *fixture = *state;
        int64_t n = database_number(fixture->ledger.database.sqlite,
                                    "SELECT count(*) FROM rows", -1);

        assert_true(scrub_whole(fixture) > 10);
        settle(fixture);
        assert_is_whole(fixture, n);
        assert_int_equal(scrub_whole(fixture), 0);
}

// Pages that are committed while others are done are done at the end.
static void what_is_written_meanwhile_is_done_too(void **state) {
        struct fixture *fixture = *state;
        struct scrub scrub = {0};
        bool is_done = false;

        settle(fixture);
        scrub_begin(&scrub, fixture->ledger.database.sqlite);
        // A page that is in memory with its old bytes when it is done in the file.
        remove_every(fixture, "SELECT row FROM rows WHERE row % 2 = 0");
        insert(fixture, 50);
        while (!is_done)
                assert_int_equal(
                        scrub_step(&scrub, fixture->ledger.database.sqlite, 7, &is_done, NULL),
                        0);
        scrub_note(&scrub, fixture->folder);
        assert_true(scrub.n_pages > 10);
        settle(fixture);
        assert_int_equal(scrub_rest(&scrub, fixture->ledger.database.sqlite, NULL), 0);
        scrub_deinit(&scrub);
        assert_int_equal(scrub_whole(fixture), 0);
        assert_is_whole(fixture, database_number(fixture->ledger.database.sqlite,
                                                 "SELECT count(*) FROM rows", -1));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_is_used_stays, setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_written_meanwhile_is_done_too, setup,
                                                teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
