// The shelf when the server starts: what is kept, what is set aside, and what goes.
#include "transcription/shelf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/folder_rig.h"
#include "util/mem.h"

#define ID "0123456789abcdef0123456789abcdef"

static char *folder;

static int setup(void **state) {
        const char *above = getenv("TMPDIR");

        (void)state;
        folder = xasprintf("%s/eavesdrop-shelf-XXXXXX", above ? above : "/tmp");
        return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state) {
        (void)state;
        folder_rig_remove(folder);
        folder = mem_free(folder);
        return 0;
}

static void entry_make(const char *end, const char *text) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/" ID "%s", folder, end);
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        fputs(text, file);
        fclose(file);
}

static bool has_entry(const char *end) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/" ID "%s", folder, end);
        struct stat status;

        return lstat(path, &status) == 0;
}

// What is told of records; whether they are understood is as they say.
static bool on_record(void *context, const char *id, const char *text, size_t n) {
        size_t *n_told = context;

        assert_string_equal(id, ID);
        assert_int_equal(strlen(text), n);
        ++*n_told;
        return strcmp(text, "good") == 0;
}

static size_t look_through(void) {
        size_t n_told = 0;
        struct error error = {0};

        assert_int_equal(shelf_look_through(folder, on_record, &n_told, &error), 0);
        return n_told;
}

static void what_has_a_record_stays(void **state) {
        (void)state;
        entry_make(".json", "good");
        entry_make(".sound", "x");
        entry_make(".txt.new", "x");
        assert_int_equal(look_through(), 1);
        assert_true(has_entry(".json") && has_entry(".sound"));
        assert_false(has_entry(".txt.new"));
}

static void what_has_none_goes(void **state) {
        (void)state;
        entry_make(".sound", "x");
        entry_make(".part", "x");
        entry_make(".vtt", "x");
        assert_int_equal(look_through(), 0);
        assert_false(has_entry(".sound") || has_entry(".part") || has_entry(".vtt"));
}

// Somebody may want to mend it.
static void what_makes_no_sense_is_set_aside_with_its_files(void **state) {
        (void)state;
        entry_make(".json", "bad");
        entry_make(".sound", "x");
        entry_make(".txt", "x");
        for (size_t start = 0; start < 2; start++) {
                assert_int_equal(look_through(), start == 0);
                assert_false(has_entry(".json"));
                assert_true(has_entry(".json.broken"));
                assert_true(has_entry(".sound") && has_entry(".txt"));
        }
}

static void what_is_no_file_is_set_aside(void **state) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/" ID ".json", folder);

        (void)state;
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(look_through(), 0);
        assert_false(has_entry(".json"));
        assert_true(has_entry(".json.broken"));
}

// So many descriptors from now on; returns what held before.
static struct rlimit descriptors_limit(rlim_t n) {
        struct rlimit before, now;

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        now = (struct rlimit){.rlim_cur = n, .rlim_max = before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
        return before;
}

static void a_folder_that_cannot_be_read_is_told(void **state) {
        struct error error = {0};
        struct rlimit before;
        size_t n_told = 0;
        int r;

        (void)state;
        entry_make(".json", "good");
        before = descriptors_limit(0);
        r = shelf_look_through(folder, on_record, &n_told, &error);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_int_equal(r, -EMFILE);
        assert_non_null(strstr(error.text, folder));
        assert_int_equal(n_told, 0);
        assert_true(has_entry(".json"));
}

struct famine {
        struct rlimit before;
        size_t n_told;
};

// After the first record there are no descriptors left.
static bool on_record_before_famine(void *context, const char *id, const char *text, size_t n) {
        struct famine *famine = context;

        (void)id, (void)text, (void)n;
        famine->before = descriptors_limit(0);
        famine->n_told++;
        return true;
}

static void a_record_that_cannot_be_read_is_left_alone(void **state) {
        CLEANUP(mem_freep) char *first = xasprintf("%s/00%.30s.json", folder, ID);
        struct famine famine = {0};
        struct error error = {0};
        int r;

        (void)state;
        fclose(fopen(first, "w"));
        entry_make(".json", "good");
        entry_make(".sound", "x");
        r = shelf_look_through(folder, on_record_before_famine, &famine, &error);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &famine.before), 0);
        assert_int_equal(r, 0);
        assert_int_equal(famine.n_told, 1);
        assert_true(has_entry(".json") && has_entry(".sound"));
        assert_false(has_entry(".json.broken"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_has_a_record_stays, setup, teardown),
                cmocka_unit_test_setup_teardown(what_has_none_goes, setup, teardown),
                cmocka_unit_test_setup_teardown(what_makes_no_sense_is_set_aside_with_its_files,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_no_file_is_set_aside, setup, teardown),
                cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_read_is_told, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_record_that_cannot_be_read_is_left_alone,
                                                setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
