#include "util/input.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/mem.h"

static void test_what_paths_mean(void **state) {
        static const struct {
                const char *path;
                int descriptor;
        } cases[] = {
                {"-", 0},
                {"/dev/stdin", 0},
                {"/dev/fd/0", 0},
                {"/dev/fd/63", 63},
                {"/proc/self/fd/11", 11},
                {"/dev/fd/", -1},
                {"/dev/fd/x", -1},
                {"/dev/fd/1x", -1},
                {"/dev/fd/99999999999", -1},
                {"./-", -1},
                {"--", -1},
                {"", -1},
                {"talk.wav", -1},
                {"/dev/stdout", -1},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                assert_int_equal(input_descriptor(cases[i].path), cases[i].descriptor);
        assert_string_equal(input_name("/dev/fd/0"), "standard input");
        assert_string_equal(input_name("/dev/fd/63"), "/dev/fd/63");
}

static void test_labels(void **state) {
        CLEANUP(mem_freep) char *standard = input_label("-");
        CLEANUP(mem_freep) char *file = input_label("a b.wav");

        (void)state;
        assert_string_equal(standard, "standard input");
        assert_string_equal(file, "'a b.wav'");
}

// A pipe that a child writes into, piece by piece; its reading end.
static int pipe_fill(const char *text, int flags) {
        int ends[2];

        assert_int_equal(pipe2(ends, flags), 0);
        if (fork() == 0) {
                close(ends[0]);
                for (; *text; text++)
                        if (write(ends[1], text, 1) != 1)
                                _exit(1);
                _exit(0);
        }
        close(ends[1]);
        return ends[0];
}

static void expect_text(const char *path, const char *expected) {
        CLEANUP(mem_freep) char *text = NULL;
        size_t n = 0;

        assert_int_equal(input_read(path, 1000, 10000, &text, &n), 0);
        assert_int_equal(n, strlen(expected));
        assert_string_equal(text, expected);
        wait(NULL);
}

static void test_descriptors_are_read_to_their_end(void **state) {
        static const int flags[] = {0, O_NONBLOCK};

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                int end = pipe_fill("some text", flags[i]);
                CLEANUP(mem_freep) char *path = xasprintf("/dev/fd/%d", end);

                expect_text(path, "some text");
                close(end);
        }
}

static void test_files_are_read_from_where_they_are(void **state) {
        FILE *file = tmpfile();
        CLEANUP(mem_freep) char *path = xasprintf("/dev/fd/%d", fileno(file));
        CLEANUP(mem_freep) char *text = NULL;
        size_t n = 0;

        (void)state;
        fputs("0123456789", file);
        fflush(file);
        lseek(fileno(file), 4, SEEK_SET);
        assert_int_equal(input_read(path, 3, 0, &text, &n), 0);
        assert_string_equal(text, "456");
        fclose(file);
}

static void test_named_pipes_wait_for_their_writer(void **state) {
        char folder[] = "/tmp/input-test-XXXXXX";
        CLEANUP(mem_freep) char *path = NULL;
        char *text = NULL;
        size_t n;

        (void)state;
        assert_non_null(mkdtemp(folder));
        path = xasprintf("%s/fifo", folder);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(input_read(path, 10, 0, &text, &n), -ETIMEDOUT);
        assert_null(text);
        if (fork() == 0) {
                int end = open(path, O_WRONLY);

                _exit(write(end, "late", 4) == 4 ? 0 : 1);
        }
        expect_text(path, "late");
        unlink(path);
        rmdir(folder);
}

static void test_what_cannot_be_read(void **state) {
        char *text = NULL;
        size_t n;

        (void)state;
        assert_int_equal(input_read("/dev/fd/999", 10, 0, &text, &n), -EBADF);
        assert_int_equal(input_read("/nowhere/x", 10, 0, &text, &n), -ENOENT);
        assert_int_equal(input_read("/", 10, 0, &text, &n), -EISDIR);
        assert_null(text);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_paths_mean),
                cmocka_unit_test(test_labels),
                cmocka_unit_test(test_descriptors_are_read_to_their_end),
                cmocka_unit_test(test_files_are_read_from_where_they_are),
                cmocka_unit_test(test_named_pipes_wait_for_their_writer),
                cmocka_unit_test(test_what_cannot_be_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
