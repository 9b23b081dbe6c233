#pragma once
// Exchange fixture: net_fixture.h with a handler of exchanges that notes what it sees.
//
// Threads: the test's.

#include "net/exchange.h"
#include "net/net_client.h"

#define BODY_MAX   ((size_t)1024 * 1024)
#define UPLOAD     "POST /upload HTTP/1.1\r\n" HEAD
#define CHUNKED    "Transfer-Encoding: chunked\r\n\r\n"
#define NEXT       "GET /next HTTP/1.1\r\n" HEAD "\r\n"
#define GET_STREAM "GET /stream HTTP/1.1\r\n" HEAD "\r\n"

// What the handler of the last exchange saw.
static struct {
        struct exchange *exchange;
        struct bytes body;
        size_t n_pieces, n_ends, n_drained, n_gone;
        bool is_pausing;      // after each piece
        bool is_replying;     // to the first piece
        bool is_body_wanted;  // as exchange_begin() said
        size_t to_write;      // in on_drained
        size_t n_written, n_written_most;
} seen;

static inline void reply(const char *text) {
        struct http_response response = {.status = 200,
                                         .content_type = "text/plain",
                                         .body = text,
                                         .body_length = strlen(text)};

        exchange_reply(seen.exchange, &response);
}

static inline void on_body(void *context, const uint8_t *bytes, size_t n) {
        (void)context;
        assert_true(n > 0 && bytes_append(&seen.body, bytes, n));
        seen.n_pieces++;
        if (seen.is_pausing)
                exchange_pause(seen.exchange);
        if (seen.is_replying)
                reply("enough");
}

static inline void on_body_end(void *context) {
        CLEANUP(mem_freep) char *text = xasprintf("%zu bytes", seen.body.n);

        (void)context;
        seen.n_ends++;
        reply(text);
}

// Write as much as is taken.
static inline void write_more(void) {
        static const char filler[4000];
        size_t n = 0;

        while (n < seen.to_write && exchange_write(seen.exchange, filler, sizeof(filler)))
                n += sizeof(filler);
        seen.to_write -= n;
        seen.n_written += n;
        seen.n_written_most = n > seen.n_written_most ? n : seen.n_written_most;
}

static inline void on_drained(void *context) {
        (void)context;
        seen.n_drained++;
        write_more();
}

static inline void on_gone(void *context) {
        (void)context;
        seen.n_gone++;
        seen.exchange = NULL;
}

// "/upload" wants a body, "/begun" as well, with its answer begun; "/stream" begins an answer
// in pieces, and "/later" is answered by the test. "/none" is answered by nobody.
static inline void on_exchange(struct net_fixture *net, struct exchange *exchange) {
        struct exchange_handler handler = {.on_drained = on_drained, .on_gone = on_gone};
        struct http_response stream = {.status = 200,
                                       .content_type = "text/event-stream",
                                       .headers = "Cache-Control: no-store\r\n",
                                       .body_length = EXCHANGE_LENGTH_UNKNOWN};
        struct http_response response = {200, "text/plain", NULL, net->body, net->body_bytes};

        if (strcmp(net->path, "/none") == 0)
                return;
        if (strcmp(net->path, "/next") == 0) {
                exchange_reply(exchange, &response);
                return;
        }
        seen.exchange = exchange;
        if (strcmp(net->path, "/upload") == 0 || strcmp(net->path, "/begun") == 0) {
                handler.on_body = on_body;
                handler.on_body_end = on_body_end;
                handler.body_max = BODY_MAX;
        }
        exchange_set_handler(exchange, &handler);
        if (strcmp(net->path, "/stream") == 0 || strcmp(net->path, "/begun") == 0)
                seen.is_body_wanted = exchange_begin(exchange, &stream);
}

static inline size_t occurrences(const char *text, const char *word) {
        size_t n = 0;

        while ((text = strstr(text, word))) {
                text += strlen(word);
                n++;
        }
        return n;
}

static inline bool answer_has(const struct net_fixture *net, const char *words) {
        return strstr(net->output, words);
}

static inline void expect_status(const struct net_fixture *net, const char *status) {
        if (strncmp(net->output, "HTTP/1.1 ", 9) != 0 ||
            strncmp(net->output + 9, status, 3) != 0)
                fail_msg("expected %s, got: %.60s", status, net->output);
}

static inline void turns(struct net_fixture *net, size_t n) {
        while (n--)
                loop_turn(net->loop);
}

static inline int setup(void **state) {
        struct net_fixture *net;

        client_setup(state);
        net = *state;
        net->on_exchange = on_exchange;
        memset(&seen, 0, sizeof(seen));
        return 0;
}

static inline int teardown(void **state) {
        bytes_deinit(&seen.body);
        return net_teardown(state);
}

#define with_listener(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
