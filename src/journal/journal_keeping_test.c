// What the journal keeps, and what it forgets.
#include "journal/journal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "journal/journal_life_rig.h"
#include "journal/journal_rig.h"
#include "util/mem.h"

// --- keeping ---------------------------------------------------------------------------------

static bool only_the_new_are_left(struct life *life) {
        struct journal_state state;

        journal_state(life->journal, &state);
        return state.n_removed >= 300;
}

static void old_rows_are_removed(void **state) {
        struct life *life = *state;
        int64_t now = loop_wall(life->loop) / NSEC_PER_MSEC;
        const struct query_page *page;

        for (int i = 0; i < 300; i++)
                life_append(life, "kitchen", "long ago and far away", now - 7200000 + i);
        life_append(life, "kitchen", "just now and far away", now);
        life_run_until(life, life_all_are_shown);
        life_end(life);
        life->config.keep_age = 3600;
        life_begin(life);
        life_run_until(life, only_the_new_are_left);
        page = life_read(life, "far");
        assert_int_equal(page->n, 1);
        assert_int_equal(page->rows[0].cursor.row, 301);
}

static bool some_are_left(struct life *life) {
        struct journal_state state;

        journal_state(life->journal, &state);
        return state.n_removed > 0;
}

// When the ids of journal_rig_segment() with a number were made, as they say.
#define RIG_ID_TIME ((int64_t)1 << 40)

// All rows were written long ago, as far as anybody knows: is it that late, or the clock wrong?
static void a_clock_that_is_far_ahead_removes_little(void **state) {
        static const int64_t day = 86400000;
        struct life *life = *state;
        const struct query_page *page;

        for (unsigned i = 0; i < 4; i++)
                journal_append(life->journal,
                               journal_rig_segment("kitchen", "far away",
                                                   RIG_ID_TIME - 3 * day + i * day, i + 1),
                               NULL, NULL);
        life_run_until(life, life_nothing_waits);
        life_end(life);
        life->config.keep_age = 3.5 * 86400;
        life_begin(life);
        life_run_until(life, some_are_left);
        page = life_read(life, "far");
        // A day of slack is given, and by that one is too old.
        assert_int_equal(page->n, 3);
        assert_int_equal(page->rows[0].cursor.row, 2);
}

// What says that old text is gone is as new as that.
static void what_was_forgotten_is_told_for_as_long_as_rows_are_kept(void **state) {
        struct life *life = *state;
        int64_t then = loop_wall(life->loop) / NSEC_PER_MSEC - 7200000;
        struct query query = {.kinds = 1U << ROW_FORGOTTEN};
        const struct query_page *page;

        life_forget(life, "kitchen", then, then + 1000);
        life_append(life, "garage", "long ago", then);
        life_run_until(life, life_all_are_shown);
        life_end(life);
        life->config.keep_age = 3600;
        life_begin(life);
        life_run_until(life, some_are_left);
        page = life_query(life, &query);
        assert_int_equal(page->n, 1);
        assert_int_equal(page->rows[0].kind, ROW_FORGOTTEN);
}

static bool is_small(struct life *life) {
        struct journal_state state;

        // Removed, merged, looked at again: until nothing changes.
        journal_state(life->journal, &state);
        return state.n_removed >= 500;
}

static void too_many_rows_are_removed(void **state) {
        struct life *life = *state;
        const struct query_page *page;

        life_append_many(life, 3000);
        life_run_until(life, life_all_are_shown);
        life_end(life);
        life->config.keep_bytes = 400000;
        life_begin(life);
        life_run_until(life, is_small);
        page = life_read(life, "2999");
        assert_int_equal(page->n, 1);
        page = life_read(life, "499");
        assert_int_equal(page->n, 0);
}

// --- forgetting ------------------------------------------------------------------------------

#define SECRETS_MAX 2000

// A word that nobody says twice. Terms in the index leave out what they share with the one
// before them; its end is there in full.
static void secret_make(char ret[17]) {
        for (int i = 0; i < 16; i++)
                ret[i] = (char)('a' + random() % 26);
        ret[16] = '\0';
}

