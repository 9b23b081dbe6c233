// Rounds: what one peer can have done before it is another's turn, counted on a clock that
// stands still; and that whoever pauses, pauses at once.
#include "net/net_client.h"

#include "net/connection.h"
#include "net/deflate.h"
#include "net/transport.h"
#include "util/run_queue.h"

#define TEXT   0x81
#define BINARY 0x82
#define PING   0x89
#define RSV1   0x40

#define PIECES_IN_QUANTUM (QUANTUM_COST / WEBSOCKET_PIECE)

// Put bytes into the socket's buffer without a turn of the loop.
static void client_post(int fd, const void *bytes, size_t n) {
        assert_int_equal(send(fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL), n);
}

static void turns(struct net_fixture *net, int n) {
        for (int i = 0; i < n; i++)
                loop_turn(net->loop);
}

// A compressed binary message of `n` zeros, as frame.
static void packed_zeros(struct bytes *ret, size_t n) {
        struct deflater *deflater = deflater_new();
        struct bytes packed = {0};
        uint8_t *zeros = xcalloc(n, 1), head[14];

        assert_true(deflater_message(deflater, zeros, n, &packed));
        assert_true(bytes_append(ret, head, frame_head(BINARY | RSV1, packed.n, head)));
        assert_true(bytes_append(ret, packed.data, packed.n));
        deflater_free(deflater);
        bytes_deinit(&packed);
        free(zeros);
}

// --- pieces ----------------------------------------------------------------------

static void messages_of_all_sizes_come_in_pieces(void **state) {
        static const size_t sizes[] = {0,
                                       1,
                                       WEBSOCKET_PIECE - 1,
                                       WEBSOCKET_PIECE,
                                       WEBSOCKET_PIECE + 1,
                                       3 * WEBSOCKET_PIECE,
                                       3 * WEBSOCKET_PIECE + 12};
        struct net_fixture *net = *state;
        struct deflater *deflater = deflater_new();
        struct bytes packed = {0};
        int fd = client_upgrade(net, "permessage-deflate");

        for (size_t i = 0; i < OUTPUT_MAX; i++)
                net->body[i] = (char)(i * i >> 7);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                for (int is_packed = 0; is_packed < 2; is_packed++) {
                        assert_true(deflater_message(deflater, (uint8_t *)net->body, sizes[i],
                                                     &packed));
                        if (is_packed)
                                client_frame(net, fd, BINARY | RSV1, packed.data, packed.n);
                        else
                                client_frame(net, fd, BINARY, net->body, sizes[i]);
                        assert_int_equal(net->n_binaries, 2 * i + (size_t)is_packed + 1);
                        assert_int_equal(net->n_last_pieces, sizes[i] / WEBSOCKET_PIECE + 1);
                        assert_int_equal(net->n_text, sizes[i]);
                        assert_memory_equal(net->text, net->body, sizes[i]);
                }
        }
        deflater_free(deflater);
        bytes_deinit(&packed);
        close(fd);
}

// Texts for those who take them so.
static void texts_may_come_in_pieces(void **state) {
        struct net_fixture *net = *state;
        struct bytes packed = {0};
        struct deflater *deflater = deflater_new();
        int fd;

        net->takes_text_pieces = true;
        net->limits.text_max = 3 * WEBSOCKET_PIECE;
        fd = client_upgrade(net, "permessage-deflate");
        client_frame(net, fd, TEXT, net->body, 10);
        assert_int_equal(net->n_last_pieces, 1);
        client_frame(net, fd, TEXT, net->body, 2 * WEBSOCKET_PIECE + 12);
        assert_int_equal(net->n_last_pieces, 3);
        assert_int_equal(net->n_text, 2 * WEBSOCKET_PIECE + 12);
        assert_true(
                deflater_message(deflater, (uint8_t *)net->body, 3 * WEBSOCKET_PIECE, &packed));
        client_frame(net, fd, TEXT | RSV1, packed.data, packed.n);
        assert_int_equal(net->n_binaries, 3);
        assert_int_equal(net->n_texts, 0);
        client_frame(net, fd, TEXT, net->body, 3 * WEBSOCKET_PIECE + 1);
        client_expect_close(net, fd, 1009);
        deflater_free(deflater);
        bytes_deinit(&packed);
}

