// Nursery, in a process of its own, driven over its socket. What a child does is the wish for a
// track in its request.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "media/nursery.h"
#include "media/records.h"
#include "util/mem.h"

#define PATIENCE 60000  // ms, for what comes at once

enum { N_REFUSED = 100000, N_UNHEARD = 1500, N_CHILDREN = 100 };

// Shared by test and nursery.
static bool *is_fork_broken;

// --wrap=fork puts it in front of the nursery's.
pid_t __real_fork(void);
pid_t __wrap_fork(void);
pid_t __wrap_fork(void) {
        if (is_fork_broken && *is_fork_broken) {
                errno = EAGAIN;
                return -1;
        }
        return __real_fork();
}

// --- children -------------------------------------------------------------------

static int descriptors_count(void) {
        int n = 0;

        for (int i = 0; i < 1024; i++)
                n += fcntl(i, F_GETFD) >= 0;
        return n;
}

static int child_work(const struct media_request *request, int records, int input) {
        struct media_record title = {.type = MEDIA_TITLE, .words = request->url};
        char byte = 0;

        if (strcmp(request->track, "tell") == 0)
                return media_records_write(records, &title, 1) < 0;
        if (strcmp(request->track, "count") == 0)
                return descriptors_count();
        if (strcmp(request->track, "read") == 0)
                return read(input, &byte, 1) == 1 ? byte : 0;
        if (strcmp(request->track, "spin") == 0)
                for (volatile unsigned i = 0;; i++)
                        ;
        if (strcmp(request->track, "wait") == 0)
                for (;;)
                        pause();
        return 0;
}

// --- the nursery ------------------------------------------------------------------

struct nursery_process {
        pid_t pid;
        int control;
        int records[2];  // a pipe for all children
        uint64_t last_id;
};

static void nursery_main(int control, unsigned children_max) {
        struct media_cage cage;
        struct media_nursery_config config = {.control = control,
                                              .cage = &cage,
                                              .children_max = children_max,
                                              .run = child_work};

        media_nursery_wipe_json();
        _exit(media_cage_init(&cage, NULL) < 0 || media_nursery_run(&config) < 0);
}

static struct nursery_process nursery_start(unsigned children_max) {
        struct nursery_process nursery = {0};
        int ends[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        nursery.pid = fork();
        assert_true(nursery.pid >= 0);
        if (nursery.pid == 0) {
                close(ends[0]);
                nursery_main(ends[1], children_max);
        }
        close(ends[1]);
        nursery.control = ends[0];
        assert_int_equal(pipe2(nursery.records, O_CLOEXEC), 0);
        return nursery;
}

// The nursery's end, by itself, once its socket is closed: its wait status.
static int nursery_wait(struct nursery_process *nursery) {
        int wait_status;

        assert_int_equal(waitpid(nursery->pid, &wait_status, 0), nursery->pid);
        if (nursery->control >= 0)
                close(nursery->control);
        close(nursery->records[0]);
        close(nursery->records[1]);
        return wait_status;
}

static void nursery_end(struct nursery_process *nursery) {
        close(nursery->control);
        nursery->control = -1;
        assert_int_equal(nursery_wait(nursery), 0);
}

static void control_send(const struct nursery_process *nursery,
                         const struct media_control *control, const int *descriptors,
                         size_t n) {
        struct pollfd polled = {.fd = nursery->control, .events = POLLOUT};
        int code;

        while ((code = media_control_send(nursery->control, control, descriptors, n)) ==
               -EAGAIN)
                assert_int_equal(poll(&polled, 1, PATIENCE), 1);
        assert_int_equal(code, 0);
}

static struct media_control request_new(struct nursery_process *nursery, const char *track) {
        struct media_control control = {
                .type = MEDIA_DO_START,
                .id = ++nursery->last_id,
                .request = {.kind = MEDIA_NETWORK, .url = "rtsp://camera/", .n_channels = 1}};

