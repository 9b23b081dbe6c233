// The log's writer, with readers that read and readers that do not.
#include "util/log_writer.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/mem.h"

#define QUEUE_BYTES (64 << 10)
#define PIPE_BYTES  (4 << 10)

enum { READ, WRITE };

// Everything until the end, as text.
static char *all_read(int fd) {
        size_t size = 1 << 20, n = 0;
        char *text = xcalloc(size + 1, 1);
        ssize_t got;

        while ((got = read(fd, text + n, size - n)) > 0)
                n += (size_t)got;
        return text;
}

static size_t lines_count(const char *text) {
        size_t n = 0;

        for (; (text = strchr(text, '\n')); text++)
                n++;
        return n;
}

static void lines_come_in_order(void **state) {
        int ends[2];
        struct log_writer *writer;

        (void)state;
        assert_int_equal(pipe(ends), 0);
        writer = log_writer_new(ends[WRITE], QUEUE_BYTES);
        log_writer_put(writer, "one", 3);
        log_writer_put(writer, "two", 3);
        assert_true(log_writer_flush(writer, 60 * NSEC_PER_SEC));
        log_writer_put(writer, "", 0);
        log_writer_put(writer, "three", 5);
        assert_null(log_writer_stop(writer, 60 * NSEC_PER_SEC));
        close(ends[WRITE]);
        CLEANUP(mem_freep) char *text = all_read(ends[READ]);

        close(ends[READ]);
        assert_string_equal(text, "one\ntwo\n\nthree\n");
}

// Far more than the pipe and the queue hold: this test would never end if anybody waited.
static void a_reader_that_stands_still_stops_nobody(void **state) {
        size_t n_lines = 4 * (QUEUE_BYTES + PIPE_BYTES) / 100, n_dropped;
        struct log_writer *writer;
        char line[100];
        int ends[2];

        (void)state;
        memset(line, 'x', sizeof(line));
        assert_int_equal(pipe(ends), 0);
        fcntl(ends[WRITE], F_SETPIPE_SZ, PIPE_BYTES);  // less than the queue has
        writer = log_writer_new(ends[WRITE], QUEUE_BYTES);
        for (size_t i = 0; i < n_lines; i++)
                log_writer_put(writer, line, sizeof(line) - 1);
        assert_false(log_writer_flush(writer, 0));
        assert_ptr_equal(log_writer_stop(writer, 0), writer);
        // The reader wakes up: what was not dropped is there.
        size_t n_read = 0;

        fcntl(ends[READ], F_SETFL, O_NONBLOCK);
        while (!log_writer_flush(writer, NSEC_PER_MSEC)) {
                char block[4096];
                ssize_t n = read(ends[READ], block, sizeof(block));

                n_read += n > 0 ? (size_t)n : 0;
        }
        n_dropped = log_writer_take_dropped(writer);
        assert_int_equal(log_writer_take_dropped(writer), 0);
        assert_null(log_writer_stop(writer, 60 * NSEC_PER_SEC));
        close(ends[WRITE]);
        CLEANUP(mem_freep) char *rest = all_read(ends[READ]);

        close(ends[READ]);
        n_read += strlen(rest);
        assert_true(n_dropped > 0);
        assert_int_equal(n_read, (n_lines - n_dropped) * sizeof(line));
}

static void a_reader_that_is_gone_is_no_trouble(void **state) {
        struct log_writer *writer;
        int ends[2];

        (void)state;
        signal(SIGPIPE, SIG_IGN);
        assert_int_equal(pipe(ends), 0);
        close(ends[READ]);
        writer = log_writer_new(ends[WRITE], QUEUE_BYTES);
        for (int i = 0; i < 1000; i++)
                log_writer_put(writer, "nobody hears", 12);
        assert_null(log_writer_stop(writer, 60 * NSEC_PER_SEC));
        close(ends[WRITE]);
}

// A shell or a supervisor may have set O_NONBLOCK on the descriptor that we share with it.
static void a_non_blocking_descriptor_loses_nothing(void **state) {
        struct log_writer *writer;
        int ends[2];
        char line[100];

        (void)state;
        memset(line, 'x', sizeof(line));
        assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
        fcntl(ends[READ], F_SETFL, 0);
        writer = log_writer_new(ends[WRITE], 1 << 20);
        for (int i = 0; i < 2000; i++)  // three times what the pipe holds
                log_writer_put(writer, line, sizeof(line) - 1);
        assert_false(log_writer_flush(writer, 0));
        char *text = xcalloc(200001, 1);
        size_t n = 0;

        while (n < 200000) {
                ssize_t got = read(ends[READ], text + n, 200000 - n);

                assert_true(got > 0);
                n += (size_t)got;
        }
        assert_int_equal(lines_count(text), 2000);
        free(text);
        assert_null(log_writer_stop(writer, 60 * NSEC_PER_SEC));
        close(ends[READ]);
        close(ends[WRITE]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lines_come_in_order),
                cmocka_unit_test(a_reader_that_stands_still_stops_nobody),
                cmocka_unit_test(a_reader_that_is_gone_is_no_trouble),
                cmocka_unit_test(a_non_blocking_descriptor_loses_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
