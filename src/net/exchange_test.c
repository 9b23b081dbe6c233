// Exchanges: answers that come later or in pieces, and peers that go away, are slow, or say
// more than they should.
#include "net/exchange.h"

#include "net/connection.h"
#include "net/exchange_fixture.h"

#include <uv.h>

// --- answers ---------------------------------------------------------------------

static void the_next_request_waits_for_the_answer(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd, "GET /later HTTP/1.1\r\n" HEAD "\r\n" NEXT);
        loop_advance(net->loop, 10 * LISTENER_REQUEST_TIMEOUT);
        assert_false(client_peek(net, fd));
        assert_int_equal(net->n_output + seen.n_gone, 0);
        assert_int_equal(net->n_requests, 1);
        assert_string_equal(exchange_request(seen.exchange)->path, "/later");
        assert_int_not_equal(uv_backend_timeout(loop_uv(net->loop)), 0);  // the loop may sleep
        reply("late");
        client_peek(net, fd);
        assert_int_equal(net->n_requests, 2);
        assert_non_null(strstr(strstr(net->output, "\r\n\r\nlate"), "\r\n\r\nbbb"));
        loop_advance(net->loop, CONNECTION_IDLE_TIMEOUT);
        assert_true(client_peek(net, fd));
        close(fd);
}

static void an_answer_in_pieces_is_chunked(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd, GET_STREAM NEXT);
        client_peek(net, fd);
        assert_true(answer_has(net, "Transfer-Encoding: chunked\r\n"));
        assert_true(answer_has(net, "Cache-Control: no-store\r\n"));
        assert_false(answer_has(net, "Content-Length"));
        assert_true(exchange_write(seen.exchange, "one", 3));
        assert_true(exchange_write(seen.exchange, "", 0));
        client_peek(net, fd);
        assert_string_equal(net->output, "3\r\none\r\n");
        assert_true(exchange_write(seen.exchange, net->body, 300));
        exchange_end(seen.exchange);
        client_peek(net, fd);
        assert_memory_equal(net->output, "12c\r\nbbb", 8);
        assert_memory_equal(net->output + 5 + 300, "\r\n0\r\n\r\nHTTP/1.1 200", 19);
        assert_int_equal(seen.n_gone, 0);
        close(fd);
}

static void an_answer_in_pieces_ends_http_1_0(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assert_true(exchange_write(seen.exchange, net->body, EXCHANGE_UNSENT_MAX));
        turns(net, 20);  // in which all of it goes, and makes room
        assert_true(exchange_write(seen.exchange, net->body, EXCHANGE_UNSENT_MAX));
        turns(net, 20);
        exchange_write(seen.exchange, "one", 3);
        exchange_end(seen.exchange);
        assert_true(client_read(net, fd, SIZE_MAX));
        assert_true(answer_has(net, "Connection: close\r\n"));
        assert_false(answer_has(net, "chunked"));
        assert_string_equal(net->output + net->n_output - 6, "bbbone");
        close(fd);
}

static void head_gets_a_head(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd, "HEAD /stream HTTP/1.1\r\n" HEAD "\r\n");
        assert_false(seen.is_body_wanted);
        assert_true(exchange_write(seen.exchange, "one", 3));
        exchange_end(seen.exchange);
        client_say(net, fd, NEXT);
        client_peek(net, fd);
        assert_non_null(strstr(net->output, "\r\n\r\nHTTP/1.1 200"));
        close(fd);
}

// Refused by the parser, by whoever admits, by the exchange: its client reads no body.
static void a_refused_head_gets_a_head(void **state) {
        static const char *const requests[] = {
                "HEAD / HTTP/1.1\r\n\r\n",  // without a Host
                "HEAD /%zz HTTP/1.1\r\n" HEAD "\r\n",
                "HEAD /none HTTP/1.1\r\n" HEAD "\r\n",
                "HEAD / HTTP/1.1\r\n" HEAD "\r\n",
        };
        struct net_fixture *net = *state;

        for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
                int fd = client_connect(net);

                net->refusal = i == 3 ? "not you" : NULL;
                client_say(net, fd, requests[i]);
                assert_true(client_read(net, fd, SIZE_MAX));
                assert_true(answer_has(net, "Content-Length: "));
                assert_false(answer_has(net, "Content-Length: 0\r\n"));
                assert_string_equal(strstr(net->output, "\r\n\r\n"), "\r\n\r\n");
                close(fd);
        }
}

