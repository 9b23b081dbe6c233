#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/process.h"
#include "util/process_rig.h"
#include "util/run_queue.h"

struct capture {
        struct loop *loop;
        struct process *process;
        char output[8192];
        size_t output_length;
        size_t n_bytes;  // of output, kept or not
        char errors[8192];
        unsigned n_drains;
        unsigned n_exits;
        struct process_exit exit;
        void (*on_output)(struct capture *capture);  // may be NULL
};

static void capture_on_stdout(void *context, const uint8_t *bytes, size_t n) {
        struct capture *capture = context;

        capture->n_bytes += n;
        if (capture->on_output)
                capture->on_output(capture);
        if (n < sizeof(capture->output) - capture->output_length) {
                memcpy(capture->output + capture->output_length, bytes, n);
                capture->output_length += n;
        }
}

static void capture_on_stderr_line(void *context, const char *line) {
        struct capture *capture = context;
        size_t length = strlen(capture->errors);

        snprintf(capture->errors + length, sizeof(capture->errors) - length, "%s|", line);
}

static void capture_on_drain(void *context) {
        ((struct capture *)context)->n_drains++;
}

static void capture_on_exit(void *context, const struct process_exit *exit) {
        struct capture *capture = context;

        capture->n_exits++;
        capture->exit = *exit;
        loop_stop(capture->loop);
}

static int capture_open_with(struct capture *capture, struct process_config config,
                             const char *script, struct error *error) {
        const char *const argv[] = {"sh", "-c", script, NULL};
        const struct process_listener listener = {
                .on_stdout = capture_on_stdout,
                .on_stderr_line = capture_on_stderr_line,
                .on_drain = capture_on_drain,
                .on_exit = capture_on_exit,
                .context = capture,
        };

        config.argv = argv;
        return process_open(&capture->process, capture->loop, &config, &listener, error);
}

static int capture_open(struct capture *capture, const char *script, bool has_stdin,
                        struct error *error) {
        return capture_open_with(capture, (struct process_config){.has_stdin = has_stdin},
                                 script, error);
}

static void capture_init(struct capture *capture) {
        memset(capture, 0, sizeof(*capture));
        capture->loop = loop_new();
}

static void capture_deinit(struct capture *capture) {
        capture->process = process_close(capture->process);
        while (process_children() > 0)
                loop_turn(capture->loop);
        capture->loop = loop_free(capture->loop);
}

static void output_errors_and_status_arrive(void **state) {
        struct capture capture;

        (void)state;
        capture_init(&capture);
        assert_int_equal(capture_open(&capture,
                                      "printf 'a b'; echo one >&2; printf two >&2; exit 7",
                                      false, NULL),
                         0);
        assert_true(process_id(capture.process) > 0);
        assert_int_equal(process_children(), 1);
        loop_run(capture.loop);
        assert_string_equal(capture.output, "a b");
        assert_string_equal(capture.errors, "one|two|");
        assert_int_equal(capture.exit.status, 7);
        assert_int_equal(capture.exit.signal, 0);
        assert_int_equal(capture.n_exits, 1);
        assert_int_equal(process_children(), 0);
        assert_int_equal(process_id(capture.process), 0);
        capture_deinit(&capture);
}

static void a_descriptor_of_ours_is_its_standard_input(void **state) {
        struct capture capture;
        int ends[2];

        (void)state;
        capture_init(&capture);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_int_equal(write(ends[1], "ours", 4), 4);
        assert_int_equal(capture_open_with(&capture,
                                           (struct process_config){.stdin_descriptor = ends[0]},
                                           "cat; ls /proc/self/fd | wc -l", NULL),
                         0);
        close(ends[0]);
        close(ends[1]);
        loop_run(capture.loop);
        // As many as ls has anyway: its standard ones and the folder.
        assert_string_equal(capture.output, "ours4\n");
        capture_deinit(&capture);
}

