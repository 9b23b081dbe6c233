// WebSocket: messages both ways, every way a connection can end, and the limits.
#include "net/net_client.h"

#include "net/deflate.h"

#define TEXT   0x81
#define BINARY 0x82
#define CLOSE  0x88
#define PING   0x89
#define PONG   0x8a
#define RSV1   0x40

static void any_path_upgrades(void **state) {
        struct net_fixture *net = *state;
        int fd = client_upgrade(net, NULL);

        assert_non_null(
                strstr(net->output, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert_null(strstr(net->output, "Extensions"));
        client_frame(net, fd, TEXT, "hi", 2);
        assert_string_equal(net->text, "hi");
        websocket_send_text(net->sockets[0], "ho", 2);
        client_peek(net, fd);
        assert_int_equal(net->n_output, 4);
        assert_memory_equal(net->output, "\x81\x02ho", 4);
        close(fd);
}

static void a_frame_may_come_with_the_handshake(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_send(net, fd, UPGRADE "\r\n\x81\x82\0\0\0\0hi", sizeof(UPGRADE "\r\n") - 1 + 8);
        assert_int_equal(net->n_texts, 1);
        assert_string_equal(net->text, "hi");
        close(fd);
}

static void pieces_make_one_message(void **state) {
        struct net_fixture *net = *state;
        int fd = client_upgrade(net, NULL);

        client_frame(net, fd, 0x01, "\xc3", 1);  // a character cut in two
        client_frame(net, fd, PING, "?", 1);
        client_frame(net, fd, 0x00, "\xa4", 1);
        assert_int_equal(net->n_texts, 0);
        client_frame(net, fd, 0x80, "", 0);
        assert_string_equal(net->text, "\xc3\xa4");
        client_peek(net, fd);
        assert_memory_equal(net->output, "\x8a\x01?", 3);
        client_frame(net, fd, BINARY, "\0\1", 2);
        assert_int_equal(net->n_binaries, 1);
        assert_int_equal(net->n_text, 2);
        close(fd);
}

static void the_peers_close_is_answered(void **state) {
        struct net_fixture *net = *state;
        int fd = client_upgrade(net, NULL);

        client_frame(net, fd, CLOSE, "\x03\xe9", 2);
        client_expect_close(net, fd, 1001);
        assert_int_equal(net->n_closed, 1);
        assert_int_equal(net->close_code, 1001);
}

static void our_close_waits_for_the_answer(void **state) {
        struct net_fixture *net = *state;
        int fd = client_upgrade(net, NULL);

        websocket_send_text(net->sockets[0], "last", 4);
        websocket_close(net->sockets[0], 1013, "full");
        websocket_send_text(net->sockets[0], "late", 4);
        assert_int_equal(net->n_closed, 0);
        client_peek(net, fd);
        assert_int_equal(net->n_output, 6 + 8);
        assert_memory_equal(net->output,
                            "\x81\x04last\x88\x06\x03\xf5"
                            "full",
                            14);
        client_frame(net, fd, TEXT, "ignored", 7);
        assert_int_equal(net->n_texts, 0);
        client_frame(net, fd, CLOSE, "\x03\xf5", 2);
        assert_true(client_peek(net, fd));
        close(fd);
        loop_turn(net->loop);
        loop_turn(net->loop);
        assert_int_equal(net->n_closed, 1);
        assert_int_equal(net->close_code, 1013);
}

static void words_said_before_a_close_go_first(void **state) {
        struct net_fixture *net = *state;
        int fd = client_upgrade(net, NULL);

        client_frame(net, fd, TEXT, "leave", 5);
        client_peek(net, fd);
        assert_int_equal(net->n_output, 7 + 4);
        assert_memory_equal(net->output, "\x81\x05words\x88\x02\x03\xf5", 11);
        close(fd);
}

static void our_close_does_not_wait_for_ever(void **state) {
        struct net_fixture *net = *state;
        int fd = client_upgrade(net, NULL);

        websocket_close(net->sockets[0], 1000, NULL);
        loop_advance(net->loop, 5 * NSEC_PER_SEC - 1);
        assert_int_equal(net->n_closed, 0);
        loop_advance(net->loop, 1);
        assert_int_equal(net->n_closed, 1);
        assert_int_equal(net->close_code, 1006);
        close(fd);
}

static void long_reasons_are_cut_between_characters(void **state) {
        struct net_fixture *net = *state;
        int fd = client_upgrade(net, NULL);
        char reason[140];

        memset(reason, 'r', sizeof(reason));
        memcpy(reason + 122, "\xc3\xa4", 3);
        websocket_close(net->sockets[0], 1000, reason);
        client_peek(net, fd);
        assert_int_equal(net->n_output, 2 + 2 + 122);
        close(fd);
}

static void an_instant_disconnect_ends_it(void **state) {
        struct net_fixture *net = *state;
        int fd = client_upgrade(net, NULL);

        close(fd);
        for (int turns = 0; turns < 20; turns++)
                loop_turn(net->loop);
        assert_int_equal(net->n_closed, 1);
        assert_int_equal(net->close_code, 1006);
        assert_int_equal(listener_connections(net->listener), 0);
}

static void violations_close_with_their_code(void **state) {
        static const struct {
                const char *frame;
                size_t n;
                uint16_t code;
        } cases[] = {
                {"\x81\x02hi", 4, 1002},                    // unmasked
                {"\x83\x80\0\0\0\0", 6, 1002},              // unknown opcode
                {"\x80\x80\0\0\0\0", 6, 1002},              // continues nothing
                {"\xc1\x80\0\0\0\0", 6, 1002},              // compressed without agreement
                {"\x09\x80\0\0\0\0", 6, 1002},              // a ping in pieces
                {"\x81\x81\0\0\0\0\xff", 7, 1007},          // not UTF-8
                {"\x81\x83\0\0\0\0\xed\xa0\x80", 9, 1007},  // a surrogate
                {"\x81\x81\0\0\0\0\xc3", 7, 1007},          // cut short
        };
        struct net_fixture *net = *state;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                int fd = client_upgrade(net, NULL);

                client_send(net, fd, cases[i].frame, cases[i].n);
                client_expect_close(net, fd, cases[i].code);
                assert_int_equal(net->n_closed, i + 1);
                assert_int_equal(net->close_code, 1006);
        }
}

static void too_big_is_known_by_the_announcement(void **state) {
        struct net_fixture *net = *state;
        uint8_t head[14];
        int fd;

        net->limits.binary_max = 1000;
        fd = client_upgrade(net, NULL);
        // wslay looks at a head when the first byte of the payload has come.
        client_send(net, fd, head, frame_head(BINARY, 100 * 1024 * 1024, head));
        client_send(net, fd, "x", 1);
        client_expect_close(net, fd, 1009);
        fd = client_upgrade(net, NULL);
        client_frame(net, fd, 0x02, net->body, 600);
        client_send(net, fd, head, frame_head(0x80, 401, head));  // together too big
        client_send(net, fd, "x", 1);
        client_expect_close(net, fd, 1009);
        fd = client_upgrade(net, NULL);
        client_frame(net, fd, 0x02, net->body, 600);
        client_frame(net, fd, 0x80, net->body, 400);
        assert_int_equal(net->n_binaries, 1);
        assert_int_equal(net->n_text, 1000);
        close(fd);
}

static void silence_is_pinged_and_then_dropped(void **state) {
        struct net_fixture *net = *state;
        int fd = client_upgrade(net, NULL);

        for (int i = 0; i < 5; i++) {
                loop_advance(net->loop, 20 * NSEC_PER_SEC);
                client_peek(net, fd);
                assert_memory_equal(net->output, "\x89\x00", 2);
                client_frame(net, fd, PONG, "", 0);
        }
        assert_int_equal(net->n_closed, 0);
        loop_advance(net->loop, 59 * NSEC_PER_SEC);
        assert_int_equal(net->n_closed, 0);
        loop_advance(net->loop, 2 * NSEC_PER_SEC);
        assert_int_equal(net->n_closed, 1);
        assert_int_equal(net->close_code, 1006);
        close(fd);
}

static void a_paused_peer_is_not_called_silent(void **state) {
        struct net_fixture *net = *state;
        int fd = client_upgrade(net, NULL);

        websocket_pause(net->sockets[0]);
        client_frame(net, fd, TEXT, "hi", 2);
        loop_advance(net->loop, 300 * NSEC_PER_SEC);
        assert_int_equal(net->n_texts, 0);
        websocket_resume(net->sockets[0]);
        for (int turns = 0; turns < 20; turns++)
                loop_turn(net->loop);
        assert_int_equal(net->n_texts, 1);
        assert_int_equal(net->n_closed, 0);
        close(fd);
}

// A reader that does not read costs send_max and no more, is told why, and is dropped.
static void a_slow_reader_is_dropped(void **state) {
        struct net_fixture *net = *state;
        struct websocket *socket;
        size_t most = 0;
        int fd;

        net->limits.send_max = 100000;
        fd = client_upgrade(net, NULL);
        socket = net->sockets[0];
        for (int i = 0; i < 20000; i++) {  // 20 MB, which no socket buffer takes
                websocket_send_text(socket, net->body, 1000);
                if (websocket_pending(socket) > most)
                        most = websocket_pending(socket);
        }
        assert_int_equal(net->n_closed, 0);  // not from inside a call
        assert_true(most > 50000 && most <= 100000 + 1100);
        client_peek(net, fd);  // reading on before the time is up brings the reason
        for (int i = 0; i < 50; i++) {
                char last[32];

                memcpy(last, net->output + net->n_output - 19, 19);
                if (memcmp(last, "\x88\x11\x03\xf0reader too slow", 19) == 0)
                        break;
                client_peek(net, fd);
        }
        assert_memory_equal(net->output + net->n_output - 19, "\x88\x11\x03\xf0reader too slow",
                            19);
        loop_advance(net->loop, 5 * NSEC_PER_SEC);
        assert_int_equal(net->n_closed, 1);
        close(fd);
}

static void one_large_message_is_no_slow_reader(void **state) {
        struct net_fixture *net = *state;
        int fd;

        net->limits.send_max = 1000;
        fd = client_upgrade(net, NULL);
        websocket_send_text(net->sockets[0], net->body, OUTPUT_MAX / 2);
        assert_false(client_read(net, fd, OUTPUT_MAX / 2 + 10));
        assert_int_equal(websocket_pending(net->sockets[0]), 0);
        assert_int_equal(net->n_closed, 0);
        close(fd);
}

// Pongs that a peer does not read are bounded by not reading its pings.
static void a_flood_of_pings_is_bounded(void **state) {
        struct net_fixture *net = *state;
        uint8_t *pings = xcalloc(131 * 8000, 1);
        size_t most = 0, sent = 0;
        int fd;

        net->limits.send_max = 100000;
        for (size_t i = 0; i < 8000; i++) {
                pings[131 * i] = PING;
                pings[131 * i + 1] = 0x80 | 125;
        }
        fd = client_upgrade(net, NULL);
        for (int i = 0; i < 2000; i++) {
                ssize_t n = net_send(fd, pings + sent % 131, 131 * 4000);

                if (n > 0)
                        sent += (size_t)n;
                loop_turn(net->loop);
                if (websocket_pending(net->sockets[0]) > most)
                        most = websocket_pending(net->sockets[0]);
        }
        assert_true(sent > 2000000);
        assert_true(most > 100000 && most < 100000 + 70000);
        for (int i = 0; i < 10 && net->n_texts == 0; i++) {
                client_peek(net, fd);  // once it reads, it is heard again
                client_send(net, fd, pings + sent % 131, (131 - sent % 131) % 131);
                sent += (131 - sent % 131) % 131;
                client_frame(net, fd, TEXT, "hi", 2);
        }
        assert_string_equal(net->text, "hi");
        loop_advance(net->loop, 50 * NSEC_PER_SEC);
        assert_int_equal(net->n_closed, 0);
        loop_advance(net->loop, 30 * NSEC_PER_SEC);
        assert_int_equal(net->n_closed, 1);
        free(pings);
        close(fd);
}

// --- permessage-deflate ----------------------------------------------------------

static void offers_are_answered_by_the_book(void **state) {
        static const struct {
                const char *offer;
                const char *answer;  // NULL: declined
        } cases[] = {
                {"permessage-deflate; client_max_window_bits",
                 "permessage-deflate; server_no_context_takeover; "
                 "client_no_context_takeover\r"},
                {"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
                 "client_no_context_takeover; server_max_window_bits=12\r"},
                {"permessage-deflate; server_max_window_bits=\"15\"",
                 "client_no_context_takeover; server_max_window_bits=15\r"},
                {"permessage-deflate; server_max_window_bits=9", NULL},
                {"permessage-deflate; server_max_window_bits=9, permessage-deflate",
                 "client_no_context_takeover\r"},
                {"x-webkit-deflate-frame", NULL},
                {"permessage-deflate; unknown", NULL},
                {"permessage-deflate; server_max_window_bits=12x", NULL},
                {"permessage-deflate; client_max_window_bits=7", NULL},
                {"permessage-deflate; server_no_context_takeover=1", NULL},
                {"permessage-deflate;", NULL},
                {",;=,", NULL},
        };
        struct net_fixture *net = *state;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                int fd = client_upgrade(net, cases[i].offer);

                if (cases[i].answer)
                        assert_non_null(strstr(net->output, cases[i].answer));
                else
                        assert_null(strstr(net->output, "Extensions"));
                close(fd);
                for (int turns = 0; turns < 20; turns++)
                        loop_turn(net->loop);
                net->n_sockets = net->n_closed = 0;
        }
}

