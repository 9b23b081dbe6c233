#include "media/read_ahead.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/mem.h"

// libc's, counted.
static unsigned n_polls, n_recvs;

static int poll_counted(struct pollfd *sockets, nfds_t n, int timeout) {
        n_polls++;
        return poll(sockets, n, timeout);
}

static ssize_t recv_counted(int descriptor, void *bytes, size_t n, int flags) {
        n_recvs++;
        return recv(descriptor, bytes, n, flags);
}

static const struct media_read_ahead_calls calls = {poll_counted, recv_counted};

struct rig {
        int ours, far;  // ends of a stream
        unsigned n_idle;
        const char *late;  // what comes while nothing is there
};

static void rig_say(const struct rig *rig, const char *text) {
        assert_int_equal(write(rig->far, text, strlen(text)), strlen(text));
}

static void on_idle(void *context) {
        struct rig *rig = context;

        rig->n_idle++;
        if (rig->late)
                rig_say(rig, rig->late);
        rig->late = NULL;
}

static int setup(void **state) {
        struct rig *rig = xnew(struct rig);
        int ends[2];

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
                return -errno;
        rig->ours = ends[0];
        rig->far = ends[1];
        n_polls = n_recvs = 0;
        *state = rig;
        return 0;
}

static int teardown(void **state) {
        struct rig *rig = *state;

        media_read_ahead_end();
        close(rig->ours);
        close(rig->far);
        free(rig);
        return 0;
}

// Read so many bytes, which are to be `text`.
static void rig_hear(const struct rig *rig, const char *text, size_t n, int flags) {
        char heard[64] = "";

        assert_true(n < sizeof(heard));
        assert_int_equal(media_read_ahead_recv(&calls, rig->ours, heard, n, flags),
                         strlen(text));
        assert_string_equal(heard, text);
}

// Is our end ready to be read within so many ms?
static bool rig_poll(const struct rig *rig, int timeout) {
        struct pollfd socket = {.fd = rig->ours, .events = POLLIN, .revents = POLLERR};
        int code = media_read_ahead_poll(&calls, &socket, 1, timeout);

        assert_int_equal(code, socket.revents != 0);
        return socket.revents & POLLIN;
}

static void calls_go_straight_on_until_it_begins(void **state) {
        struct rig *rig = *state;

        rig_say(rig, "abc");
        assert_true(rig_poll(rig, 1000));
        rig_hear(rig, "a", 1, 0);
        rig_hear(rig, "b", 1, 0);
        assert_int_equal(n_recvs, 2);
        assert_int_equal(n_polls, 1);
        // And again once it has ended.
        media_read_ahead_begin(on_idle, rig);
        media_read_ahead_end();
        rig_hear(rig, "c", 1, 0);
        assert_false(rig_poll(rig, 0));
        assert_int_equal(n_recvs, 3);
        assert_int_equal(n_polls, 2);
        assert_int_equal(rig->n_idle, 0);
}

static void small_reads_are_one(void **state) {
        struct rig *rig = *state;

        media_read_ahead_begin(on_idle, rig);
        rig_say(rig, "$abcde");
        assert_true(rig_poll(rig, 1000));
        rig_hear(rig, "$", 1, 0);
        assert_int_equal(n_polls, 1);
        // The rest is ours already: nobody is asked.
        assert_true(rig_poll(rig, 1000));
        rig_hear(rig, "ab", 2, 0);
        assert_true(rig_poll(rig, 1000));
        rig_hear(rig, "cde", 20, 0);
        assert_int_equal(n_polls, 1);
        assert_int_equal(n_recvs, 1);
        assert_int_equal(rig->n_idle, 0);
}

static void what_is_looked_at_stays(void **state) {
        struct rig *rig = *state;

        media_read_ahead_begin(on_idle, rig);
        rig_say(rig, "abc");
        rig_hear(rig, "ab", 2, MSG_PEEK);
        rig_hear(rig, "a", 1, 0);
        rig_hear(rig, "bc", 20, MSG_PEEK);
        rig_hear(rig, "bc", 20, 0);
}

