// The journal on a real loop with a real database: what is shown, and when, whether or not the
// disk takes rows.
#include "journal/journal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#include "journal/journal_life_rig.h"
#include "journal/journal_rig.h"
#include "util/mem.h"

// --- showing ---------------------------------------------------------------------------------

static void rows_are_shown_in_order_once_they_are_on_disk(void **state) {
        struct life *life = *state;
        unsigned before = atomic_load(&life_n_syncs);

        for (int round = 0; round < 20; round++) {
                size_t n = life->n_shown;

                life_append_many(life, 5);
                // Nothing of SQLite runs on the loop.
                assert_int_equal(life->n_shown, n);
                life_run_until(life, life_all_are_shown);
                // At least one wait for the disk since they were appended.
                assert_true(life->shown[n].syncs > before);
                before = atomic_load(&life_n_syncs);
        }
        assert_int_equal(life->n_shown, 100);
        assert_int_equal(life->n_watched, 100);
        assert_int_equal(life->n_durable, 0);
        for (size_t i = 0; i < 100; i++) {
                const struct row *row = life->shown[i].row;

                assert_true(row->is_durable);
                assert_int_equal(row->cursor.row, i + 1);
                assert_int_equal(row->cursor.epoch, journal_end(life->journal).epoch);
                assert_memory_equal(row->id, life->watched[i].row->id, ROW_ID_BYTES);
                if (i)
                        assert_true(memcmp(life->shown[i - 1].row->id, row->id, ROW_ID_BYTES) <
                                    0);
        }
        assert_int_equal(journal_end(life->journal).row, 100);
}

// Rows that come while a group is written share the next one.
static void many_rows_share_a_commit(void **state) {
        struct life *life = *state;
        struct journal_state after;

        life_append_many(life, 1000);
        life_run_until(life, life_all_are_shown);
        // On a slow machine some were shown before that.
        life_run_until(life, life_nothing_waits);
        journal_state(life->journal, &after);
        assert_true(after.n_commits < 100);
        assert_int_equal(after.n_written[ROW_SEGMENT], 1000);
        assert_int_equal(after.n_waiting, 0);
        assert_int_equal(after.waiting_bytes, 0);
        assert_true(after.can_write);
}

static void append_in_turn(void *context, const struct row *row) {
        struct life *life = context;

        life_heard_add(life->shown, &life->n_shown, row);
        if (life->n_shown < 3)
                journal_append(life->journal, journal_rig_segment("kitchen", "another", 1, 0),
                               append_in_turn, life);
}

static void who_is_shown_a_row_may_append(void **state) {
        struct life *life = *state;

        life->n_expected = 3;
        journal_append(life->journal, journal_rig_segment("kitchen", "first", 1, 0),
                       append_in_turn, life);
        life_run_until(life, life_all_are_shown);
        atomic_store(&life_refusal, ENOSPC);
        life_append_many(life, 1);
        life_run_until(life, life_has_trouble);
        life_heard_drop(life->shown, &life->n_shown);
        life_heard_drop(life->watched, &life->n_watched);
        // At once and within the call, now that nothing can be written.
        journal_append(life->journal, journal_rig_segment("kitchen", "first", 1, 0),
                       append_in_turn, life);
        assert_int_equal(life->n_shown, 3);
        // Everybody hears of them in their order.
        assert_int_equal(life->n_watched, 3);
        for (size_t i = 0; i < 3; i++)
                assert_memory_equal(life->watched[i].row->id, life->shown[i].row->id,
                                    ROW_ID_BYTES);
}

static void who_is_detached_is_not_told(void **state) {
        struct life *life = *state;

        life_append_many(life, 3);
        journal_detach(life->journal, life);
        life_run_until(life, life_nothing_waits);
        assert_int_equal(life->n_shown, 0);
        assert_int_equal(life->n_watched, 3);
        assert_int_equal(journal_end(life->journal).row, 3);
}

static void closing_writes_what_waits(void **state) {
        struct life *life = *state;

        life_append_many(life, 2500);
        life_end(life);
        assert_int_equal(life->n_shown, 2500);
        assert_true(life->shown[2499].row->is_durable);
        life_begin(life);
        assert_int_equal(journal_end(life->journal).row, 2500);
}

// --- a disk that does not take rows ----------------------------------------------------------