static void compressed_messages_go_both_ways(void **state) {
        struct net_fixture *net = *state;
        int fd = client_upgrade(net, "permessage-deflate");
        struct deflater *deflater = deflater_new();
        struct inflater *inflater = inflater_new();
        struct bytes packed = {0};
        uint8_t *unpacked = xcalloc(50001, 1);
        const uint8_t *body = (const uint8_t *)net->body, *from;
        size_t n, n_made;

        assert_true(deflater_message(deflater, body, 50000, &packed));
        assert_true(packed.n < 1000);
        // In three pieces, of which only the first bears the bit.
        client_frame(net, fd, 0x01 | RSV1, packed.data, 1);
        client_frame(net, fd, 0x00, packed.data + 1, packed.n - 2);
        client_frame(net, fd, 0x80, packed.data + packed.n - 1, 1);
        assert_int_equal(net->n_text, 50000);
        assert_memory_equal(net->text, net->body, 50000);
        client_frame(net, fd, TEXT, "plain", 5);  // each message chooses
        assert_string_equal(net->text, "plain");

        websocket_send_text(net->sockets[0], net->body, 50000);
        websocket_send_text(net->sockets[0], "short", 5);
        client_peek(net, fd);
        assert_true(net->n_output < 1000);
        assert_int_equal((uint8_t)net->output[0], TEXT | RSV1);
        assert_int_equal(net->output[1], packed.n < 126 ? packed.n : 126);
        from = (uint8_t *)net->output + (packed.n < 126 ? 2 : 4);
        n = packed.n;
        assert_int_equal(inflater_step(inflater, &from, &n, unpacked, 50001, &n_made), 0);
        assert_int_equal(n, 0);
        assert_int_equal(n_made, 50000);
        assert_memory_equal(unpacked, net->body, 50000);
        assert_memory_equal(net->output + net->n_output - 7, "\x81\x05short", 7);
        deflater_free(deflater);
        inflater_free(inflater);
        bytes_deinit(&packed);
        free(unpacked);
        close(fd);
}

