// With a server that answers what it was not asked.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "sink/player_fixture.h"
#include "sink/rows_rig.h"

// A server that lets everybody in and says the same at the end of each pipeline.
struct peer {
        int listener, port;
        const char *answer;
        size_t n_answer;
        pthread_t thread;
};

static bool take(int fd, void *ret, size_t n) {
        return recv(fd, ret, n, MSG_WAITALL) == (ssize_t)n;
}

// The rest of a message, which begins with its length.
static bool skip_rest(int fd) {
        uint8_t length[4], body[4096];
        size_t n;

        if (!take(fd, length, 4))
                return false;
        n = (size_t)length[2] << 8 | length[3];
        assert_in_range(n, 4, sizeof(body));
        return n == 4 || take(fd, body, n - 4);
}

static void guest_serve(const struct peer *peer, int fd) {
        static const char welcome[] = "R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
        char type;

        if (!skip_rest(fd) || send(fd, welcome, sizeof(welcome) - 1, MSG_NOSIGNAL) < 0)
                return;
        while (take(fd, &type, 1) && skip_rest(fd))
                if (type == 'S' && send(fd, peer->answer, peer->n_answer, MSG_NOSIGNAL) < 0)
                        return;
}

static void *peer_serve(void *context) {
        const struct peer *peer = context;
        int fd;

        while ((fd = accept(peer->listener, NULL, NULL)) >= 0) {
                guest_serve(peer, fd);
                close(fd);
        }
        return NULL;
}

static void peer_start(struct peer *peer) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t n = sizeof(address);

        peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(peer->listener >= 0);
        assert_int_equal(bind(peer->listener, (struct sockaddr *)&address, n), 0);
        assert_int_equal(listen(peer->listener, 4), 0);
        assert_int_equal(getsockname(peer->listener, (struct sockaddr *)&address, &n), 0);
        peer->port = ntohs(address.sin_port);
        assert_int_equal(pthread_create(&peer->thread, NULL, peer_serve, peer), 0);
}

static void peer_stop(struct peer *peer) {
        shutdown(peer->listener, SHUT_RDWR);
        pthread_join(peer->thread, NULL);
        close(peer->listener);
}

// What comes of a send to a server that answers so.
static void expect_odd(const char *answer, size_t n) {
        struct peer peer = {.answer = answer, .n_answer = n};
        struct row *rows = rig_rows_make("garage", "word", 2);
        struct sink_config config = {.name = (char[]){"db"}, .type = SINK_POSTGRESQL};
        struct player_answer found;
        struct player *player;

        peer_start(&peer);
        config.url = xasprintf("postgresql://me@127.0.0.1:%d/x?sslmode=disable", peer.port);
        player = player_open(&sink_postgresql, &config);
        found = player_send(player, rows, 2);
        assert_int_equal(found.outcome, SINK_RETRY);
        assert_int_equal(found.n_taken, 0);
        assert_string_equal(found.trouble,
                            "PostgreSQL: the server answers what it was not asked");
        player_close(player);
        peer_stop(&peer);
        free(config.url);
        rig_rows_free(rows, 2);
}

// To "parse" and "bind", then to what was executed.
#define BOUND       \
        "1\0\0\0\4" \
        "2\0\0\0\4"
#define READY       "Z\0\0\0\5I"
#define COMPLETE    "C\0\0\0\rSELECT 1\0"
#define EXPECT(odd) expect_odd(odd, sizeof(odd) - 1)

static void a_server_that_wants_to_copy_is_left(void **state) {
        (void)state;
        EXPECT(BOUND "G\0\0\0\7\0\0\0");
        EXPECT(BOUND "H\0\0\0\7\0\0\0");
        EXPECT(BOUND "W\0\0\0\7\0\0\0");
}

static void tuples_of_another_shape_are_no_columns(void **state) {
        (void)state;
        EXPECT(BOUND "T\0\0\0\6\0\0"
                     "D\0\0\0\6\0\0" COMPLETE READY);
        EXPECT(BOUND "T\0\0\0\x1a\0\1"
                     "a\0"
                     "\0\0\0\0\0\0"
                     "\0\0\0\0\0\0"
                     "\0\0\0\0\0\0"
                     "D\0\0\0\x0b\0\1\0\0\0\1x" COMPLETE READY);
        EXPECT(BOUND "n\0\0\0\4" COMPLETE READY);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_server_that_wants_to_copy_is_left),
                cmocka_unit_test(tuples_of_another_shape_are_no_columns),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
