// Files that are not as the journal left them: taken by another, of another version, deleted,
// damaged.
#include "journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "journal/damage.h"
#include "journal/database.h"
#include "journal/journal_life_rig.h"
#include "journal/journal_rig.h"
#include "util/mem.h"

// --- files that are not as they should be ----------------------------------------------------

static void a_second_server_is_refused(void **state) {
        struct life *life = *state;
        struct journal *second = NULL;
        struct error error = {0};
        char process[32];

        snprintf(process, sizeof(process), "process %ld,", (long)getpid());
        assert_int_equal(journal_open(&second, life->loop, &life->config, &error), -EBUSY);
        assert_non_null(strstr(error.text, process));
        assert_non_null(strstr(error.text, "--state-dir"));
        life_end(life);
        life_begin(life);
}

static void a_newer_version_is_refused(void **state) {
        struct life *life = *state;
        struct database database;
        struct error error = {0};

        life_end(life);
        assert_int_equal(database_open(&database, life->folder, DATABASE_WRITE, NULL), 0);
        assert_int_equal(database_run(database.sqlite, "PRAGMA user_version = 7", NULL), 0);
        database_close(&database);
        assert_int_equal(journal_open(&life->journal, life->loop, &life->config, &error),
                         -EPROTO);
        assert_non_null(strstr(error.text, "version 7"));
        life->journal = NULL;
}

static bool is_written_again(struct life *life) {
        CLEANUP(mem_freep) char *path = life_path(life, "");

        return access(path, F_OK) == 0;
}

static void a_deleted_database_comes_back(void **state) {
        static const char *const endings[] = {"", "-wal", "-shm"};
        struct life *life = *state;
        struct row_cursor end;

        life_append_many(life, 10);
        life_run_until(life, life_all_are_shown);
        end = journal_end(life->journal);
        for (size_t i = 0; i < 3; i++) {
                CLEANUP(mem_freep) char *path = life_path(life, endings[i]);

                assert_int_equal(unlink(path), 0);
        }
        life_run_until(life, is_written_again);
        life_append_many(life, 1);
        life_run_until(life, life_all_are_shown);
        assert_int_equal(journal_end(life->journal).epoch, end.epoch);
        assert_int_equal(journal_end(life->journal).row, 11);
        assert_int_equal(life_read(life, "many")->n, 11);
        // It is a file like any other when the next server comes.
        life_end(life);
        life_begin(life);
        assert_int_equal(journal_end(life->journal).row, 11);
        assert_int_equal(life_read(life, "many")->n, 11);
}

static void a_deleted_folder_comes_back(void **state) {
        struct life *life = *state;
        struct journal *second = NULL;

        life_append_many(life, 10);
        life_run_until(life, life_all_are_shown);
        journal_rig_remove(life->folder);
        life_run_until(life, is_written_again);
        life_append_many(life, 1);
        life_run_until(life, life_all_are_shown);
        assert_int_equal(life_read(life, "many")->n, 11);
        assert_int_equal(journal_open(&second, life->loop, &life->config, NULL), -EBUSY);
}

static size_t count_set_aside(const struct life *life) {
        CLEANUP(mem_freep) char *name = NULL;

        return damage_count(life->folder, &name);
}

static uint64_t epoch_before;

static bool has_another_epoch(struct life *life) {
        return journal_end(life->journal).epoch != epoch_before;
}

static void a_damaged_beginning_is_set_aside(void **state) {
        struct life *life = *state;
        struct row_cursor cursor;

        life_append_many(life, 10);
        life_run_until(life, life_all_are_shown);
        epoch_before = journal_end(life->journal).epoch;
        life_end(life);
        life_damage(life, 0, 100);
        life_begin(life);
        assert_true(has_another_epoch(life));
        assert_int_equal(count_set_aside(life), 1);
        // Whoever has no cursor here had one there, for all that is known.
        life_append_many(life, 2);
        life_run_until(life, life_all_are_shown);
        assert_false(journal_cursor(life->journal, "bus", &cursor));
        assert_int_equal(cursor.row, 0);
        assert_int_equal(cursor.epoch, journal_end(life->journal).epoch);
}