        snprintf(control.request.track, sizeof(control.request.track), "%s", track);
        return control;
}

// Ask for a child of a network source; its id.
static uint64_t child_ask(struct nursery_process *nursery, const char *track) {
        struct media_control control = request_new(nursery, track);

        control_send(nursery, &control, &nursery->records[1], 1);
        return control.id;
}

static void child_tell(struct nursery_process *nursery, enum media_control_type type,
                       uint64_t id, int value) {
        struct media_control control = {.type = type, .id = id};

        if (type == MEDIA_DO_SIGNAL)
                control.signal = value;
        else
                control.seconds = (unsigned)value;
        control_send(nursery, &control, NULL, 0);
}

// The next event, which comes.
static struct media_control event_next(const struct nursery_process *nursery) {
        struct pollfd polled = {.fd = nursery->control, .events = POLLIN};
        int descriptors[MEDIA_DESCRIPTORS_MAX];
        struct media_control event;
        struct error error;

        assert_int_equal(poll(&polled, 1, PATIENCE), 1);
        assert_int_equal(media_control_receive(nursery->control, &event, descriptors, &error),
                         1);
        return event;
}

static int started_expect(const struct nursery_process *nursery, uint64_t id) {
        struct media_control event = event_next(nursery);

        assert_int_equal(event.type, MEDIA_STARTED);
        assert_int_equal(event.id, id);
        return event.pid;
}

static struct media_control ended_expect(const struct nursery_process *nursery, uint64_t id) {
        struct media_control event = event_next(nursery);