// A piece comes as soon as it is full: nobody keeps the whole message.
static void pieces_come_before_the_message_is_complete(void **state) {
        struct net_fixture *net = *state;
        uint8_t head[14];
        int fd = client_upgrade(net, NULL);

        client_send(net, fd, head, frame_head(BINARY, 10 * WEBSOCKET_PIECE, head));
        client_send(net, fd, net->body, 2 * WEBSOCKET_PIECE + 5);
        assert_int_equal(net->n_pieces, 2);
        assert_int_equal(net->n_binaries, 0);
        close(fd);
}

static void texts_have_a_limit_of_their_own(void **state) {
        struct net_fixture *net = *state;
        struct bytes packed = {0};
        int fd;

        net->limits.text_max = 1000;
        fd = client_upgrade(net, "permessage-deflate");
        client_frame(net, fd, BINARY, net->body, 5000);
        client_frame(net, fd, TEXT, net->body, 1000);
        assert_int_equal(net->n_texts, 1);
        client_frame(net, fd, TEXT, net->body, 1001);
        client_expect_close(net, fd, 1009);
        fd = client_upgrade(net, "permessage-deflate");
        packed_zeros(&packed, 1001);
        packed.data[0] = TEXT | RSV1;
        client_send(net, fd, packed.data, packed.n);
        client_expect_close(net, fd, 1009);
        assert_int_equal(net->n_texts, 1);
        bytes_deinit(&packed);
}

// --- how much in a round -----------------------------------------------------------

static void a_compressed_message_is_work_for_many_rounds(void **state) {
        struct net_fixture *net = *state;
        struct bytes packed = {0};
        size_t before = 0, most = 0;
        int fd = client_upgrade(net, "permessage-deflate");

        packed_zeros(&packed, (size_t)4 << 20);
        assert_true(packed.n < TRANSPORT_READ);
        client_post(fd, packed.data, packed.n);
        for (int i = 0; i < 200 && !net->n_binaries; i++) {
                loop_turn(net->loop);
                if (!net->n_binaries && net->n_pieces - before > most)
                        most = net->n_pieces - before;
                before = net->n_pieces;
        }
        assert_int_equal(net->n_text, 4 << 20);
        assert_in_range(most, 1, PIECES_IN_QUANTUM);
        bytes_deinit(&packed);
        close(fd);
}

// Meanwhile others are heard at once.
static void others_do_not_wait_for_it(void **state) {
        struct net_fixture *net = *state;
        struct bytes packed = {0};
        int fd = client_upgrade(net, "permessage-deflate"), other = client_upgrade(net, NULL);

        packed_zeros(&packed, (size_t)4 << 20);
        client_post(fd, packed.data, packed.n);
        turns(net, 3);
        client_post(other, "\x81\x82\0\0\0\0hi", 8);
        turns(net, 2);
        assert_string_equal(net->text, "hi");
        assert_int_equal(net->n_binaries, 0);
        bytes_deinit(&packed);
        close(fd);
        close(other);
}

// Frames without a payload are work, too: pings, and empty pieces of a message.
static void empty_frames_are_counted(void **state) {
        static const uint8_t kinds[] = {PING, 0x00};
        struct net_fixture *net = *state;
        uint8_t *frames = xcalloc(6 * 2000, 1);
        struct websocket *socket;

        for (size_t kind = 0; kind < sizeof(kinds); kind++) {
                int fd = client_upgrade(net, NULL);

                socket = net->sockets[net->n_sockets - 1];
                client_frame(net, fd, 0x02, "", 0);
                for (size_t i = 0; i < 2000; i++) {
                        frames[6 * i] = kinds[kind];
                        frames[6 * i + 1] = 0x80;
                }
                client_post(fd, frames, 6 * 2000);
                client_post(fd, "\x80\x81\0\0\0\0x", 7);
                for (int i = 0; i < 2000 * 256 / (int)QUANTUM_COST; i++) {
                        assert_int_equal(net->n_binaries, kind);
                        loop_turn(net->loop);
                }
                turns(net, 5);
                assert_int_equal(net->n_binaries, kind + 1);
                assert_int_equal(websocket_pending(socket), 0);
                close(fd);
        }
        free(frames);
}

static void pipelined_requests_are_counted(void **state) {
        static const char request[] = "GET / HTTP/1.1\r\n" HEAD "\r\n";
        struct net_fixture *net = *state;
        int fd = client_connect(net);
        size_t before = 0;

        for (int i = 0; i < 300; i++)
                client_post(fd, request, sizeof(request) - 1);
        for (int i = 0; i < 100 && net->n_requests < 300; i++) {
                loop_turn(net->loop);
                assert_true(net->n_requests - before <= 16);
                before = net->n_requests;
        }
        assert_int_equal(net->n_requests, 300);
        client_peek(net, fd);
        close(fd);
}