// A damaged one that was there before is no matter of whoever comes later.
static void a_sink_that_is_added_later_begins_at_the_end(void **state) {
        struct life *life = *state;
        struct row_cursor cursor;

        life_append_many(life, 3);
        life_run_until(life, life_all_are_shown);
        life_end(life);
        life_damage(life, 0, 100);
        life_begin(life);
        life_append_many(life, 2);
        life_run_until(life, life_all_are_shown);
        life_end(life);
        life_begin(life);
        assert_false(journal_cursor(life->journal, "bus", &cursor));
        assert_int_equal(cursor.row, 2);
}

// The structure of a page in the middle, which opening does not see: the checkup does.
static void a_damaged_page_is_found_while_in_use(void **state) {
        struct life *life = *state;
        struct row_cursor cursor;
        struct stat status;
        CLEANUP(mem_freep) char *path = life_path(life, "");
        off_t damaged = 0;

        life_append_many(life, 2000);
        life_run_until(life, life_all_are_shown);
        cursor = journal_end(life->journal);
        epoch_before = cursor.epoch;
        cursor.row = 1500;
        journal_cursor_set(life->journal, "bus", cursor);
        life_end(life);
        assert_int_equal(stat(path, &status), 0);
        // A leaf of a table: its count of cells.
        for (off_t at = 20 * 4096; at < status.st_size && !damaged; at += 4096) {
                int fd = open(path, O_RDONLY | O_CLOEXEC);
                uint8_t type = 0;

                assert_int_equal(pread(fd, &type, 1, at), 1);
                close(fd);
                if (type == 13)
                        damaged = at;
        }
        assert_true(damaged > 0);
        life_damage(life, damaged + 3, 2);
        life_begin(life);
        life_run_until(life, has_another_epoch);
        assert_int_equal(count_set_aside(life), 1);
        life_append_many(life, 1);
        life_run_until(life, life_all_are_shown);
        assert_int_equal(life_read(life, "many")->n, 1);
        // The sinks that are known begin at the beginning.
        assert_true(journal_cursor(life->journal, "bus", &cursor));
        assert_int_equal(cursor.row, 0);
        assert_int_equal(cursor.epoch, journal_end(life->journal).epoch);
}

static void a_flipped_bit_in_a_text_is_found(void **state) {
        struct life *life = *state;
        CLEANUP(mem_freep) char *path = life_path(life, "");
        struct journal_state after;
        struct stat status;
        char *content, *place;
        FILE *file;
        off_t at;

        life_append_many(life, 3);
        life_append(life, "kitchen", "the quick xylophone", 1764500000000);
        life_append_many(life, 3);
        life_run_until(life, life_all_are_shown);
        life_end(life);
        assert_int_equal(stat(path, &status), 0);
        content = xcalloc((size_t)status.st_size, 1);
        file = fopen(path, "r");
        assert_int_equal(fread(content, 1, (size_t)status.st_size, file), status.st_size);
        fclose(file);
        place = memmem(content, (size_t)status.st_size, "the quick xylophone", 19);
        assert_non_null(place);
        at = place + 10 - content;
        free(content);
        life_damage(life, at, 1);
        life_begin(life);
        assert_int_equal(life_read(life, NULL)->n, 6);
        journal_state(life->journal, &after);
        assert_int_equal(after.n_damaged, 1);
        assert_int_equal(count_set_aside(life), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, life_setup, life_teardown)
                TEST(a_second_server_is_refused),
                TEST(a_newer_version_is_refused),
                TEST(a_deleted_database_comes_back),
                TEST(a_deleted_folder_comes_back),
                TEST(a_damaged_beginning_is_set_aside),
                TEST(a_sink_that_is_added_later_begins_at_the_end),
                TEST(a_damaged_page_is_found_while_in_use),
                TEST(a_flipped_bit_in_a_text_is_found),
#undef TEST
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