static void a_bomb_is_stopped_at_the_limit(void **state) {
        struct net_fixture *net = *state;
        struct deflater *deflater = deflater_new();
        struct bytes packed = {0};
        uint8_t *zeros = xcalloc(1 << 20, 1);
        int fd;

        net->limits.binary_max = 1 << 19;
        fd = client_upgrade(net, "permessage-deflate");
        assert_true(deflater_message(deflater, zeros, 1 << 20, &packed));
        assert_true(packed.n < 4096);
        client_frame(net, fd, BINARY | RSV1, packed.data, packed.n);
        assert_int_equal(net->n_binaries, 0);
        client_expect_close(net, fd, 1009);
        fd = client_upgrade(net, "permessage-deflate");
        assert_true(deflater_message(deflater, zeros, 1 << 19, &packed));
        client_frame(net, fd, BINARY | RSV1, packed.data, packed.n);
        assert_int_equal(net->n_text, 1 << 19);
        close(fd);
        deflater_free(deflater);
        bytes_deinit(&packed);
        free(zeros);
}

static void corrupt_compression_closes_with_1007(void **state) {
        struct net_fixture *net = *state;
        struct deflater *deflater = deflater_new();
        struct bytes packed = {0};
        int fd = client_upgrade(net, "permessage-deflate");
        uint8_t broken[300];

        client_frame(net, fd, TEXT | RSV1, "\xff\xff\xff\xff", 4);
        client_expect_close(net, fd, 1007);
        memset(broken, 0xc3, sizeof(broken));  // half characters, compressed
        fd = client_upgrade(net, "permessage-deflate");
        assert_true(deflater_message(deflater, broken, sizeof(broken), &packed));
        client_frame(net, fd, TEXT | RSV1, packed.data, packed.n);
        client_expect_close(net, fd, 1007);
        assert_int_equal(net->n_texts, 0);
        deflater_free(deflater);
        bytes_deinit(&packed);
}

