// Net echo: net/ alone as a server, for test_net.py. Prints its port, serves until SIGTERM, and
// then closes everything, so that a leak checker sees what is left.
//
// A text comes back as it was; but "size N" brings a text of N bytes, "flood N" brings N texts
// of 1000 bytes, "close CODE REASON" closes, and "stall" stops reading for a second. A binary
// message is answered by "binary LENGTH CRC32".
//
// Of the plain requests, "/echo" brings the body back as it comes, "/count?N" N numbered lines
// of 1000 bytes.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>
#include <zlib.h>

#include "net/bytes.h"
#include "net/exchange.h"
#include "net/listener.h"
#include "net/websocket.h"
#include "util/mem.h"

struct echo {
        struct loop *loop;
        struct listener *listener;
        struct websocket_limits limits;
        uv_signal_t signal;
};

struct echo_session {
        struct echo *echo;
        struct websocket *socket;
        struct loop_timer *stall;
        size_t n_binary;    // of the binary message now arriving
        unsigned long crc;  // of its bytes
};

static void session_on_stalled(void *context) {
        struct echo_session *session = context;

        websocket_resume(session->socket);
}

static void session_send_size(struct echo_session *session, size_t n) {
        CLEANUP(mem_freep) char *text = try_calloc(n + 1, 1);

        for (size_t i = 0; text && i < n; i++)
                text[i] = (char)('a' + i % 23);
        if (text)
                websocket_send_text(session->socket, text, n);
}

static void session_on_text(void *context, const char *text, size_t n) {
        struct echo_session *session = context;

        if (strncmp(text, "size ", 5) == 0) {
                session_send_size(session, strtoul(text + 5, NULL, 10));
        } else if (strncmp(text, "flood ", 6) == 0) {
                for (unsigned long i = strtoul(text + 6, NULL, 10); i; i--)
                        session_send_size(session, 1000);
        } else if (strncmp(text, "close ", 6) == 0) {
                char *reason = NULL;
                long code = strtol(text + 6, &reason, 10);

                websocket_close(session->socket, (uint16_t)code, reason + (*reason == ' '));
        } else if (strcmp(text, "stall") == 0) {
                websocket_pause(session->socket);
                loop_timer_set(session->stall, NSEC_PER_SEC);
        } else {
                websocket_send_text(session->socket, text, n);
        }
}

static void session_on_binary(void *context, const struct websocket_piece *piece) {
        struct echo_session *session = context;
        CLEANUP(mem_freep) char *text = NULL;

        if (piece->is_first)
                session->n_binary = session->crc = 0;
        session->n_binary += piece->n;
        session->crc = crc32_z(session->crc, piece->bytes, piece->n);
        if (!piece->is_last)
                return;
        text = xasprintf("binary %zu %lu", session->n_binary, session->crc);
        websocket_send_text(session->socket, text, strlen(text));
}

static void session_on_close(void *context, uint16_t code) {
        struct echo_session *session = context;

        fprintf(stderr, "close %" PRIu16 "\n", code);
        loop_timer_free(session->stall);
        free(session);
}

static void echo_on_websocket(void *context, const struct http_request *request,
                              struct websocket *socket) {
        struct echo *echo = context;
        struct echo_session *session = xnew(struct echo_session);
        struct websocket_handler handler = {
                .on_text = session_on_text,
                .on_binary = session_on_binary,
                .on_close = session_on_close,
                .context = session,
        };
        const char *greet = http_request_header(request, "X-Greet");

        session->echo = echo;
        session->socket = socket;
        session->stall = loop_timer_new(echo->loop, session_on_stalled, session);
        websocket_set_handler(socket, &handler, &echo->limits);
        if (greet)
                websocket_send_text(socket, greet, strlen(greet));
}

// --- plain requests --------------------------------------------------------------

// An answer in pieces, and the body or the count that it is made from.
struct echo_flow {
        struct exchange *exchange;
        struct bytes unsent;  // of a body that waits, paused
        bool is_ended;        // no more of it will come
        unsigned long n_lines, n_lines_max;
};

static void flow_free(struct echo_flow *flow) {
        bytes_deinit(&flow->unsent);
        free(flow);
}

static void flow_on_gone(void *context) {
        fprintf(stderr, "gone\n");
        flow_free(context);
}

static void flow_end(struct echo_flow *flow) {
        exchange_end(flow->exchange);
        flow_free(flow);
}

static void flow_on_body(void *context, const uint8_t *bytes, size_t n) {
        struct echo_flow *flow = context;

        if (exchange_write(flow->exchange, bytes, n))
                return;
        bytes_append(&flow->unsent, bytes, n);
        exchange_pause(flow->exchange);
}