static void a_missing_program_is_an_error_at_once(void **state) {
        const char *const argv[] = {"no-such-program-anywhere", NULL};
        const struct process_config config = {.argv = argv};
        const struct process_listener listener = {capture_on_stdout, NULL, NULL,
                                                  capture_on_exit, NULL};
        struct loop *loop = loop_new();
        struct process *process = NULL;
        struct error error = {0};

        (void)state;
        assert_int_equal(process_open(&process, loop, &config, &listener, &error), -ENOENT);
        assert_string_equal(error.text, "program 'no-such-program-anywhere' not found");
        assert_null(process);
        assert_int_equal(process_children(), 0);
        loop_free(loop);
}

static void input_reaches_the_child_and_ends(void **state) {
        struct capture capture;

        (void)state;
        capture_init(&capture);
        assert_int_equal(capture_open(&capture, "cat; echo end", true, NULL), 0);
        assert_true(process_write(capture.process, (const uint8_t *)"hear ", 5));
        assert_true(process_write(capture.process, (const uint8_t *)"me ", 3));
        process_write_end(capture.process);
        loop_run(capture.loop);
        assert_string_equal(capture.output, "hear me end\n");
        capture_deinit(&capture);
}

static void input_says_when_it_is_full_and_when_it_has_drained(void **state) {
        static const uint8_t block[65536];
        struct capture capture;
        size_t n = 0;

        (void)state;
        capture_init(&capture);
        assert_int_equal(capture_open(&capture, "exec wc -c", true, NULL), 0);
        assert_int_equal(kill(process_id(capture.process), SIGSTOP), 0);  // nothing is read
        do
                n += sizeof(block);
        while (process_write(capture.process, block, sizeof(block)) && n < (1U << 24));
        assert_true(n < (1U << 20));
        assert_int_equal(kill(process_id(capture.process), SIGCONT), 0);
        while (capture.n_drains == 0)
                loop_turn(capture.loop);
        process_write_end(capture.process);
        loop_run(capture.loop);
        assert_int_equal(strtoul(capture.output, NULL, 10), n);
        capture_deinit(&capture);
}

static void input_for_a_child_that_does_not_read_is_dropped(void **state) {
        static const uint8_t block[1 << 20];
        struct capture capture;

        (void)state;
        capture_init(&capture);
        assert_int_equal(capture_open(&capture, "exec <&-; echo deaf", true, NULL), 0);
        assert_false(process_write(capture.process, block, sizeof(block)));
        loop_run(capture.loop);
        assert_string_equal(capture.output, "deaf\n");
        assert_int_equal(capture.n_drains, 1);
        capture_deinit(&capture);
}

// While paused nothing arrives, and the child blocks on its pipe instead of ending.
static void pause_holds_the_child_and_resume_loses_nothing(void **state) {
        struct capture capture;

        (void)state;
        capture_init(&capture);
        assert_int_equal(
                capture_open(&capture,
                             "echo ready >&2; head -c 1000000 /dev/zero; echo >&2 done", false,
                             NULL),
                0);
        process_pause(capture.process);
        while (strcmp(capture.errors, "ready|") != 0)
                loop_turn(capture.loop);
        for (int i = 0; i < 100; i++)
                loop_turn(capture.loop);
        assert_int_equal(capture.n_bytes, 0);
        assert_string_equal(capture.errors, "ready|");
        process_resume(capture.process);
        loop_run(capture.loop);
        assert_int_equal(capture.n_bytes, 1000000);
        assert_string_equal(capture.errors, "ready|done|");
        capture_deinit(&capture);
}

// However fast the child writes, it is heard by quanta, in which others get their turn.
static void output_is_handed_on_by_quanta(void **state) {
        struct capture capture;
        size_t before = 0;

        (void)state;
        capture_init(&capture);
        assert_int_equal(capture_open(&capture, "head -c 1000000 /dev/zero", false, NULL), 0);
        while (capture.n_exits == 0) {
                loop_turn(capture.loop);
                assert_true(capture.n_bytes - before <= QUANTUM_COST);
                before = capture.n_bytes;
        }
        assert_int_equal(capture.n_bytes, 1000000);
        capture_deinit(&capture);
}

static void pause_now(struct capture *capture) {
        process_pause(capture->process);
}