        assert_int_equal(event.type, MEDIA_ENDED);
        assert_int_equal(event.id, id);
        return event;
}

static void failed_expect(const struct nursery_process *nursery, uint64_t id,
                          int error_number) {
        struct media_control event = event_next(nursery);

        assert_int_equal(event.type, MEDIA_FAILED);
        assert_int_equal(event.id, id);
        assert_int_equal(event.error_number, error_number);
}

// How many descriptors a process has open.
static int process_descriptors(pid_t pid) {
        CLEANUP(mem_freep) char *path = xasprintf("/proc/%d/fd", pid);
        DIR *folder = opendir(path);
        int n = 0;

        assert_non_null(folder);
        while (readdir(folder))
                n++;
        closedir(folder);
        return n - 2;
}

// Wait until all that was asked for so far is done, and no descriptor of it is left: this start
// without any is refused.
static void nursery_settle(const struct nursery_process *nursery) {
        static const char bad_start[] = "{\"do\":\"start\",\"id\":777777,\"kind\":\"tape\"}";

        assert_true(send(nursery->control, bad_start, strlen(bad_start), 0) > 0);
        failed_expect(nursery, 777777, EPROTO);
}

// A child whose nursery is gone is reaped by this process (PR_SET_CHILD_SUBREAPER): it was
// killed, or had not begun and did not.
static void orphan_expect_killed(pid_t pid) {
        int wait_status;

        assert_int_equal(waitpid(pid, &wait_status, 0), pid);
        if (WIFSIGNALED(wait_status))
                assert_int_equal(WTERMSIG(wait_status), SIGKILL);
        else
                assert_int_equal(WEXITSTATUS(wait_status), MEDIA_NURSERY_STATUS_NOT_CAGED);
}

// --- one child ------------------------------------------------------------------

static void test_a_child_works_and_ends(void **state) {
        struct nursery_process nursery = nursery_start(10);
        CLEANUP(media_records_freep) struct media_records *reader = media_records_new(1);
        struct media_record record;
        uint8_t buffer[256];
        const uint8_t *bytes = buffer;
        uint64_t id = child_ask(&nursery, "tell");
        size_t n;

        (void)state;
        assert_int_not_equal(started_expect(&nursery, id), nursery.pid);
        assert_int_equal(ended_expect(&nursery, id).status, 0);
        // Only the test has the pipe now.
        close(nursery.records[1]);
        n = (size_t)read(nursery.records[0], buffer, sizeof(buffer));
        assert_int_equal(media_records_feed(reader, &bytes, &n, &record, NULL), 1);
        assert_string_equal(record.words, "rtsp://camera/");
        assert_int_equal(read(nursery.records[0], buffer, 1), 0);
        nursery.records[1] = -1;
        nursery_end(&nursery);
}

static void test_signals_reach_their_child(void **state) {
        struct nursery_process nursery = nursery_start(10);
        uint64_t first = child_ask(&nursery, "wait");
        uint64_t second = child_ask(&nursery, "wait");

        (void)state;
        started_expect(&nursery, first);
        // One that is stopped is killed all the same.
        assert_int_equal(kill(started_expect(&nursery, second), SIGSTOP), 0);
        child_tell(&nursery, MEDIA_DO_SIGNAL, 99, SIGKILL);
        child_tell(&nursery, MEDIA_DO_SIGNAL, second, SIGKILL);
        assert_int_equal(ended_expect(&nursery, second).signal, SIGKILL);
        child_tell(&nursery, MEDIA_DO_SIGNAL, second, SIGKILL);
        child_tell(&nursery, MEDIA_DO_SIGNAL, first, SIGTERM);
        assert_int_equal(ended_expect(&nursery, first).signal, SIGTERM);
        nursery_end(&nursery);
}

static uint64_t upload_ask(struct nursery_process *nursery, const char *track, int input) {
        struct media_control control = request_new(nursery, track);
        int descriptors[MEDIA_DESCRIPTORS_MAX] = {nursery->records[1], input};

        control.request.kind = MEDIA_UPLOAD;
        control.request.url[0] = '\0';
        control.request.has_input = true;
        control_send(nursery, &control, descriptors, input < 0 ? 1 : 2);
        return control.id;
}

static void test_an_upload_has_its_input_and_its_processor_time(void **state) {
        struct nursery_process nursery = nursery_start(10);
        struct rlimit limit;
        int ends[2];
        uint64_t id;
        pid_t pid;

        (void)state;
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        id = upload_ask(&nursery, "read", ends[0]);
        assert_int_equal(write(ends[1], "\x2a", 1), 1);
        started_expect(&nursery, id);
        assert_int_equal(ended_expect(&nursery, id).status, 0x2a);
        id = upload_ask(&nursery, "spin", ends[0]);
        started_expect(&nursery, id);
        child_tell(&nursery, MEDIA_DO_CPU, id, 1);
        assert_int_equal(ended_expect(&nursery, id).signal, SIGXCPU);
        // No more than an upload ever gets; the child after it tells that this was obeyed.
        id = upload_ask(&nursery, "wait", ends[0]);
        pid = started_expect(&nursery, id);
        child_tell(&nursery, MEDIA_DO_CPU, id, 1000000);
        started_expect(&nursery, upload_ask(&nursery, "wait", ends[0]));
        assert_int_equal(prlimit(pid, RLIMIT_CPU, NULL, &limit), 0);
        assert_int_equal(limit.rlim_cur, MEDIA_CAGE_UPLOAD_CPU_MAX);
        nursery_end(&nursery);
        close(ends[0]);
        close(ends[1]);
}

static void test_descriptors_do_not_pile_up(void **state) {
        struct nursery_process nursery = nursery_start(10);
        int before = 0, input = open("/dev/null", O_RDONLY | O_CLOEXEC);

        (void)state;
        for (int i = 0; i < 20; i++) {
                uint64_t waits = child_ask(&nursery, "wait");
                uint64_t counts = upload_ask(&nursery, "count", input);

                started_expect(&nursery, waits);
                started_expect(&nursery, counts);
                // The standard ones, its records, its input.
                assert_int_equal(ended_expect(&nursery, counts).status, 5);
                child_tell(&nursery, MEDIA_DO_SIGNAL, waits, SIGKILL);
                ended_expect(&nursery, waits);
                nursery_settle(&nursery);
                if (i == 0)
                        before = process_descriptors(nursery.pid);
        }
        assert_int_equal(process_descriptors(nursery.pid), before);
        close(input);
        nursery_end(&nursery);
}

// --- what goes wrong ------------------------------------------------------------------

static void test_a_fork_that_fails_is_told(void **state) {
        struct nursery_process nursery = nursery_start(10);
        uint64_t id;

        (void)state;
        *is_fork_broken = true;
        failed_expect(&nursery, child_ask(&nursery, "wait"), EAGAIN);
        *is_fork_broken = false;
        id = child_ask(&nursery, "");
        started_expect(&nursery, id);
        ended_expect(&nursery, id);
        nursery_end(&nursery);
}

static void test_missing_descriptors_are_told(void **state) {
        struct nursery_process nursery = nursery_start(10);
        struct media_control control = request_new(&nursery, "wait");

        (void)state;
        control_send(&nursery, &control, NULL, 0);
        failed_expect(&nursery, control.id, EMFILE);
        failed_expect(&nursery, upload_ask(&nursery, "wait", -1), EMFILE);
        nursery_end(&nursery);
}

static void test_garbage_is_survived(void **state) {
        static const char *const garbage[] = {
                "x",
                "{}",
                "{\"do\":\"start\"}",
                "{\"event\":\"started\",\"id\":1,\"pid\":1}",
                "{\"do\":\"signal\",\"id\":1,\"signal\":19}",
        };
        static char much[3 * MEDIA_CONTROL_MAX];
        struct nursery_process nursery = nursery_start(10);
        uint64_t id;
        int before;

        (void)state;
        id = child_ask(&nursery, "");
        started_expect(&nursery, id);
        ended_expect(&nursery, id);
        nursery_settle(&nursery);
        before = process_descriptors(nursery.pid);
        for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++)
                assert_true(send(nursery.control, garbage[i], strlen(garbage[i]), 0) > 0);
        assert_true(send(nursery.control, much, sizeof(much), 0) > 0);
        nursery_settle(&nursery);
        id = child_ask(&nursery, "");
        started_expect(&nursery, id);
        ended_expect(&nursery, id);
        nursery_settle(&nursery);
        assert_int_equal(process_descriptors(nursery.pid), before);
        nursery_end(&nursery);
}