static void flow_on_body_end(void *context) {
        struct echo_flow *flow = context;

        flow->is_ended = true;
        if (!flow->unsent.n)
                flow_end(flow);
}

static void echo_on_drained(void *context) {
        struct echo_flow *flow = context;

        exchange_write(flow->exchange, flow->unsent.data, flow->unsent.n);
        bytes_clear(&flow->unsent);
        if (flow->is_ended)
                flow_end(flow);
        else
                exchange_resume(flow->exchange);
}

static void count_on_drained(void *context) {
        struct echo_flow *flow = context;

        for (; flow->n_lines < flow->n_lines_max; flow->n_lines++) {
                char line[1001];
                int n = snprintf(line, sizeof(line), "%0999lu\n", flow->n_lines);

                if (!exchange_write(flow->exchange, line, (size_t)n))
                        return;
        }
        flow_end(flow);
}

static void flow_begin(struct exchange *exchange, bool is_count) {
        static const struct http_response response = {
                .status = 200,
                .content_type = "application/octet-stream",
                .body_length = EXCHANGE_LENGTH_UNKNOWN,
        };
        struct echo_flow *flow = xnew(struct echo_flow);
        struct exchange_handler handler = {
                .on_body = flow_on_body,
                .on_body_end = flow_on_body_end,
                .on_drained = echo_on_drained,
                .on_gone = flow_on_gone,
                .context = flow,
                .body_max = (uint64_t)1 << 40,
        };

        flow->exchange = exchange;
        if (is_count)
                handler = (struct exchange_handler){.on_drained = count_on_drained,
                                                    .on_gone = flow_on_gone,
                                                    .context = flow};
        exchange_set_handler(exchange, &handler);
        exchange_begin(exchange, &response);
        if (!is_count)
                return;
        flow->n_lines_max = strtoul(exchange_request(exchange)->query, NULL, 10);
        count_on_drained(flow);
}

static void echo_on_request(void *context, struct exchange *exchange) {
        const struct http_request *request = exchange_request(exchange);
        struct echo *echo = context;
        struct http_response response = {404, "text/plain; charset=utf-8", NULL, "", 0};
        CLEANUP(mem_freep) char *page = NULL;

        if (strcmp(request->path, "/echo") == 0 || strcmp(request->path, "/count") == 0) {
                flow_begin(exchange, request->path[1] == 'c');
                return;
        }
        if (strcmp(request->path, "/") == 0) {
                page = xasprintf("%s ok\n", request->method);
        } else if (strcmp(request->path, "/name") == 0) {
                CLEANUP(mem_freep) char *name = http_request_query(request, "name");

                page = xasprintf("hello %s\n", name ? name : "nobody");
        } else if (strcmp(request->path, "/connections") == 0) {
                page = xasprintf("%zu\n", listener_connections(echo->listener));
        } else if (strcmp(request->path, "/big") == 0) {
                page = xcalloc(100001, 1);
                memset(page, 'x', 100000);
        }
        if (page) {
                response.status = 200;
                response.body = page;
                response.body_length = strlen(page);
        }
        exchange_reply(exchange, &response);
}

static void echo_on_signal(uv_signal_t *signal, int number) {
        struct echo *echo = signal->data;

        (void)number;
        loop_stop(echo->loop);
}

int main(int argc, char **argv) {
        struct echo echo = {.limits = {.text_max = (size_t)6 * 1024 * 1024,
                                       .binary_max = (size_t)6 * 1024 * 1024,
                                       .send_max = 256 * 1024}};
        struct listener_handler handler = {.on_request = echo_on_request,
                                           .on_websocket = echo_on_websocket,
                                           .context = &echo};
        struct error error = {0};
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
                limit.rlim_cur = argc > 2 ? strtoul(argv[2], NULL, 10) : limit.rlim_max;
                setrlimit(RLIMIT_NOFILE, &limit);
        }
        echo.loop = loop_new();
        uv_signal_init(loop_uv(echo.loop), &echo.signal);
        echo.signal.data = &echo;
        uv_signal_start(&echo.signal, echo_on_signal, SIGTERM);
        if (listener_open(&echo.listener, echo.loop, argc > 1 ? argv[1] : "127.0.0.1:0",
                          &handler, &error) < 0) {
                fprintf(stderr, "%s\n", error.text);
                return 1;
        }
        printf("%d\n", listener_port(echo.listener));
        fflush(stdout);
        loop_run(echo.loop);
        listener_close(echo.listener);
        uv_close((uv_handle_t *)&echo.signal, NULL);
        loop_free(echo.loop);
        return 0;
}