// The reader who pauses gets nothing more, not even what was read already.
static void pause_holds_what_was_read(void **state) {
        struct capture capture;
        size_t n;

        (void)state;
        capture_init(&capture);
        capture.on_output = pause_now;
        assert_int_equal(capture_open(&capture, "head -c 50000 /dev/zero", false, NULL), 0);
        while (capture.n_bytes == 0)
                loop_turn(capture.loop);
        while (capture.n_exits == 0) {
                n = capture.n_bytes;
                for (int i = 0; i < 5; i++)
                        loop_turn(capture.loop);
                assert_int_equal(capture.n_bytes, n);
                process_resume(capture.process);
                while (capture.n_bytes == n && capture.n_exits == 0)
                        loop_turn(capture.loop);
        }
        assert_int_equal(capture.n_bytes, 50000);
        capture_deinit(&capture);
}

static void the_child_inherits_three_descriptors_and_a_session(void **state) {
        struct capture capture;
        int extra = dup(STDERR_FILENO);  // not close-on-exec
        char *session;

        (void)state;
        assert_true(extra >= 3);
        capture_init(&capture);
        // ls itself holds one more: the folder it lists.
        assert_int_equal(capture_open(&capture,
                                      "ls /proc/self/fd | wc -l; cut -d' ' -f6 /proc/$$/stat",
                                      false, NULL),
                         0);
        assert_int_equal(strtol(capture.output, &session, 10), 0);
        int pid = process_id(capture.process);
        loop_run(capture.loop);
        assert_int_equal(strtol(capture.output, &session, 10), 4);
        assert_int_equal(strtol(session, NULL, 10), pid);
        close(extra);
        capture_deinit(&capture);
}

// A server has a few descriptors for each of its children.
// Of our environment the child gets what it needs, and never what may hold a password.
static void the_child_gets_no_secrets(void **state) {
        static const char *const more[] = {"http_proxy", "no_proxy", NULL};
        static const char *const argv[] = {"env", NULL};
        struct process_config config = {.argv = argv};
        struct capture capture;
        struct process_listener listener = {.on_stdout = capture_on_stdout,
                                            .on_exit = capture_on_exit,
                                            .context = &capture};

        (void)state;
        // Tests have one thread. NOLINTBEGIN(concurrency-mt-unsafe)
        setenv("EAVESDROP_LANGUAGE", "de", 1);
        setenv("KITCHEN_PASSWORD", "SECRET", 1);
        setenv("FFREPORT", "file=/tmp/SECRET", 1);
        setenv("LD_PRELOAD_NOT", "SECRET", 1);
        setenv("TZ", "Europe/Berlin", 1);
        setenv("http_proxy", "http://127.0.0.1:3128", 1);
        // NOLINTEND(concurrency-mt-unsafe)
        for (int i = 0; i < 2; i++) {
                const char *proxy;

                config.variables = i == 0 ? NULL : more;
                capture_init(&capture);
                assert_int_equal(
                        process_open(&capture.process, capture.loop, &config, &listener, NULL),
                        0);
                loop_run(capture.loop);
                assert_null(strstr(capture.output, "SECRET"));
                assert_null(strstr(capture.output, "EAVESDROP"));
                assert_non_null(strstr(capture.output, "PATH="));
                assert_non_null(strstr(capture.output, "TZ=Europe/Berlin\n"));
                proxy = strstr(capture.output, "http_proxy=http://127.0.0.1:3128\n");
                assert_int_equal(proxy != NULL, i == 1);
                assert_null(strstr(capture.output, "no_proxy"));  // we have none
                capture_deinit(&capture);
        }
}

static void the_child_gains_no_privileges_and_has_limits(void **state) {
        struct capture capture;
        struct process_config config = {.cpu_limit = 77, .niceness = 3};
        const char *const argv[] = {"sh", "-c",
                                    "grep NoNewPrivs /proc/self/status; ulimit -c; ulimit -v; "
                                    "ulimit -s; ulimit -t; cut -d' ' -f19 /proc/self/stat",
                                    NULL};
        struct process_listener listener = {.on_stdout = capture_on_stdout,
                                            .on_exit = capture_on_exit,
                                            .context = &capture};
        int niceness = getpriority(PRIO_PROCESS, 0) + 3;
        char expected[64];

        (void)state;
        // The tests may be as nice already as can be.
        snprintf(expected, sizeof(expected), "NoNewPrivs:\t1\n0\n524288\n8192\n77\n%d\n",
                 niceness < 19 ? niceness : 19);
        config.argv = argv;
        capture_init(&capture);
        assert_int_equal(process_open(&capture.process, capture.loop, &config, &listener, NULL),
                         0);
        loop_run(capture.loop);
        assert_string_equal(capture.output, expected);
        capture_deinit(&capture);
}

