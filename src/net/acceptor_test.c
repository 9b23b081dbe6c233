// Accepted sockets.
#include "net/acceptor.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void on_accept(void *context, int fd) {
        *(int *)context = fd;
}

static int option_of(int fd, int level, int option) {
        int value = -1;
        socklen_t length = sizeof(value);

        assert_int_equal(getsockopt(fd, level, option, &value, &length), 0);
        return value;
}

static void the_kernel_watches_for_peers_that_vanish(void **state) {
        struct loop *loop = loop_new_fake(0);
        struct acceptor *acceptor = NULL;
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int accepted = -1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        (void)state;
        assert_int_equal(
                acceptor_open(&acceptor, loop, "127.0.0.1:0", on_accept, &accepted, NULL), 0);
        address.sin_port = htons((uint16_t)acceptor_port(acceptor));
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        for (int i = 0; i < 1000 && accepted < 0; i++)
                loop_turn(loop);
        assert_true(accepted >= 0);
        assert_int_equal(option_of(accepted, SOL_SOCKET, SO_KEEPALIVE), 1);
        assert_int_equal(option_of(accepted, IPPROTO_TCP, TCP_KEEPIDLE) +
                                 option_of(accepted, IPPROTO_TCP, TCP_KEEPINTVL) *
                                         option_of(accepted, IPPROTO_TCP, TCP_KEEPCNT),
                         ACCEPTOR_PATIENCE);
        assert_int_equal(option_of(accepted, IPPROTO_TCP, TCP_USER_TIMEOUT),
                         ACCEPTOR_PATIENCE * 1000);
        close(accepted);
        close(fd);
        acceptor_close(acceptor);
        loop_free(loop);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_kernel_watches_for_peers_that_vanish),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