static void an_answer_of_known_length_keeps_to_it(void **state) {
        struct http_response response = {
                .status = 206, .content_type = "audio/ogg", .body_length = 6};
        struct net_fixture *net = *state;

        for (int n_pieces = 2; n_pieces; n_pieces--) {
                int fd = client_connect(net);

                client_say(net, fd, "GET /later HTTP/1.1\r\n" HEAD "\r\n" NEXT);
                exchange_begin(seen.exchange, &response);
                for (int i = 0; i < n_pieces; i++)
                        exchange_write(seen.exchange, "abc", 3);
                exchange_end(seen.exchange);
                assert_int_equal(client_peek(net, fd), n_pieces < 2);  // cut off
                assert_true(answer_has(net, "Content-Length: 6\r\n"));
                assert_int_equal(occurrences(net->output, "HTTP/1.1"), n_pieces);
                close(fd);
        }
        assert_int_equal(seen.n_gone, 0);
}

static void no_content_has_no_length(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd, "DELETE /later HTTP/1.1\r\n" HEAD "\r\n" NEXT);
        exchange_reply(seen.exchange,
                       &(struct http_response){.status = 204, .body = "x", .body_length = 1});
        client_peek(net, fd);
        assert_int_equal(occurrences(net->output, "Content-"), 2);  // of the next
        assert_true(answer_has(net, "\r\n\r\nHTTP/1.1 200"));
        assert_int_equal(occurrences(net->output, "HTTP/1.1"), 2);
        close(fd);
}

static void the_body_may_come_while_the_answer_goes(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd, "POST /begun HTTP/1.1\r\n" HEAD "Content-Length: 200000\r\n\r\na");
        assert_int_equal(seen.body.n, 1);
        exchange_write(seen.exchange, "heard a", 7);
        client_send(net, fd, net->body, 199998);
        assert_int_equal(seen.body.n, 199999);
        exchange_end(seen.exchange);
        client_say(net, fd, "c" NEXT);
        client_peek(net, fd);
        assert_false(answer_has(net, "Connection: close"));
        assert_true(answer_has(net, "7\r\nheard a\r\n0\r\n\r\nHTTP/1.1 200"));
        close(fd);
}

// A body that is not wanted is left where it is, whatever it has, until the answer is there.
static void an_unwanted_body_waits_for_the_answer(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd,
                   "POST /later HTTP/1.1\r\n" HEAD "Content-Length: 10\r\n\r\n0123456789" NEXT);
        loop_advance(net->loop, 10 * LISTENER_REQUEST_TIMEOUT);
        assert_int_equal(net->n_requests, 1);
        reply("late");
        client_peek(net, fd);
        assert_int_equal(occurrences(net->output, "HTTP/1.1 200"), 2);
        close(fd);
}

static void what_nobody_answers_gets_500(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd, "GET /none HTTP/1.1\r\n" HEAD "\r\n");
        assert_true(client_read(net, fd, SIZE_MAX));
        expect_status(net, "500");
        close(fd);
}

// --- slow readers ------------------------------------------------------------------

// A client that reads nothing of a long answer.
static int client_stall(struct net_fixture *net) {
        int fd = client_connect(net);

        client_say(net, fd, GET_STREAM);
        seen.to_write = 2 * OUTPUT_MAX;  // more than the kernel takes
        write_more();
        turns(net, 300);
        return fd;
}

static void a_slow_reader_is_waited_for(void **state) {
        struct net_fixture *net = *state;
        int fd = client_stall(net);
        size_t n_before;

        n_before = seen.n_written;
        assert_true(n_before < 2 * OUTPUT_MAX);
        assert_true(seen.n_written_most <=
                    EXCHANGE_UNSENT_MAX);  // whoever is in line has turns
        assert_true(budget_used(net->budget, BUDGET_SENDING) <= 4 * EXCHANGE_UNSENT_MAX);
        assert_false(exchange_write(seen.exchange, net->body, EXCHANGE_UNSENT_MAX));
        turns(net, 300);
        assert_int_equal(seen.n_written, n_before);
        for (int i = 0; i < 4; i++) {           // it reads a little, and in time
                client_read(net, fd, 1500000);  // less, the kernel may not pass on
                loop_advance(net->loop, EXCHANGE_STALL_TIMEOUT - NSEC_PER_SEC);
        }
        assert_true(seen.n_written > n_before);
        assert_int_equal(seen.n_gone, 0);
        close(fd);
        turns(net, 20);
        assert_int_equal(seen.n_gone, 1);
}