static void a_child_that_uses_up_its_processor_time_ends(void **state) {
        struct capture capture;

        (void)state;
        capture_init(&capture);
        assert_int_equal(capture_open(&capture, "while :; do :; done", false, NULL), 0);
        process_allow_cpu(capture.process, 1);
        loop_run(capture.loop);
        assert_int_equal(capture.exit.signal, SIGXCPU);
        capture_deinit(&capture);
}

static void the_childs_limit_is_below_what_we_have_open(void **state) {
        const char *const argv[] = {"sh", "-c", "ulimit -n", NULL};
        const struct process_config config = {.argv = argv, .file_limit = 64};
        struct process_listener listener = {.on_stdout = capture_on_stdout,
                                            .on_exit = capture_on_exit};
        struct capture capture;
        int extra[100];

        (void)state;
        for (size_t i = 0; i < 100; i++)
                extra[i] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        capture_init(&capture);
        listener.context = &capture;
        assert_int_equal(process_open(&capture.process, capture.loop, &config, &listener, NULL),
                         0);
        loop_run(capture.loop);
        assert_string_equal(capture.output, "64\n");
        for (size_t i = 0; i < 100; i++)
                close(extra[i]);
        capture_deinit(&capture);
}

static void long_lines_are_cut(void **state) {
        struct capture capture;

        (void)state;
        capture_init(&capture);
        assert_int_equal(capture_open(&capture,
                                      "head -c 5000 /dev/zero | tr '\\0' x >&2; echo >&2;"
                                      "echo next >&2",
                                      false, NULL),
                         0);
        loop_run(capture.loop);
        assert_int_equal(strchr(capture.errors, '|') - capture.errors, PROCESS_LINE_MAX - 1);
        assert_string_equal(strchr(capture.errors, '|'), "|next|");
        capture_deinit(&capture);
}

static void stop_asks_first(void **state) {
        struct capture capture;

        (void)state;
        capture_init(&capture);
        assert_int_equal(capture_open(&capture,
                                      "trap 'echo bye >&2; exit 3' TERM; echo up >&2;"
                                      "while :; do sleep 0.05; done",
                                      false, NULL),
                         0);
        while (strcmp(capture.errors, "up|") != 0)
                loop_turn(capture.loop);
        process_stop(capture.process);
        loop_run(capture.loop);
        assert_non_null(strstr(capture.errors, "bye|"));
        assert_int_equal(capture.exit.status, 3);
        capture_deinit(&capture);
}

// On a fake clock: nothing but the passing of PROCESS_TERM_TIMEOUT brings the SIGKILL.
static void stop_kills_what_does_not_listen(void **state) {
        struct capture capture;

        (void)state;
        memset(&capture, 0, sizeof(capture));
        capture.loop = loop_new_fake(0);
        assert_int_equal(capture_open(&capture,
                                      "trap '' TERM; echo up >&2; while :; do sleep 0.05; done",
                                      false, NULL),
                         0);
        while (strcmp(capture.errors, "up|") != 0)
                loop_turn(capture.loop);
        process_stop(capture.process);
        loop_advance(capture.loop, PROCESS_TERM_TIMEOUT - 1);
        assert_int_equal(capture.n_exits, 0);
        loop_advance(capture.loop, 1);
        while (capture.n_exits == 0)
                loop_turn(capture.loop);
        assert_int_equal(capture.exit.signal, SIGKILL);
        capture_deinit(&capture);
}

static void kill_does_not_ask(void **state) {
        struct capture capture;

        (void)state;
        memset(&capture, 0, sizeof(capture));
        capture.loop = loop_new_fake(0);
        assert_int_equal(capture_open(&capture,
                                      "trap '' TERM; echo up >&2; while :; do sleep 0.05; done",
                                      false, NULL),
                         0);
        while (strcmp(capture.errors, "up|") != 0)
                loop_turn(capture.loop);
        process_kill(capture.process);
        while (capture.n_exits == 0)
                loop_turn(capture.loop);
        assert_int_equal(capture.exit.signal, SIGKILL);
        capture_deinit(&capture);
}