static void test_requests_beyond_the_limit_are_refused(void **state) {
        struct nursery_process nursery = nursery_start(2);
        uint64_t ids[2] = {child_ask(&nursery, "wait"), child_ask(&nursery, "wait")};
        int before;

        (void)state;
        started_expect(&nursery, ids[0]);
        started_expect(&nursery, ids[1]);
        nursery_settle(&nursery);
        before = process_descriptors(nursery.pid);
        // So many at a time that neither direction is ever empty, and both are full at times.
        for (int sent = 0, told = 0; told < N_REFUSED;) {
                struct pollfd polled = {.fd = nursery.control,
                                        .events = POLLIN | (sent < N_REFUSED ? POLLOUT : 0)};

                assert_int_equal(poll(&polled, 1, PATIENCE), 1);
                if (polled.revents & POLLOUT) {
                        child_ask(&nursery, "wait");
                        sent++;
                } else if (polled.revents & POLLIN) {
                        failed_expect(&nursery, ids[1] + 1 + (uint64_t)told++, EAGAIN);
                }
        }
        nursery_settle(&nursery);
        assert_int_equal(process_descriptors(nursery.pid), before);
        child_tell(&nursery, MEDIA_DO_SIGNAL, ids[0], SIGKILL);
        ended_expect(&nursery, ids[0]);
        started_expect(&nursery, child_ask(&nursery, "wait"));
        nursery_end(&nursery);
}

// Nobody listens while many children begin and end: nothing is lost, and the order of each is
// kept.
static void test_a_full_socket_loses_nothing(void **state) {
        struct nursery_process nursery = nursery_start(N_UNHEARD);
        static bool is_started[N_UNHEARD + 1], is_ended[N_UNHEARD + 1];
        uint64_t waits;

        (void)state;
        for (int i = 0; i < N_UNHEARD - 1; i++)
                child_ask(&nursery, "");
        waits = child_ask(&nursery, "wait");
        // It is obeyed though none of the news was taken.
        child_tell(&nursery, MEDIA_DO_SIGNAL, waits, SIGTERM);
        for (int n = 0; n < 2 * N_UNHEARD; n++) {
                struct media_control event = event_next(&nursery);

                assert_in_range(event.id, 1, N_UNHEARD);
                if (event.type == MEDIA_STARTED) {
                        assert_false(is_started[event.id]);
                        is_started[event.id] = true;
                        continue;
                }
                assert_int_equal(event.type, MEDIA_ENDED);
                assert_true(is_started[event.id] && !is_ended[event.id]);
                assert_int_equal(event.signal, event.id == waits ? SIGTERM : 0);
                is_ended[event.id] = true;
        }
        nursery_end(&nursery);
}

// --- ends -------------------------------------------------------------------------

static void children_start(struct nursery_process *nursery, pid_t pids[N_CHILDREN]) {
        *nursery = nursery_start(N_CHILDREN);
        for (int i = 0; i < N_CHILDREN; i++)
                pids[i] = started_expect(nursery, child_ask(nursery, "wait"));
}

static void test_children_die_with_the_nursery(void **state) {
        struct nursery_process nursery;
        pid_t pids[N_CHILDREN];

        (void)state;
        children_start(&nursery, pids);
        assert_int_equal(kill(nursery.pid, SIGKILL), 0);
        assert_true(WIFSIGNALED(nursery_wait(&nursery)));
        for (int i = 0; i < N_CHILDREN; i++)
                orphan_expect_killed(pids[i]);
}