static void a_slow_reader_that_hangs_up_is_not_waited_for(void **state) {
        struct net_fixture *net = *state;
        int fd = client_stall(net);

        shutdown(fd, SHUT_WR);
        turns(net, 20);
        assert_int_equal(seen.n_gone, 1);
        close(fd);
}

// The handler has let go of the exchange, of which there is more than the answer.
static void nobody_is_told_behind_the_end(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd, "POST /begun HTTP/1.1\r\n" HEAD "Content-Length: 2\r\n\r\n");
        assert_true(exchange_write(seen.exchange, net->body, EXCHANGE_UNSENT_MAX));
        assert_false(exchange_write(seen.exchange, net->body, 1));
        exchange_end(seen.exchange);
        client_read(net, fd, SIZE_MAX);
        client_say(net, fd, "ab" NEXT);
        client_peek(net, fd);
        expect_status(net, "200");
        assert_int_equal(seen.n_drained + seen.n_pieces + seen.n_ends + seen.n_gone, 0);
        close(fd);
}

static void a_reader_that_stops_is_dropped(void **state) {
        struct net_fixture *net = *state;
        int fd = client_stall(net);

        loop_advance(net->loop, EXCHANGE_STALL_TIMEOUT - NSEC_PER_SEC);
        assert_int_equal(seen.n_gone, 0);
        loop_advance(net->loop, 2 * EXCHANGE_STALL_TIMEOUT);
        assert_int_equal(seen.n_gone, 1);
        assert_int_equal(listener_connections(net->listener), 0);
        assert_int_equal(budget_used(net->budget, BUDGET_SENDING), 0);
        close(fd);
}

// Behind the end of its answer, too: in the kernel's buffers and in ours there is a lot left.
static void who_reads_slowly_behind_the_end_is_waited_for(void **state) {
        struct net_fixture *net = *state;

        for (int is_last = 0; is_last < 2; is_last++) {
                int fd = client_connect(net);
                size_t n_read = 0;

                net->body_bytes = OUTPUT_MAX;
                client_say(net, fd,
                           is_last ? "GET /next HTTP/1.1\r\n" HEAD "Connection: close\r\n\r\n"
                                   : NEXT);
                for (int i = 0; i < 4 && n_read < OUTPUT_MAX; i++) {
                        loop_advance(net->loop, EXCHANGE_STALL_TIMEOUT - NSEC_PER_SEC);
                        client_read(net, fd, 1500000);  // less, the kernel may not pass on
                        n_read += net->n_output;
                }
                assert_true(n_read >= OUTPUT_MAX);
                close(fd);
                turns(net, 20);

                fd = client_connect(net);
                client_say(net, fd, NEXT);
                loop_advance(net->loop, 2 * EXCHANGE_STALL_TIMEOUT);
                assert_int_equal(listener_connections(net->listener), 0);
                close(fd);
        }
}

static void an_answer_that_there_is_no_memory_for_ends(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd, GET_STREAM);
        budget_charge_always(net->budget, BUDGET_UPLOADS, NET_BUDGET);
        assert_true(exchange_write(seen.exchange, net->body, EXCHANGE_UNSENT_MAX));
        assert_int_equal(seen.n_gone, 0);  // not from inside the call
        turns(net, 20);
        assert_int_equal(seen.n_gone, 1);
        budget_refund(net->budget, BUDGET_UPLOADS, NET_BUDGET);
        close(fd);
}

// --- the end -----------------------------------------------------------------------

