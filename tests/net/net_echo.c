// Net echo: net/ alone as a server, for test_net.py. Prints its port, serves until SIGTERM, and
// then closes everything, so that a leak checker sees what is left.
//
// A text comes back as it was; but "size N" brings a text of N bytes, "flood N" brings N texts
// of 1000 bytes, "close CODE REASON" closes, and "stall" stops reading for a second. A binary
// message is answered by "binary LENGTH CRC32".

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>
#include <zlib.h>

#include "net/listener.h"
#include "net/websocket.h"
#include "util/mem.h"

struct echo {
        struct loop *loop;
        struct listener *listener;
        struct websocket_limits limits;
        uv_signal_t signal;
        char *page;  // what the last plain request gets
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

static void echo_on_request(void *context, const struct http_request *request,
                            struct http_response *ret) {
        struct echo *echo = context;

        free(echo->page);
        echo->page = NULL;
        if (strcmp(request->path, "/") == 0) {
                echo->page = xasprintf("%s ok\n", request->method);
        } else if (strcmp(request->path, "/name") == 0) {
                CLEANUP(mem_freep) char *name = http_request_query(request, "name");

                echo->page = xasprintf("hello %s\n", name ? name : "nobody");
        } else if (strcmp(request->path, "/connections") == 0) {
                echo->page = xasprintf("%zu\n", listener_connections(echo->listener));
        } else if (strcmp(request->path, "/big") == 0) {
                echo->page = xcalloc(100001, 1);
                memset(echo->page, 'x', 100000);
        }
        if (echo->page) {
                ret->status = 200;
                ret->content_type = "text/plain; charset=utf-8";
                ret->body = echo->page;
                ret->body_length = strlen(echo->page);
        }
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
        free(echo.page);
        return 0;
}