// What is said in a round goes out at its end, in one piece.
static void what_is_said_in_a_round_is_sent_at_its_end(void **state) {
        struct net_fixture *net = *state;
        int fd = client_upgrade(net, NULL);

        for (int i = 0; i < 10; i++)
                websocket_send_text(net->sockets[0], "word", 4);
        assert_int_equal(websocket_pending(net->sockets[0]), 10 * 6);
        loop_turn(net->loop);
        assert_int_equal(websocket_pending(net->sockets[0]), 0);
        client_peek(net, fd);
        assert_int_equal(net->n_output, 10 * 6);
        close(fd);
}

// --- pausing -----------------------------------------------------------------------

static void pause_now(struct net_fixture *net) {
        websocket_pause(net->sockets[0]);
}

static void pausing_stops_the_messages_that_were_read(void **state) {
        struct net_fixture *net = *state;
        int fd = client_upgrade(net, NULL);

        net->on_piece = pause_now;
        for (int i = 0; i < 5; i++)
                client_post(fd, "\x82\x81\0\0\0\0x", 7);
        for (size_t i = 1; i <= 5; i++) {
                turns(net, 20);
                assert_int_equal(net->n_binaries, i);
                websocket_resume(net->sockets[0]);
        }
        close(fd);
}

static void pausing_stops_the_message_at_hand(void **state) {
        struct net_fixture *net = *state;
        struct bytes packed = {0};
        int fd = client_upgrade(net, "permessage-deflate");

        net->on_piece = pause_now;
        packed_zeros(&packed, 4 * WEBSOCKET_PIECE);
        client_post(fd, packed.data, packed.n);
        for (size_t i = 1; i <= 4; i++) {
                turns(net, 20);
                assert_int_equal(net->n_pieces, i);
                websocket_resume(net->sockets[0]);
        }
        turns(net, 20);
        assert_int_equal(net->n_binaries, 1);
        bytes_deinit(&packed);
        close(fd);
}

// Our goodbye is heard even while the peer is paused in the middle of a message.
static void closing_ends_a_pause(void **state) {
        struct net_fixture *net = *state;
        struct bytes packed = {0};
        int fd = client_upgrade(net, "permessage-deflate");

        net->on_piece = pause_now;
        packed_zeros(&packed, 4 * WEBSOCKET_PIECE);
        client_post(fd, packed.data, packed.n);
        turns(net, 20);
        websocket_close(net->sockets[0], 1001, "bye");
        client_frame(net, fd, 0x88, "\x03\xe9", 2);
        assert_true(client_peek(net, fd));
        close(fd);
        turns(net, 3);
        assert_int_equal(net->n_closed, 1);
        assert_int_equal(net->close_code, 1001);
        assert_int_equal(net->n_pieces, 0);
        bytes_deinit(&packed);
}

// --- deadlines -----------------------------------------------------------------------

// Let time pass, answering pings.
static void pass(struct net_fixture *net, int fd, nsec_t duration) {
        for (nsec_t step = 10 * NSEC_PER_SEC; duration > 0; duration -= step) {
                if (step > duration)
                        step = duration;
                loop_advance(net->loop, step);
                client_frame(net, fd, 0x8a, "", 0);
        }
}

// What came last, after pings, is the close for a message that took too long.
static void expect_too_late(struct net_fixture *net, int fd) {
        static const char words[] = "\x03\xf0the message took too long";
        size_t n = sizeof(words) - 1;

        client_read(net, fd, SIZE_MAX);
        assert_true(net->n_output >= n);
        assert_memory_equal(net->output + net->n_output - n, words, n);
        close(fd);
        turns(net, 3);
}

static void a_text_that_does_not_end_is_closed(void **state) {
        struct net_fixture *net = *state;
        int fd = client_upgrade(net, NULL);

        client_frame(net, fd, 0x01, "begin", 5);
        pass(net, fd, WEBSOCKET_MESSAGE_TIMEOUT - NSEC_PER_SEC);
        client_frame(net, fd, 0x00, "more", 4);  // which gives it no more time
        assert_int_equal(net->n_closed, 0);
        loop_advance(net->loop, NSEC_PER_SEC);
        expect_too_late(net, fd);
        fd = client_upgrade(net, NULL);
        client_frame(net, fd, 0x01, "begin", 5);
        pass(net, fd, WEBSOCKET_MESSAGE_TIMEOUT - NSEC_PER_SEC);
        client_frame(net, fd, 0x80, "end", 3);
        pass(net, fd, 5 * WEBSOCKET_MESSAGE_TIMEOUT);  // between messages there is time
        client_frame(net, fd, TEXT, "next", 4);
        assert_int_equal(net->n_texts, 2);
        close(fd);
}