static void who_goes_away_is_gone_once(void **state) {
        static const char *const requests[] = {
                GET_STREAM,
                "GET /later HTTP/1.1\r\n" HEAD "\r\n",
                UPLOAD "Content-Length: 10\r\n\r\nabc",
        };
        static const struct linger at_once = {.l_onoff = 1};
        struct net_fixture *net = *state;
        size_t n_gone = 0;

        for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
                for (int how = 0; how < 3; how++) {
                        int fd = client_connect(net);

                        client_say(net, fd, requests[i]);
                        if (how == 0)
                                shutdown(fd, SHUT_WR);
                        if (how == 1)
                                setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once,
                                           sizeof(at_once));
                        if (how > 0)
                                close(fd);
                        turns(net, 20);
                        assert_int_equal(seen.n_gone, ++n_gone);
                        if (how == 0)
                                close(fd);
                        turns(net, 20);
                        assert_int_equal(listener_connections(net->listener), 0);
                }
        assert_int_equal(seen.n_gone, n_gone);
}

// What it was woken for is never served: the loop ends in the same turn (seen under ASan).
static void the_loop_may_end_with_an_exchange_in_line(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd, "GET /later HTTP/1.1\r\n" HEAD "\r\n");
        reply("now");
        close(fd);
}

static void closing_the_listener_ends_exchanges(void **state) {
        struct net_fixture *net = *state;
        struct listener_handler handler = {.context = net};
        int fd = client_connect(net);

        client_say(net, fd, GET_STREAM);
        net->listener = listener_close(net->listener);
        assert_int_equal(seen.n_gone, 1);
        assert_int_equal(
                listener_open(&net->listener, net->loop, "127.0.0.1:0", &handler, NULL), 0);
        close(fd);
}

// --- targets -----------------------------------------------------------------------

static void paths_are_decoded(void **state) {
        static const struct {
                const char *target, *path, *query;  // path NULL: 400
        } cases[] = {
                {"/a%20b", "/a b", ""},
                {"/%c3%A4+?x=%20&y", "/\xc3\xa4+", "x=%20&y"},
                {"/%25%32%66", "/%2f", ""},
                {"http://h/%61?q", "/a", "q"},
                {"/%2e%2E/", "/../", ""},
                {"/?%00", "/", "%00"},
                {"/%00", NULL, NULL},
                {"/a%2Fb",
                 "/a\xff"
                 "b",
                 ""},
                {"/a%2fb",
                 "/a\xff"
                 "b",
                 ""},
                {"/%", NULL, NULL},
                {"/a%fFb", NULL, NULL},
                {"/a\xff"
                 "b",
                 NULL, NULL},
                {"/%a", NULL, NULL},
                {"/%g0", NULL, NULL},
                {"/%0g?x", NULL, NULL},
        };
        struct net_fixture *net = *state;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(mem_freep)
                char *head = xasprintf("GET %s HTTP/1.1\r\n" HEAD "\r\n", cases[i].target);
                int fd = client_connect(net);

                client_say(net, fd, head);
                client_peek(net, fd);
                if (cases[i].path) {
                        const struct http_request *request = exchange_request(seen.exchange);

                        assert_string_equal(request->path, cases[i].path);
                        assert_string_equal(request->query, cases[i].query);
                } else {
                        expect_status(net, "400");
                }
                close(fd);
                turns(net, 20);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                with_listener(the_next_request_waits_for_the_answer),
                with_listener(an_answer_in_pieces_is_chunked),
                with_listener(an_answer_in_pieces_ends_http_1_0),
                with_listener(head_gets_a_head),
                with_listener(a_refused_head_gets_a_head),
                with_listener(an_answer_of_known_length_keeps_to_it),
                with_listener(no_content_has_no_length),
                with_listener(the_body_may_come_while_the_answer_goes),
                with_listener(an_unwanted_body_waits_for_the_answer),
                with_listener(what_nobody_answers_gets_500),
                with_listener(a_slow_reader_is_waited_for),
                with_listener(a_slow_reader_that_hangs_up_is_not_waited_for),
                with_listener(nobody_is_told_behind_the_end),
                with_listener(a_reader_that_stops_is_dropped),
                with_listener(who_reads_slowly_behind_the_end_is_waited_for),
                with_listener(an_answer_that_there_is_no_memory_for_ends),
                with_listener(who_goes_away_is_gone_once),
                with_listener(the_loop_may_end_with_an_exchange_in_line),
                with_listener(closing_the_listener_ends_exchanges),
                with_listener(paths_are_decoded),
        };

        return run_plain_and_encrypted(tests);
}
