// Lines: the contract, and files that are renamed, deleted, cut short, full, or none.
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/journal_rig.h"
#include "sink/contract_rig.h"
#include "util/mem.h"

struct bench {
        char *folder, *away, *path, *renamed;
        struct contract *contract;
};

static struct bench bench;

// A folder that is not there.
static void bench_set_fault(void *context, enum contract_fault fault, bool is_on) {
        (void)context;
        assert_int_equal(fault, CONTRACT_DOWN);
        assert_int_equal(
                rename(is_on ? bench.folder : bench.away, is_on ? bench.away : bench.folder),
                0);
}

// The ids of a file's lines, each of which must be a whole row.
static size_t file_ids(const char *path, char (*ret)[ROW_ID_TEXT_MAX], size_t most) {
        FILE *file = fopen(path, "r");
        size_t n = 0, size = 0;
        char *line = NULL;

        while (file && getline(&line, &size, file) > 0) {
                json_t *row = json_loads(line, 0, NULL);

                assert_non_null(row);
                assert_true(n < most);
                snprintf(ret[n++], ROW_ID_TEXT_MAX, "%s",
                         json_string_value(json_object_get(row, "id")));
                json_decref(row);
        }
        if (file)
                fclose(file);
        free(line);
        return n;
}

// Of the file that was renamed, if one was, and of the one there is.
static size_t bench_ids(void *context, char (*ret)[ROW_ID_TEXT_MAX], size_t most) {
        size_t n = file_ids(bench.renamed, ret, most);

        (void)context;
        return n + file_ids(bench.path, ret + n, most - n);
}

static int setup(void **state) {
        char *above = journal_rig_folder();

        bench.folder = xasprintf("%s/lines", above);
        bench.away = xasprintf("%s/away", above);
        bench.path = xasprintf("%s/heard.jsonl", bench.folder);
        bench.renamed = xasprintf("%s/heard.jsonl.1", bench.folder);
        free(above);
        assert_int_equal(mkdir(bench.folder, 0700), 0);
        bench.contract = contract_new(&(struct contract_peer){
                .config = {.type = SINK_LINES, .path = bench.path},
                .faults = 1U << CONTRACT_DOWN,
                .set_fault = bench_set_fault,
                .ids = bench_ids,
        });
        *state = bench.contract;
        return 0;
}

static int teardown(void **state) {
        contract_free(*state);
        *strrchr(bench.folder, '/') = '\0';
        journal_rig_remove(bench.folder);
        free(bench.folder);
        free(bench.away);
        free(bench.path);
        free(bench.renamed);
        return 0;
}

static size_t n_lines(const char *path) {
        char ids[100][ROW_ID_TEXT_MAX];

        return file_ids(path, ids, 100);
}