// Sound may stream in one message for as long as it comes.
static void a_binary_message_has_time_for_each_piece(void **state) {
        struct net_fixture *net = *state;
        int fd = client_upgrade(net, NULL);

        for (int i = 0; i < 5; i++) {
                client_frame(net, fd, i ? 0x00 : 0x02, net->body, WEBSOCKET_PIECE / 2);
                pass(net, fd, WEBSOCKET_MESSAGE_TIMEOUT / 2 - NSEC_PER_SEC);
                client_frame(net, fd, 0x00, net->body, WEBSOCKET_PIECE / 2);
                pass(net, fd, WEBSOCKET_MESSAGE_TIMEOUT / 2);
        }
        assert_int_equal(net->n_pieces, 5);
        client_frame(net, fd, 0x00, "", 0);
        pass(net, fd, WEBSOCKET_MESSAGE_TIMEOUT);
        expect_too_late(net, fd);
}

static void paused_time_is_not_the_peers(void **state) {
        struct net_fixture *net = *state;
        int fd = client_upgrade(net, NULL);

        client_frame(net, fd, 0x01, "begin", 5);
        pass(net, fd, WEBSOCKET_MESSAGE_TIMEOUT - 2 * NSEC_PER_SEC);
        websocket_pause(net->sockets[0]);
        loop_advance(net->loop, 10 * WEBSOCKET_MESSAGE_TIMEOUT);
        websocket_resume(net->sockets[0]);
        turns(net, 3);
        loop_advance(net->loop, NSEC_PER_SEC);
        assert_int_equal(net->n_closed, 0);
        loop_advance(net->loop, 2 * NSEC_PER_SEC);
        expect_too_late(net, fd);
}

// A peer that has said all and does not read its answers: it is given its time once, and
// its end is not heard again and again.
static void half_closed_with_unread_replies_ends_in_time(void **state) {
        static const char request[] = "GET / HTTP/1.1\r\n" HEAD "\r\n";
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        net->body_bytes = OUTPUT_MAX - 1;  // more than the kernel takes
        client_say(net, fd, request);
        shutdown(fd, SHUT_WR);
        turns(net, 20);
        assert_int_equal(listener_connections(net->listener), 1);
        for (int i = 0; i < 10; i++)
                loop_advance(net->loop,
                             (EXCHANGE_STALL_TIMEOUT + LISTENER_REQUEST_TIMEOUT) / 10);
        turns(net, 3);
        assert_int_equal(listener_connections(net->listener), 0);
        close(fd);
}

// Line ends before a request are none.
static void line_ends_before_a_request_give_it_no_time(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        for (int i = 0; i < 10; i++) {
                client_say(net, fd, "\r\n");
                loop_advance(net->loop,
                             (EXCHANGE_STALL_TIMEOUT + LISTENER_REQUEST_TIMEOUT) / 10);
        }
        for (int i = 0; i < 4; i++) {  // nor may they keep it while it lingers
                client_say(net, fd, "\r\n");
                loop_advance(net->loop, CONNECTION_LINGER / 4);
        }
        turns(net, 3);
        assert_int_equal(listener_connections(net->listener), 0);
        close(fd);
}

#define with_listener(test) cmocka_unit_test_setup_teardown(test, net_setup, net_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                with_listener(messages_of_all_sizes_come_in_pieces),
                with_listener(texts_may_come_in_pieces),
                with_listener(pieces_come_before_the_message_is_complete),
                with_listener(texts_have_a_limit_of_their_own),
                with_listener(a_compressed_message_is_work_for_many_rounds),
                with_listener(others_do_not_wait_for_it),
                with_listener(empty_frames_are_counted),
                with_listener(pipelined_requests_are_counted),
                with_listener(what_is_said_in_a_round_is_sent_at_its_end),
                with_listener(pausing_stops_the_messages_that_were_read),
                with_listener(pausing_stops_the_message_at_hand),
                with_listener(closing_ends_a_pause),
                with_listener(a_text_that_does_not_end_is_closed),
                with_listener(a_binary_message_has_time_for_each_piece),
                with_listener(paused_time_is_not_the_peers),
                with_listener(half_closed_with_unread_replies_ends_in_time),
                with_listener(line_ends_before_a_request_give_it_no_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