// A final block inside a message is allowed (RFC 7692, 7.2.3.4 has this example).
static void a_final_block_may_be_inside(void **state) {
        static const uint8_t hello[] = {0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00};
        struct net_fixture *net = *state;
        int fd = client_upgrade(net, "permessage-deflate");

        client_frame(net, fd, TEXT | RSV1, hello, sizeof(hello));
        assert_string_equal(net->text, "Hello");
        close(fd);
}

static void closing_the_listener_ends_all(void **state) {
        struct net_fixture *net = *state;
        int first = client_upgrade(net, NULL), second = client_upgrade(net, NULL);

        websocket_close(net->sockets[0], 1001, "bye");
        listener_close(net->listener);
        net->listener = NULL;
        assert_int_equal(net->n_closed, 2);
        close(first);
        close(second);
}

#define with_listener(test) cmocka_unit_test_setup_teardown(test, client_setup, net_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                with_listener(any_path_upgrades),
                with_listener(a_frame_may_come_with_the_handshake),
                with_listener(pieces_make_one_message),
                with_listener(the_peers_close_is_answered),
                with_listener(our_close_waits_for_the_answer),
                with_listener(words_said_before_a_close_go_first),
                with_listener(our_close_does_not_wait_for_ever),
                with_listener(long_reasons_are_cut_between_characters),
                with_listener(an_instant_disconnect_ends_it),
                with_listener(violations_close_with_their_code),
                with_listener(too_big_is_known_by_the_announcement),
                with_listener(silence_is_pinged_and_then_dropped),
                with_listener(a_paused_peer_is_not_called_silent),
                with_listener(a_slow_reader_is_dropped),
                with_listener(one_large_message_is_no_slow_reader),
                with_listener(a_flood_of_pings_is_bounded),
                with_listener(offers_are_answered_by_the_book),
                with_listener(compressed_messages_go_both_ways),
                with_listener(a_bomb_is_stopped_at_the_limit),
                with_listener(corrupt_compression_closes_with_1007),
                with_listener(a_final_block_may_be_inside),
                with_listener(closing_the_listener_ends_all),
        };

        return run_plain_and_encrypted(tests);
}