// Whoever waits for the children waits for no service, which is there as long as we are.
static void a_service_is_not_counted(void **state) {
        struct capture capture;

        (void)state;
        capture_init(&capture);
        assert_int_equal(capture_open_with(&capture,
                                           (struct process_config){.is_service = true},
                                           "exec sleep 1000", NULL),
                         0);
        assert_int_equal(process_children(), 0);
        process_stop(capture.process);
        loop_run(capture.loop);
        assert_int_equal(process_children(), 0);
        assert_int_equal(capture.exit.signal, SIGTERM);
        capture_deinit(&capture);
}

static void close_makes_no_more_calls_and_reaps(void **state) {
        struct capture capture;
        unsigned n_descriptors = 0;

        (void)state;
        capture_init(&capture);
        // The first round lets libuv open what it opens once.
        for (int round = 0; round < 2; round++) {
                n_descriptors = rig_count_descriptors();
                for (int i = 0; i < 50; i++) {
                        assert_int_equal(
                                capture_open(&capture, "echo x; exec sleep 100", true, NULL),
                                0);
                        capture.process = process_close(capture.process);
                }
                while (process_children() > 0)
                        loop_turn(capture.loop);
                for (int i = 0; i < 5; i++)
                        loop_turn(capture.loop);
        }
        assert_int_equal(capture.n_exits, 0);
        assert_int_equal(capture.n_bytes, 0);
        assert_int_equal(rig_count_descriptors(), n_descriptors);
        capture_deinit(&capture);
}

// What the child started in its process group goes with it.
static void no_grandchild_stays(void **state) {
        struct capture capture;
        int grandchild;

        (void)state;
        capture_init(&capture);
        assert_int_equal(capture_open(&capture, "sleep 1000 & echo $!", false, NULL), 0);
        loop_run(capture.loop);
        grandchild = (int)strtol(capture.output, NULL, 10);
        assert_true(grandchild > 0);
        // A zombie until init reaps it; signal 0 would still find that.
        while (kill(grandchild, 0) == 0) {
                char path[64], status = 0;

                snprintf(path, sizeof(path), "/proc/%d/stat", grandchild);
                FILE *file = fopen(path, "r");
                if (file) {
                        if (fscanf(file, "%*d (sleep) %c", &status) != 1)
                                status = 'Z';
                        fclose(file);
                }
                if (status == 'Z' || !file)
                        break;
        }
        capture_deinit(&capture);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(output_errors_and_status_arrive),
                cmocka_unit_test(a_descriptor_of_ours_is_its_standard_input),
                cmocka_unit_test(a_missing_program_is_an_error_at_once),
                cmocka_unit_test(input_reaches_the_child_and_ends),
                cmocka_unit_test(input_says_when_it_is_full_and_when_it_has_drained),
                cmocka_unit_test(input_for_a_child_that_does_not_read_is_dropped),
                cmocka_unit_test(pause_holds_the_child_and_resume_loses_nothing),
                cmocka_unit_test(output_is_handed_on_by_quanta),
                cmocka_unit_test(pause_holds_what_was_read),
                cmocka_unit_test(the_child_inherits_three_descriptors_and_a_session),
                cmocka_unit_test(the_child_gets_no_secrets),
                cmocka_unit_test(the_child_gains_no_privileges_and_has_limits),
                cmocka_unit_test(a_child_that_uses_up_its_processor_time_ends),
                cmocka_unit_test(the_childs_limit_is_below_what_we_have_open),
                cmocka_unit_test(long_lines_are_cut),
                cmocka_unit_test(stop_asks_first),
                cmocka_unit_test(stop_kills_what_does_not_listen),
                cmocka_unit_test(kill_does_not_ask),
                cmocka_unit_test(a_service_is_not_counted),
                cmocka_unit_test(close_makes_no_more_calls_and_reaps),
                cmocka_unit_test(no_grandchild_stays),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