static void while_the_disk_is_full_rows_wait(void **state) {
        struct life *life = *state;
        struct journal_state after;

        life_append_many(life, 2);
        life_run_until(life, life_all_are_shown);
        atomic_store(&life_refusal, ENOSPC);
        life_append_many(life, 3);
        life_run_until(life, life_all_are_shown);
        for (size_t i = 2; i < 5; i++) {
                assert_false(life->shown[i].row->is_durable);
                assert_int_equal(life->shown[i].row->cursor.row, 0);
        }
        life_run_until(life, life_has_trouble);
        life_append_many(life, 1);
        assert_int_equal(life->n_shown, 6);
        journal_state(life->journal, &after);
        assert_int_equal(after.n_waiting, 4);
        assert_non_null(strstr(after.trouble, "full"));
        assert_int_equal(life->n_durable, 0);
        // And back.
        atomic_store(&life_refusal, 0);
        life->n_expected = 4;
        life_run_until(life, life_all_are_durable);
        for (size_t i = 0; i < 4; i++) {
                assert_memory_equal(life->durable[i].row->id, life->shown[i + 2].row->id,
                                    ROW_ID_BYTES);
                assert_true(life->durable[i].row->is_durable);
                assert_int_equal(life->durable[i].row->cursor.row, i + 3);
        }
        journal_state(life->journal, &after);
        assert_true(after.can_write);
        assert_string_equal(after.trouble, "");
        assert_int_equal(after.n_lost, 0);
}

static void a_server_starts_on_a_full_disk(void **state) {
        struct life *life = *state;
        struct journal_state after;

        life_append_many(life, 1);
        life_end(life);
        atomic_store(&life_refusal, ENOSPC);
        life_begin(life);
        journal_state(life->journal, &after);
        assert_false(after.can_write);
        life_append_many(life, 2);
        assert_int_equal(life->n_shown, 3);
        assert_false(life->shown[2].row->is_durable);
        atomic_store(&life_refusal, 0);
        life_run_until(life, life_nothing_waits);
        assert_int_equal(life->n_durable, 2);
        assert_int_equal(journal_end(life->journal).row, 3);
}

// What sinks had taken before is known again once the disk can be read.
static void cursors_outlive_a_start_on_a_full_disk(void **state) {
        struct life *life = *state;
        struct row_cursor cursor;
        uint64_t epoch, rows;
        double seconds;

        life_append_many(life, 5);
        life_run_until(life, life_all_are_shown);
        cursor = journal_end(life->journal);
        epoch = cursor.epoch;
        cursor.row = 3;
        journal_cursor_set(life->journal, "bus", cursor);
        life_end(life);
        atomic_store(&life_refusal, ENOSPC);
        life_begin(life);
        assert_false(journal_cursor(life->journal, "bus", &cursor));
        assert_int_equal(cursor.epoch, 0);
        // There is no such place.
        journal_cursor_set(life->journal, "bus", cursor);
        assert_false(journal_cursor(life->journal, "bus", &cursor));
        life_append_many(life, 1);
        atomic_store(&life_refusal, 0);
        life_run_until(life, life_nothing_waits);
        assert_true(journal_cursor(life->journal, "bus", &cursor));
        assert_int_equal(cursor.epoch, epoch);
        assert_int_equal(cursor.row, 3);
        journal_lag(life->journal, cursor, &rows, &seconds);
        assert_int_equal(rows, 3);
        assert_true(seconds > 0.0);
        // And at the next start.
        life_end(life);
        life_begin(life);
        assert_true(journal_cursor(life->journal, "bus", &cursor));
        assert_int_equal(cursor.row, 3);
}

#define TMPFS_KIB 700

static size_t n_durable(const struct life *life) {
        size_t n = life->n_durable;

        for (size_t i = 0; i < life->n_shown; i++)
                n += life->shown[i].row->is_durable;
        return n;
}

// A disk that is really full, if we may make one: filled up by another, then not.
static void a_small_disk_fills_up(void **state) {
        struct life *life = *state;
        CLEANUP(mem_freep) char *stuffing = xasprintf("%s/stuffing", life->folder);
        CLEANUP(mem_freep) char *block = xcalloc(TMPFS_KIB, 1024);
        FILE *file;
        bool is_mounted;

        life_end(life);
        is_mounted = mount("none", life->folder, "tmpfs", 0, "size=700k,mode=700") == 0;
        life_begin(life);
        if (!is_mounted)
                skip();
        life_append_many(life, 10);
        life_run_until(life, life_all_are_shown);
        file = fopen(stuffing, "w");
        (void)!fwrite(block, 1024, TMPFS_KIB, file);
        fclose(file);
        life_append_many(life, 300);
        life_run_until(life, life_has_trouble);
        life_append_many(life, 10);
        assert_int_equal(life->n_shown, 320);
        assert_true(n_durable(life) < 320);
        assert_int_equal(unlink(stuffing), 0);
        life_run_until(life, life_nothing_waits);
        assert_int_equal(n_durable(life), 320);
        assert_int_equal(journal_end(life->journal).row, 320);
        life_end(life);
        assert_int_equal(umount(life->folder), 0);
        life_begin(life);
}