static void only_we_may_read_the_file(void **state) {
        struct stat status;

        contract_open(*state);
        contract_append(*state, 1);
        contract_settle(*state);
        assert_int_equal(stat(bench.path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
}

static void a_file_that_was_renamed_is_followed_by_a_new_one(void **state) {
        contract_open(*state);
        contract_append(*state, 3);
        contract_settle(*state);
        assert_int_equal(rename(bench.path, bench.renamed), 0);
        contract_append(*state, 2);
        contract_settle(*state);
        assert_int_equal(n_lines(bench.renamed), 3);
        assert_int_equal(n_lines(bench.path), 2);
}

static void a_file_that_was_deleted_is_made_again(void **state) {
        contract_open(*state);
        contract_append(*state, 3);
        contract_settle(*state);
        assert_int_equal(unlink(bench.path), 0);
        contract_append(*state, 1);
        contract_wait_for_rows(*state);
        assert_int_equal(n_lines(bench.path), 1);
}

static size_t n_descriptors_of(const char *path) {
        size_t n = 0;

        for (int fd = 0; fd < 256; fd++) {
                char link[64], target[4096];
                ssize_t length;

                snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
                length = readlink(link, target, sizeof(target) - 1);
                if (length <= 0)
                        continue;
                target[length] = '\0';
                n += strcmp(target, path) == 0;
        }
        return n;
}

static void a_renamed_file_is_let_go_of_when_told(void **state) {
        contract_open(*state);
        contract_append(*state, 3);
        contract_settle(*state);
        assert_int_equal(rename(bench.path, bench.renamed), 0);
        assert_int_equal(n_descriptors_of(bench.renamed), 1);
        contract_reopen(*state);
        assert_int_equal(n_descriptors_of(bench.renamed), 0);
        contract_append(*state, 1);
        contract_settle(*state);
        // While a batch is out, the next one goes to a file opened anew.
        contract_append(*state, 1);
        loop_turn(contract_loop(*state));
        contract_reopen(*state);
        contract_settle(*state);
        contract_append(*state, 1);
        contract_settle(*state);
}

static void file_begin_line(const char *path, const char *bytes) {
        FILE *file = fopen(path, "a");

        assert_non_null(file);
        fputs(bytes, file);
        fclose(file);
}

static void a_line_without_an_end_is_left_alone(void **state) {
        char *line = NULL;
        size_t size = 0;
        FILE *file;

        file_begin_line(bench.path, "{\"kind\":\"segm");
        contract_open(*state);
        contract_append(*state, 1);
        contract_wait_for_rows(*state);
        file = fopen(bench.path, "r");
        assert_non_null(file);
        assert_true(getline(&line, &size, file) > 0);
        assert_string_equal(line, "{\"kind\":\"segm\n");
        assert_true(getline(&line, &size, file) > 0);
        assert_string_equal(line + strlen(line) - 2, "}\n");
        assert_int_equal(getline(&line, &size, file), -1);
        fclose(file);
        free(line);
}

static void a_full_disk_is_waited_for(void **state) {
        struct rlimit limit, before;
        struct stat status;
        off_t full;

        signal(SIGXFSZ, SIG_IGN);
        contract_open(*state);
        contract_append(*state, 2);
        contract_settle(*state);
        assert_int_equal(stat(bench.path, &status), 0);
        full = status.st_size;
        contract_close(*state);
        contract_append(*state, 2);
        contract_flush(*state);
        // As a disk with room for half a row more.
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        limit = before;
        limit.rlim_cur = (rlim_t)full + 100;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        contract_open(*state);
        contract_wait_for_trouble(*state);
        assert_non_null(strstr(contract_state(*state).trouble, "heard.jsonl: "));
        assert_int_equal(stat(bench.path, &status), 0);
        assert_int_equal(status.st_size, full);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        contract_settle(*state);
        assert_int_equal(n_lines(bench.path), 4);
}

static void what_is_no_file_is_no_place_for_lines(void **state) {
        assert_int_equal(mkfifo(bench.path, 0600), 0);
        contract_open(*state);
        contract_append(*state, 1);
        contract_wait_for_trouble(*state);
        assert_non_null(strstr(contract_state(*state).trouble, "it is no regular file"));
        assert_int_equal(unlink(bench.path), 0);
        contract_settle(*state);
}

static void a_path_is_needed(void **state) {
        struct sink_config config = {.name = (char *)"file", .type = SINK_LINES};
        struct error error = {0};

        (void)state;
        assert_true(sink_check(&config, &error) < 0);
        assert_string_equal(error.text, "path: say which file the lines go to");
        config.path = (char *)"heard.jsonl";
        assert_int_equal(sink_check(&config, &error), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                CONTRACT_TESTS(setup, teardown),
                TEST(only_we_may_read_the_file),
                TEST(a_file_that_was_renamed_is_followed_by_a_new_one),
                TEST(a_file_that_was_deleted_is_made_again),
                TEST(a_renamed_file_is_let_go_of_when_told),
                TEST(a_line_without_an_end_is_left_alone),
                TEST(a_full_disk_is_waited_for),
                TEST(what_is_no_file_is_no_place_for_lines),
                cmocka_unit_test(a_path_is_needed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