static void large_reads_go_straight_on(void **state) {
        static char large[1 << 16];
        struct rig *rig = *state;

        media_read_ahead_begin(on_idle, rig);
        rig_say(rig, "abc");
        rig_hear(rig, "a", 1, 0);
        assert_int_equal(media_read_ahead_recv(&calls, rig->ours, large, sizeof(large), 0), 2);
        assert_int_equal(n_recvs, 1);
        assert_int_equal(write(rig->far, large, 8000), 8000);
        assert_int_equal(media_read_ahead_recv(&calls, rig->ours, large, sizeof(large), 0),
                         8000);
        assert_int_equal(n_recvs, 2);
        assert_false(rig_poll(rig, 0));
}

static void before_a_wait_is_idle_time(void **state) {
        struct rig *rig = *state;

        media_read_ahead_begin(on_idle, rig);
        rig_say(rig, "abc");
        assert_true(rig_poll(rig, 1000));
        rig_hear(rig, "abc", 20, 0);
        assert_int_equal(rig->n_idle, 0);
        // All was read, as is known without a call. What comes then is seen after the nap.
        n_polls = 0;
        rig->late = "def";
        assert_true(rig_poll(rig, 1000));
        assert_int_equal(rig->n_idle, 1);
        assert_int_equal(n_polls, 1);
        rig_hear(rig, "def", 20, 0);
        // Nothing comes: it waits no longer than is asked.
        assert_false(rig_poll(rig, 1));
        assert_int_equal(rig->n_idle, 2);
        // What is not known is asked, and what is there then is not slept over.
        rig_say(rig, "ghi");
        n_polls = 0;
        assert_true(rig_poll(rig, 1000));
        assert_int_equal(n_polls, 1);
        assert_int_equal(rig->n_idle, 2);
}

static void bytes_are_their_own_sockets(void **state) {
        struct rig *rig = *state;
        struct pollfd sockets[2] = {{.events = POLLIN}, {.events = POLLIN}};
        int other[2];
        char byte;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, other), 0);
        media_read_ahead_begin(on_idle, rig);
        rig_say(rig, "ab");
        rig_hear(rig, "a", 1, 0);
        assert_int_equal(write(other[1], "xy", 2), 2);
        assert_int_equal(media_read_ahead_recv(&calls, other[0], &byte, 1, 0), 1);
        assert_int_equal(byte, 'x');
        sockets[0].fd = other[1];  // has nothing to read
        sockets[1].fd = rig->ours;
        assert_int_equal(media_read_ahead_poll(&calls, sockets, 2, 1000), 1);
        assert_int_equal(sockets[0].revents, 0);
        assert_int_equal(sockets[1].revents, POLLIN);
        rig_hear(rig, "b", 20, 0);
        close(other[0]);
        close(other[1]);
}

static void an_end_comes_behind_all_bytes(void **state) {
        struct rig *rig = *state;
        char byte;

        media_read_ahead_begin(on_idle, rig);
        assert_int_equal(media_read_ahead_recv(&calls, rig->ours, &byte, 1, 0), -1);
        assert_int_equal(errno, EAGAIN);
        rig_say(rig, "ab");
        assert_int_equal(shutdown(rig->far, SHUT_WR), 0);
        rig_hear(rig, "a", 1, 0);
        rig_hear(rig, "b", 1, 0);
        assert_true(rig_poll(rig, 1000));
        assert_int_equal(media_read_ahead_recv(&calls, rig->ours, &byte, 1, 0), 0);
}

static void *stranger_run(void *context) {
        const struct rig *rig = context;

        assert_true(rig_poll(rig, 1000));
        rig_hear(rig, "a", 1, 0);
        rig_hear(rig, "b", 1, 0);
        return NULL;
}

static void other_threads_go_straight_on(void **state) {
        struct rig *rig = *state;
        pthread_t thread;

        media_read_ahead_begin(on_idle, rig);
        rig_say(rig, "ab");
        assert_int_equal(pthread_create(&thread, NULL, stranger_run, rig), 0);
        pthread_join(thread, NULL);
        assert_int_equal(n_recvs, 2);
        assert_int_equal(rig->n_idle, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(calls_go_straight_on_until_it_begins),
                TEST(small_reads_are_one),
                TEST(what_is_looked_at_stays),
                TEST(large_reads_go_straight_on),
                TEST(before_a_wait_is_idle_time),
                TEST(bytes_are_their_own_sockets),
                TEST(an_end_comes_behind_all_bytes),
                TEST(other_threads_go_straight_on),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
