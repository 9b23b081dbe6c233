// Servers that are killed: whatever one showed as durable, the next one has.
#include "journal/journal.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "journal/database.h"
#include "journal/journal_life_rig.h"
#include "journal/journal_rig.h"

// --- kill -9 ---------------------------------------------------------------------------------

static int told;  // to the parent

static void tell_shown(void *context, const struct row *row) {
        struct life *life = context;

        if (row->is_durable)
                assert_int_equal(write(told, row->id, ROW_ID_BYTES), ROW_ID_BYTES);
        journal_append(life->journal, journal_rig_segment("kitchen", "and again", 1, 0),
                       tell_shown, life);
}

// A server that appends row after row until it is killed.
static void child_run(struct life *life) {
        life->loop = loop_new();
        if (journal_open(&life->journal, life->loop, &life->config, NULL) != 0)
                _exit(1);
        for (int i = 0; i < 8; i++)
                journal_append(life->journal, journal_rig_segment("kitchen", "first", 1, 0),
                               tell_shown, life);
        loop_run(life->loop);
        _exit(0);
}

static void assert_is_there(struct life *life, const uint8_t *ids, size_t n) {
        struct database database;
        sqlite3_stmt *statement = NULL;

        assert_int_equal(database_open(&database, life->folder, DATABASE_READ, NULL), 0);
        assert_int_equal(database_prepare(&statement, database.sqlite,
                                          "SELECT count(*) FROM rows WHERE id = ?", NULL),
                         0);
        for (size_t i = 0; i < n; i++) {
                sqlite3_bind_blob(statement, 1, ids + i * ROW_ID_BYTES, ROW_ID_BYTES,
                                  SQLITE_STATIC);
                assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
                assert_int_equal(sqlite3_column_int(statement, 0), 1);
                sqlite3_reset(statement);
        }
        sqlite3_finalize(statement);
        database_close(&database);
}

static void what_was_shown_survives_a_kill(void **state) {
        struct life *life = *state;

        life_end(life);
        srandom(3);
        for (int round = 0; round < 10; round++) {
                static uint8_t ids[1 << 20];
                size_t n = 0, most = (size_t)(1 + random() % 60) * ROW_ID_BYTES;
                int ends[2];
                pid_t child;

                assert_int_equal(pipe(ends), 0);
                child = fork();
                if (child == 0) {
                        told = ends[1];
                        child_run(life);
                }
                close(ends[1]);
                // Killed after so many rows, wherever it is then; what it said until then
                // counts.
                while (n < sizeof(ids)) {
                        ssize_t got = read(ends[0], ids + n, sizeof(ids) - n);

                        if (got <= 0)
                                break;
                        n += (size_t)got;
                        if (n >= most)
                                kill(child, SIGKILL);
                }
                close(ends[0]);
                assert_int_equal(waitpid(child, NULL, 0), child);
                assert_true(n >= most);
                // As the next server finds it.
                life_begin(life);
                assert_is_there(life, ids, n / ROW_ID_BYTES);
                life_end(life);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, life_setup, life_teardown)
                TEST(what_was_shown_survives_a_kill),
#undef TEST
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
