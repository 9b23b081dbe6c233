#include "source/media_input.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/mem.h"

// A file of five bytes, open for reading; its path goes into `path`, which mkstemp() fills.
static int file_make(char *path) {
        int file = mkstemp(path);

        assert_true(file >= 0);
        assert_int_equal(write(file, "sound", 5), 5);
        assert_int_equal(lseek(file, 0, SEEK_SET), 0);
        return file;
}

static void files_are_found_by_their_path(void **state) {
        char path[] = "/tmp/media-input-test-XXXXXX";
        int file = file_make(path);
        struct media_input input;

        (void)state;
        assert_int_equal(media_input_init(&input, file, "x", NULL), 0);
        assert_string_equal(input.path, path);
        media_input_deinit(&input);
        // Read from already: the rest of it is meant.
        assert_int_equal(lseek(file, 2, SEEK_SET), 2);
        assert_int_equal(media_input_init(&input, file, "x", NULL), 0);
        assert_null(input.path);
        media_input_deinit(&input);
        // Another file has its name, or none.
        assert_int_equal(lseek(file, 0, SEEK_SET), 0);
        unlink(path);
        assert_int_equal(media_input_init(&input, file, "x", NULL), 0);
        assert_null(input.path);
        assert_true(input.descriptor > STDERR_FILENO);
        media_input_deinit(&input);
        close(file);
}

static void pipes_are_read_through(void **state) {
        struct media_input input;
        char byte = 0;
        int ends[2];

        (void)state;
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_int_equal(write(ends[1], "s", 1), 1);
        assert_int_equal(media_input_init(&input, ends[0], "x", NULL), 0);
        assert_null(input.path);
        assert_int_equal(read(input.descriptor, &byte, 1), 1);
        assert_int_equal(byte, 's');
        media_input_deinit(&input);
        close(ends[0]);
        close(ends[1]);
}

static void expect_refused(int descriptor, const char *words) {
        struct media_input input;
        struct error error = {0};

        assert_true(media_input_init(&input, descriptor, "standard input", &error) < 0);
        if (!strstr(error.text, "standard input") || !strstr(error.text, words))
                fail_msg("'%s' lacks '%s'", error.text, words);
}

static void what_holds_no_sound_is_refused(void **state) {
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        int folder = open("/", O_RDONLY | O_CLOEXEC);
        int terminal = posix_openpt(O_RDWR | O_NOCTTY);

        (void)state;
        expect_refused(null, "is empty");
        expect_refused(folder, "is a directory");
        if (terminal >= 0)
                expect_refused(terminal, "is a terminal");
        close(null);
        close(folder);
        close(terminal);
        expect_refused(folder, "Bad file descriptor");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(files_are_found_by_their_path),
                cmocka_unit_test(pipes_are_read_through),
                cmocka_unit_test(what_holds_no_sound_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