static void too_much_that_waits_is_given_up(void **state) {
        struct life *life = *state;
        struct journal_state after;

        life_end(life);
        life->config.waiting_max = 20000;
        life_begin(life);
        atomic_store(&life_refusal, ENOSPC);
        life_append_many(life, 1);
        life_run_until(life, life_has_trouble);
        life_append_many(life, 199);
        journal_state(life->journal, &after);
        assert_true(after.waiting_bytes <= 20000);
        assert_true(after.n_lost > 100);
        assert_int_equal(after.n_lost + after.n_waiting, 200);
        assert_int_equal(life->n_shown, 200);
        atomic_store(&life_refusal, 0);
        life_run_until(life, life_nothing_waits);
        // The newest are there.
        assert_int_equal(life->n_durable, after.n_waiting);
        assert_memory_equal(life->durable[after.n_waiting - 1].row->id,
                            life->shown[199].row->id, ROW_ID_BYTES);
}

static void closing_gives_up_after_a_while(void **state) {
        struct life *life = *state;

        atomic_store(&life_refusal, EIO);
        life_append_many(life, 2);
        life_end(life);
        assert_int_equal(life->n_shown, 2);
        assert_false(life->shown[1].row->is_durable);
}

static void on_page(void *context, struct query_page *page) {
        struct life *life = context;

        life->page = *page;
        life->has_page = true;
}

static bool somebody_hangs(struct life *life) {
        (void)life;
        return atomic_load(&life_n_hanging) > 0;
}

// The reader's thread and then the writer's are with the disk: who waits is told, and they are
// left behind.
static void closing_leaves_a_disk_that_hangs(void **state) {
        static struct journal *volatile left;  // nobody frees it
        struct life *life = *state;
        struct query query = {.words = (char *)"many"};

        life_append_many(life, 2000);
        life_run_until(life, life_all_are_shown);
        left = life->journal;
        assert_non_null(left);
        atomic_store(&life_hangs, true);
        journal_read(life->journal, &query, on_page, life);
        life_run_until(life, somebody_hangs);
        life_append_many(life, 1);
        life_end(life);
        atomic_store(&life_hangs, false);
        assert_true(life->has_page);
        assert_string_equal(life->page.error, "the journal is closed");
}

// --- where sinks are -------------------------------------------------------------------------

static void cursors_outlive_the_server(void **state) {
        struct life *life = *state;
        struct row_cursor cursor;

        life_append_many(life, 5);
        life_run_until(life, life_all_are_shown);
        assert_false(journal_cursor(life->journal, "bus", &cursor));
        assert_int_equal(cursor.row, 5);
        cursor.row = 3;
        journal_cursor_set(life->journal, "bus", cursor);
        assert_true(journal_cursor(life->journal, "bus", &cursor));
        life_end(life);
        life_begin(life);
        assert_true(journal_cursor(life->journal, "bus", &cursor));
        assert_int_equal(cursor.row, 3);
        assert_int_equal(cursor.epoch, journal_end(life->journal).epoch);
}

static void how_far_behind_somebody_is(void **state) {
        struct life *life = *state;
        struct row_cursor cursor;
        uint64_t rows;
        double seconds;

        life_append_many(life, 5);
        life_run_until(life, life_all_are_shown);
        cursor = journal_end(life->journal);
        journal_lag(life->journal, cursor, &rows, &seconds);
        assert_int_equal(rows, 0);
        assert_true(seconds == 0.0);
        cursor.row = 2;
        journal_lag(life->journal, cursor, &rows, &seconds);
        assert_int_equal(rows, 3);
        assert_true(seconds >= 0.0 && seconds < 30.0);
        cursor.epoch++;
        journal_lag(life->journal, cursor, &rows, &seconds);
        assert_int_equal(rows, 5);
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, life_setup, life_teardown)
                TEST(rows_are_shown_in_order_once_they_are_on_disk),
                TEST(many_rows_share_a_commit),
                TEST(who_is_shown_a_row_may_append),
                TEST(who_is_detached_is_not_told),
                TEST(closing_writes_what_waits),
                TEST(while_the_disk_is_full_rows_wait),
                TEST(a_server_starts_on_a_full_disk),
                TEST(cursors_outlive_a_start_on_a_full_disk),
                TEST(a_small_disk_fills_up),
                TEST(too_much_that_waits_is_given_up),
                TEST(closing_gives_up_after_a_while),
                TEST(closing_leaves_a_disk_that_hangs),
                TEST(cursors_outlive_the_server),
                TEST(how_far_behind_somebody_is),
#undef TEST
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
