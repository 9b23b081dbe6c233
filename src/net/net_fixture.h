#pragma once
// Net fixture: a listener on a fake clock. What arrives at it is recorded.
//
// Threads: the test's.

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/bytes.h"
#include "net/exchange.h"
#include "net/listener.h"
#include "net/websocket.h"
#include "util/mem.h"

#define OUTPUT_MAX (4 * 1024 * 1024)
#define WEBSOCKETS 8
#define NET_BUDGET ((size_t)1 << 30)

struct net_fixture {
        struct loop *loop;
        struct listener *listener;
        struct budget *budget;  // of NET_BUDGET
        struct websocket_limits limits;
        size_t n_requests;
        char path[256];
        size_t body_bytes;  // of each answer
        void (*on_exchange)(struct net_fixture *net, struct exchange *exchange);  // or NULL

        struct websocket *sockets[WEBSOCKETS];  // in the order they came
        size_t n_sockets, n_closed;
        uint16_t close_code;
        size_t n_texts, n_binaries;
        char *text;  // the last message's bytes
        size_t n_text;
        struct bytes binary;  // the binary message now arriving
        size_t n_pieces;
        size_t n_last_pieces;                       // of the last one
        void (*on_piece)(struct net_fixture *net);  // may be NULL
        bool takes_text_pieces;                     // and counts them as a binary message's
        char *body;
        const char *refusal;  // of every request, with 403; NULL: none is refused

        char *output;  // what a client read last
        size_t n_output;
};

static void net_on_request(void *context, struct exchange *exchange) {
        const char *path = exchange_request(exchange)->path;
        struct net_fixture *net = context;
        struct http_response response = {.status = 404};

        net->n_requests++;
        snprintf(net->path, sizeof(net->path), "%s", path);
        if (net->on_exchange) {
                net->on_exchange(net, exchange);
                return;
        }
        if (strcmp(path, "/missing") != 0)
                response = (struct http_response){200, "text/plain", NULL, net->body,
                                                  net->body_bytes};
        exchange_reply(exchange, &response);
}

static void net_on_message(struct net_fixture *net, const void *bytes, size_t n) {
        free(net->text);
        net->text = xcalloc(n + 1, 1);
        memcpy(net->text, bytes, n);
        net->n_text = n;
}

static void net_on_text(void *context, const char *text, size_t n) {
        struct net_fixture *net = context;

        assert_int_equal(text[n], '\0');
        net->n_texts++;
        net_on_message(net, text, n);
        if (strcmp(text, "leave") == 0) {
                websocket_send_text(net->sockets[net->n_sockets - 1], "words", 5);
                websocket_close(net->sockets[net->n_sockets - 1], 1013, NULL);
        }
}

// Pieces are put together again, and have the sizes that were promised.
static void net_on_binary(void *context, const struct websocket_piece *piece) {
        struct net_fixture *net = context;

        assert_true(piece->n == WEBSOCKET_PIECE ? !piece->is_last : piece->is_last);
        assert_true(piece->is_first == (net->n_pieces == 0));
        net->n_pieces++;
        assert_true(bytes_append(&net->binary, piece->bytes, piece->n));
        if (net->on_piece)
                net->on_piece(net);
        if (!piece->is_last)
                return;
        net->n_binaries++;
        net->n_last_pieces = net->n_pieces;
        net_on_message(net, net->binary.data, net->binary.n);
        bytes_clear(&net->binary);
        net->n_pieces = 0;
}

static void net_on_close(void *context, uint16_t code) {
        struct net_fixture *net = context;

        net->n_closed++;
        net->close_code = code;
        bytes_clear(&net->binary);
        net->n_pieces = 0;
}

static void net_on_websocket(void *context, const struct http_request *request,
                             struct websocket *socket) {
        struct net_fixture *net = context;
        struct websocket_handler handler = {net_on_text,  net_on_binary, NULL,
                                            net_on_close, net,           NULL};

        (void)request;
        if (net->takes_text_pieces)
                handler.on_text_piece = net_on_binary;
        assert_true(net->n_sockets < WEBSOCKETS);
        net->sockets[net->n_sockets++] = socket;
        websocket_set_handler(socket, &handler, &net->limits);
}

// NOLINTNEXTLINE(readability-non-const-parameter): the listener's type of it
static inline char *net_admit(void *context, struct http_request *request, int *ret_status) {
        struct net_fixture *net = context;

        (void)ret_status;
        snprintf(net->path, sizeof(net->path), "%s", request->path);
        assert_memory_equal(request->address, "127.0.0.", 8);
        assert_true(request->is_loopback);
        return xstrdup(net->refusal);
}

static inline int net_setup(void **state) {
        struct net_fixture *net = xnew(struct net_fixture);
        struct listener_handler handler = {.on_request = net_on_request,
                                           .on_websocket = net_on_websocket,
                                           .admit = net_admit,
                                           .context = net};
        struct error error = {0};

        net->loop = loop_new_fake(1700000000 * NSEC_PER_SEC);
        net->budget = handler.budget = budget_new(NET_BUDGET);
        net->body = xcalloc(OUTPUT_MAX, 1);
        memset(net->body, 'b', OUTPUT_MAX);
        net->body_bytes = 3;
        net->output = xcalloc(OUTPUT_MAX + 1, 1);
        if (listener_open(&net->listener, net->loop, "127.0.0.1:0", &handler, &error) < 0)
                fail_msg("%s", error.text);
        *state = net;
        return 0;
}

static inline int net_teardown(void **state) {
        struct net_fixture *net = *state;

        listener_close(net->listener);
        assert_int_equal(net->n_closed, net->n_sockets);  // each exactly once
        budget_free(net->budget);                         // nothing is charged to it any more
        loop_free(net->loop);
        free(net->text);
        bytes_deinit(&net->binary);
        free(net->body);
        free(net->output);
        free(net);
        return 0;
}
