// Connections when the memory for all of them is used up: what is refused, and what goes on.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/deflate.h"
#include "net/net_client.h"
#include "util/budget.h"

#define BINARY 0x82
#define RSV1   0x40

// Leave so much of the budget.
static void use_up_but(struct net_fixture *net, size_t left) {
        size_t used = 0;

        for (int kind = 0; kind < BUDGET_KIND_COUNT; kind++)
                used += budget_used(net->budget, (enum budget_kind)kind);
        budget_charge_always(net->budget, BUDGET_BACKLOG, NET_BUDGET - used - left);
}

static int teardown(void **state) {
        struct net_fixture *net = *state;

        budget_refund(net->budget, BUDGET_BACKLOG, budget_used(net->budget, BUDGET_BACKLOG));
        return net_teardown(state);
}

static void a_text_is_refused_with_1009(void **state) {
        struct net_fixture *net = *state;
        int fd = client_upgrade(net, NULL);

        use_up_but(net, 20000);
        client_frame(net, fd, 0x01, net->body, 60000);  // more fragments are to come
        client_expect_close(net, fd, 1009);
        assert_int_equal(net->n_texts, 0);
}

static void sound_goes_on(void **state) {
        struct net_fixture *net = *state;
        int fd = client_upgrade(net, NULL);

        use_up_but(net, 0);
        for (int i = 0; i < 10; i++)
                client_frame(net, fd, BINARY, net->body, 60000);
        assert_int_equal(net->n_binaries, 10);
        assert_int_equal(net->n_text, 60000);
        close(fd);
}

static void a_compressed_message_is_refused_with_1013(void **state) {
        struct net_fixture *net = *state;
        struct deflater *deflater = deflater_new();
        struct bytes packed = {0};
        int fd = client_upgrade(net, "permessage-deflate");

        assert_true(deflater_message(deflater, (const uint8_t *)net->body, 100000, &packed));
        client_frame(net, fd, 0x40 | 0x02, packed.data, packed.n / 2);
        assert_true(budget_used(net->budget, BUDGET_MESSAGES) >= INFLATER_BYTES);
        close(fd);
        for (int i = 0; i < 20; i++)
                loop_turn(net->loop);
        assert_int_equal(budget_used(net->budget, BUDGET_MESSAGES), 0);

        fd = client_upgrade(net, "permessage-deflate");
        use_up_but(net, 0);
        client_frame(net, fd, BINARY | RSV1, packed.data, packed.n);
        client_expect_close(net, fd, 1013);
        deflater_free(deflater);
        bytes_deinit(&packed);
}

static void a_websocket_and_a_large_answer_get_503(void **state) {
        struct net_fixture *net = *state;
        int fd;

        use_up_but(net, 1000);
        fd = client_connect(net);
        client_say(net, fd, UPGRADE "\r\n");
        client_read(net, fd, SIZE_MAX);
        assert_non_null(strstr(net->output, "503 Service Unavailable"));
        assert_non_null(strstr(net->output, "Retry-After"));
        close(fd);

        net->body_bytes = 1000000;
        fd = client_connect(net);
        client_say(net, fd, "GET /large HTTP/1.1\r\n" HEAD "\r\n");
        client_read(net, fd, SIZE_MAX);
        assert_non_null(strstr(net->output, "503 Service Unavailable"));
        close(fd);

        net->body_bytes = 1000;
        fd = client_connect(net);
        client_say(net, fd, "GET /small HTTP/1.0\r\n" HEAD "\r\n");
        client_read(net, fd, SIZE_MAX);
        assert_non_null(strstr(net->output, "200 OK"));
        close(fd);
}

// What a peer does not read is charged; it is dropped where that has no room.
static void a_reader_too_slow_for_the_memory_is_dropped(void **state) {
        struct net_fixture *net = *state;
        int fd;

        net->limits.send_max = (size_t)16 * OUTPUT_MAX;
        fd = client_upgrade(net, NULL);
        use_up_but(net, 1000000);
        for (int i = 0; i < 64 && net->n_closed == 0; i++) {
                websocket_send_binary(net->sockets[0], (const uint8_t *)net->body, 256 * 1024);
                loop_turn(net->loop);
        }
        assert_int_equal(net->n_closed, 1);
        assert_int_equal(budget_used(net->budget, BUDGET_SENDING), 0);
        close(fd);
}

#define with_listener(test) cmocka_unit_test_setup_teardown(test, net_setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                with_listener(a_text_is_refused_with_1009),
                with_listener(sound_goes_on),
                with_listener(a_compressed_message_is_refused_with_1013),
                with_listener(a_websocket_and_a_large_answer_get_503),
                with_listener(a_reader_too_slow_for_the_memory_is_dropped),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