static size_t count_left(const struct life *life, char (*secrets)[17], size_t n) {
        size_t n_left = 0;

        for (size_t i = 0; i < n; i++)
                n_left += journal_rig_search(life->folder, secrets[i] + 8) > 0;
        return n_left;
}

// Rows come and go in many ways, so that pages are joined and split, before those that are
// secret go.
static void nothing_is_left_of_what_is_forgotten(void **state) {
        struct life *life = *state;
        static char secrets[SECRETS_MAX][17];
        const struct row *last;
        size_t n = 0;

        srandom(7);
        for (int64_t round = 0; round < 8; round++) {
                int64_t start = 1764500000000 + round * 1000000;

                for (int i = 0; i < 250; i++) {
                        bool is_secret = random() % 4 == 0;
                        CLEANUP(mem_freep) char *text = NULL;

                        secret_make(secrets[n]);
                        text = xasprintf("%s said %s on day %ld", is_secret ? "they" : "we",
                                         secrets[n], random() % 5000);
                        n += is_secret;
                        life_append(life, is_secret ? "bedroom" : "kitchen", text,
                                    start + i * 1000);
                        if (i % 10 == 0)
                                life_run_until(life, life_all_are_shown);
                }
                life_run_until(life, life_all_are_shown);
                if (round % 2)
                        life_forget(life, "kitchen", start + 50000, start + 150000);
        }
        assert_int_equal(count_left(life, secrets, n), n);
        life_forget(life, "bedroom", 0, 0);
        assert_string_equal(life->trouble, "");
        assert_int_equal(life->n_forgotten, n);
        assert_int_equal(count_left(life, secrets, n), 0);
        last = life->watched[life->n_watched - 1].row;
        assert_int_equal(last->kind, ROW_FORGOTTEN);
        assert_string_equal(last->stream, "bedroom");
        assert_true(last->is_durable);
        assert_true(life_read(life, "said")->n > 0);
}

static void only_what_was_said_then_is_forgotten(void **state) {
        struct life *life = *state;

        life_append(life, "kitchen", "before that time", 1764500000000);
        life_append(life, "kitchen", "within that time", 1764500100000);
        life_append(life, "kitchen", "behind that time", 1764500200000);
        // Appended already, if not written.
        life_forget(life, NULL, 1764500090000, 1764500150000);
        assert_string_equal(life->trouble, "");
        assert_int_equal(life->n_forgotten, 1);
        assert_int_equal(life_read(life, "time")->n, 2);
        assert_int_equal(life_read(life, "within")->n, 0);
        assert_int_equal(life->watched[3].row->start, 1764500090000);
        assert_int_equal(life->watched[3].row->end, 1764500150000);
        assert_null(life->watched[3].row->stream);
}

static void a_full_disk_cannot_forget(void **state) {
        struct life *life = *state;

        life_append(life, "kitchen", "something", 1764500000000);
        life_run_until(life, life_all_are_shown);
        atomic_store(&life_refusal, ENOSPC);
        life_append(life, "kitchen", "more", 1764500000000);
        life_run_until(life, life_has_trouble);
        life_forget(life, NULL, 0, 0);
        assert_non_null(strstr(life->trouble, "full"));
}

static void a_database_set_aside_is_named(void **state) {
        struct life *life = *state;

        life_append(life, "kitchen", "something", 1764500000000);
        life_run_until(life, life_all_are_shown);
        life_end(life);
        life_damage(life, 0, 100);
        life_begin(life);
        life_forget(life, NULL, 0, 0);
        assert_non_null(strstr(life->trouble, "damaged-"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, life_setup, life_teardown)
                TEST(old_rows_are_removed),
                TEST(a_clock_that_is_far_ahead_removes_little),
                TEST(what_was_forgotten_is_told_for_as_long_as_rows_are_kept),
                TEST(too_many_rows_are_removed),
                TEST(nothing_is_left_of_what_is_forgotten),
                TEST(only_what_was_said_then_is_forgotten),
                TEST(a_full_disk_cannot_forget),
                TEST(a_database_set_aside_is_named),
#undef TEST
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