static void children_expect_reaped(const pid_t pids[N_CHILDREN]) {
        for (int i = 0; i < N_CHILDREN; i++)
                assert_true(kill(pids[i], 0) < 0 && errno == ESRCH);
}

static void test_all_end_with_the_server(void **state) {
        struct nursery_process nursery;
        pid_t pids[N_CHILDREN];

        (void)state;
        children_start(&nursery, pids);
        nursery_end(&nursery);
        children_expect_reaped(pids);
}

static void test_all_end_with_sigterm(void **state) {
        struct nursery_process nursery;
        pid_t pids[N_CHILDREN];

        (void)state;
        children_start(&nursery, pids);
        assert_int_equal(kill(nursery.pid, SIGTERM), 0);
        assert_int_equal(nursery_wait(&nursery), 0);
        children_expect_reaped(pids);
}

// --- secrets ----------------------------------------------------------------------

// Does what another process may write to hold these bytes?
static bool memory_holds(pid_t pid, const char *text) {
        CLEANUP(mem_freep) char *maps = xasprintf("/proc/%d/maps", pid);
        CLEANUP(mem_freep) char *path = xasprintf("/proc/%d/mem", pid);
        FILE *regions = fopen(maps, "re");
        int memory = open(path, O_RDONLY | O_CLOEXEC);
        char line[512];
        bool is_found = false;

        assert_non_null(regions);
        assert_true(memory >= 0);
        while (fgets(line, sizeof(line), regions)) {
                // As in "5573-5594 rw-p ..."
                char *end;
                unsigned long first = strtoul(line, &end, 16);
                unsigned long last = *end == '-' ? strtoul(end + 1, &end, 16) : first;
                CLEANUP(mem_freep) char *bytes = NULL;
                ssize_t n;

                if (strncmp(end, " rw", 3) != 0)
                        continue;
                bytes = try_calloc(last - first, 1);
                n = bytes ? pread(memory, bytes, last - first, (off_t)first) : -1;
                is_found |= n > 0 && memmem(bytes, (size_t)n, text, strlen(text));
        }
        fclose(regions);
        close(memory);
        return is_found;
}

// Every later child is a copy of the nursery: it must not find the passwords of others there.
static void test_no_request_stays_in_memory(void **state) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        skip();  // they keep copies of their own of what is in memory, and terabytes beside it
#endif
        struct nursery_process nursery = nursery_start(10);
        struct media_control control = request_new(&nursery, "wait");
        // Made up here, so that the nursery did not inherit it.
        CLEANUP(mem_freep) char *secret = xasprintf("s3cr3t-%d-%d", getpid(), nursery.pid);
        pid_t child;

        (void)state;
        // Far behind what is written into a block that is freed, or used again for something
        // short.
        snprintf(control.request.url, sizeof(control.request.url),
                 "rtsp://camera/%02000d?key=%s", 0, secret);
        control_send(&nursery, &control, &nursery.records[1], 1);
        child = started_expect(&nursery, control.id);
        // The child has it, so it would be found.
        assert_true(memory_holds(child, secret));
        // It is wiped right after the start is told. No other packet may help with that.
        for (int i = 0; i < 2000 && memory_holds(nursery.pid, secret); i++)
                usleep(1000);
        assert_false(memory_holds(nursery.pid, secret));
        nursery_end(&nursery);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_child_works_and_ends),
                cmocka_unit_test(test_signals_reach_their_child),
                cmocka_unit_test(test_an_upload_has_its_input_and_its_processor_time),
                cmocka_unit_test(test_descriptors_do_not_pile_up),
                cmocka_unit_test(test_a_fork_that_fails_is_told),
                cmocka_unit_test(test_missing_descriptors_are_told),
                cmocka_unit_test(test_garbage_is_survived),
                cmocka_unit_test(test_requests_beyond_the_limit_are_refused),
                cmocka_unit_test(test_a_full_socket_loses_nothing),
                cmocka_unit_test(test_children_die_with_the_nursery),
                cmocka_unit_test(test_all_end_with_the_server),
                cmocka_unit_test(test_all_end_with_sigterm),
                cmocka_unit_test(test_no_request_stays_in_memory),
        };

        (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
        (void)signal(SIGPIPE, SIG_IGN);
        is_fork_broken = mmap(NULL, sizeof(bool), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (is_fork_broken == MAP_FAILED)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
