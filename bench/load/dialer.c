#include "load/dialer.h"

#include <assert.h>
#include <errno.h>
#include <http_parser.h>
#include <netdb.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "net/handshake.h"
#include "net/http_head.h"
#include "net/transport.h"
#include "net/websocket_private.h"
#include "util/mem.h"

#define NONCE_BYTES 16  // RFC 6455, section 4.1

struct dialer {
        struct loop *loop;
        struct dialer_handler handler;
        bool is_websocket;  // what is wanted
        char *host;         // without brackets
        char *port;
        char *authority;  // "HOST:PORT"
        char *target;     // path and query
        char key[NONCE_BYTES / 3 * 4 + 5];

        struct addrinfo *addresses;
        const struct addrinfo *next_address;
        int failure;  // of the last address tried
        struct transport *transport;
        struct loop_timer *deadline;

        http_parser parser;
        struct http_head head;
        struct bytes body;
        bool is_answered;  // the answer's head is complete
        bool is_complete;  // and its body
        bool is_posted;    // dialer_begin() is still to come
        bool is_over;      // nothing more to tell
        bool is_closed;    // the owner has gone

        struct websocket *websocket;
};

static void dialer_fail(struct dialer *dialer, const struct error *error) {
        if (dialer->is_over)
                return;
        dialer->is_over = true;
        loop_timer_cancel(dialer->deadline);
        if (dialer->transport)
                transport_close(dialer->transport);
        if (!dialer->is_closed)
                dialer->handler.on_failure(dialer->handler.context, error);
}

static void dialer_fail_with(struct dialer *dialer, const char *words) {
        struct error error;

        error_set(&error, -EPROTO, "%s: %s", dialer->authority, words);
        dialer_fail(dialer, &error);
}

// --- the answer ----------------------------------------------------------------

static int dialer_on_field(http_parser *parser, const char *piece, size_t n) {
        struct dialer *dialer = parser->data;

        return dialer->is_answered || http_head_add_name(&dialer->head, piece, n) ? 0 : -1;
}

static int dialer_on_value(http_parser *parser, const char *piece, size_t n) {
        struct dialer *dialer = parser->data;

        return dialer->is_answered || http_head_add_value(&dialer->head, piece, n) ? 0 : -1;
}

static int dialer_on_head(http_parser *parser) {
        struct dialer *dialer = parser->data;

        dialer->is_answered = http_head_complete(&dialer->head);
        return dialer->is_answered ? 0 : -1;
}

static int dialer_on_body(http_parser *parser, const char *piece, size_t n) {
        struct dialer *dialer = parser->data;

        if (n > DIALER_BODY_MAX - dialer->body.n)
                return -1;
        return bytes_append(&dialer->body, piece, n) ? 0 : -1;
}

static int dialer_on_complete(http_parser *parser) {
        struct dialer *dialer = parser->data;

        dialer->is_complete = true;
        http_parser_pause(parser, 1);  // what follows a 101 is no more HTTP
        return 0;
}

static void dialer_open_websocket(struct dialer *dialer) {
        const char *accept = http_head_next(&dialer->head, "Sec-WebSocket-Accept", NULL);
        CLEANUP(mem_freep) char *expected = handshake_accept(dialer->key);
        struct error error;

        if (dialer->parser.status_code != HTTP_STATUS_SWITCHING_PROTOCOLS) {
                error_set(&error, -EPROTO,
                          "%s answers %d where a WebSocket should open: is the path right?",
                          dialer->authority, dialer->parser.status_code);
                dialer_fail(dialer, &error);
                return;
        }
        if (!accept || strcmp(accept, expected) != 0) {
                dialer_fail_with(dialer, "opens a WebSocket in a wrong way");
                return;
        }
        dialer->websocket =
                websocket_new(dialer->loop, dialer->transport, WEBSOCKET_CLIENT, NULL);
        if (!dialer->websocket) {
                dialer_fail_with(dialer, "out of memory");
                return;
        }
        dialer->is_over = true;
        dialer->handler.on_websocket(dialer->handler.context, dialer->websocket);
        assert(dialer->is_closed || websocket_has_handler(dialer->websocket));
}

static void dialer_conclude(struct dialer *dialer) {
        loop_timer_cancel(dialer->deadline);
        if (dialer->is_websocket) {
                dialer_open_websocket(dialer);
                return;
        }
        dialer->is_over = true;
        if (!bytes_append(&dialer->body, "", 1)) {
                dialer->is_over = false;
                dialer_fail_with(dialer, "out of memory");
                return;
        }
        transport_close(dialer->transport);
        dialer->handler.on_answer(dialer->handler.context, dialer->parser.status_code,
                                  (const char *)dialer->body.data, dialer->body.n - 1);
}

// Returns how many of the bytes belonged to the answer.
static size_t dialer_parse(struct dialer *dialer, const uint8_t *bytes, size_t n) {
        static const http_parser_settings settings = {
                .on_header_field = dialer_on_field,
                .on_header_value = dialer_on_value,
                .on_headers_complete = dialer_on_head,
                .on_body = dialer_on_body,
                .on_message_complete = dialer_on_complete,
        };
        size_t used = http_parser_execute(&dialer->parser, &settings, (const char *)bytes, n);

        if (dialer->is_complete)
                dialer_conclude(dialer);
        else if (HTTP_PARSER_ERRNO(&dialer->parser) != HPE_OK)
                dialer_fail_with(dialer, "the answer is no HTTP, or too long");
        return used;
}

// --- the transport's callbacks -------------------------------------------------

static void dialer_try(struct dialer *dialer);

static size_t dialer_on_bytes(void *context, const uint8_t *bytes, size_t n,
                              struct quantum *quantum) {
        struct dialer *dialer = context;
        size_t used = 0;

        if (!dialer->websocket && !dialer->is_over && n)
                used = dialer_parse(dialer, bytes, n);
        quantum_spend(quantum, used);
        if (dialer->websocket)
                return used +
                       websocket_on_bytes(dialer->websocket, bytes + used, n - used, quantum);
        return n;
}

static void dialer_on_end(void *context) {
        struct dialer *dialer = context;

        if (dialer->websocket) {
                websocket_on_end(dialer->websocket);
                return;
        }
        // A body without a length ends here.
        if (dialer->is_answered && !dialer->is_over)
                dialer_parse(dialer, NULL, 0);
        transport_close(dialer->transport);
}

static void dialer_on_drained(void *context) {
        struct dialer *dialer = context;

        if (dialer->websocket)
                websocket_on_drained(dialer->websocket);
}

static void dialer_free(struct dialer *dialer) {
        websocket_free(dialer->websocket);
        loop_timer_free(dialer->deadline);
        http_head_deinit(&dialer->head);
        bytes_deinit(&dialer->body);
        if (dialer->addresses)
                freeaddrinfo(dialer->addresses);
        free(dialer->host);
        free(dialer->port);
        free(dialer->authority);
        free(dialer->target);
        free(dialer);
}

static void dialer_on_closed(void *context) {
        struct dialer *dialer = context;

        dialer->transport = NULL;
        if (dialer->is_closed) {
                dialer_free(dialer);
                return;
        }
        if (dialer->websocket)
                websocket_end(dialer->websocket);
        else if (!dialer->is_over && dialer->failure)
                dialer_try(dialer);
        else
                dialer_fail_with(dialer, "hangs up before it has answered");
}

static void dialer_on_connected(void *context, int status) {
        struct dialer *dialer = context;
        CLEANUP(mem_freep) char *request = NULL;

        dialer->failure = status;
        if (status < 0) {
                transport_close(dialer->transport);
                return;
        }
        if (dialer->is_websocket)
                request = xasprintf("GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
                                    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                    "Sec-WebSocket-Key: %s\r\n\r\n",
                                    dialer->target, dialer->authority, dialer->key);
        else
                request = xasprintf("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
                                    dialer->target, dialer->authority);
        transport_write(dialer->transport, request, strlen(request));
}

// Connect to the next of the host's addresses.
static void dialer_try(struct dialer *dialer) {
        static const struct transport_handler handler = {
                .on_bytes = dialer_on_bytes,
                .on_end = dialer_on_end,
                .on_drained = dialer_on_drained,
                .on_closed = dialer_on_closed,
                .on_connected = dialer_on_connected,
        };
        struct error error;

        while (dialer->next_address) {
                const struct addrinfo *address = dialer->next_address;

                dialer->next_address = address->ai_next;
                dialer->transport =
                        transport_connect(dialer->loop, address->ai_addr, &handler, dialer);
                if (dialer->transport)
                        return;
                dialer->failure = -EMFILE;
        }
        error_set(&error, dialer->failure, "cannot connect to %s: %s%s", dialer->authority,
                  strerrordesc_np(-dialer->failure),
                  dialer->failure == -ECONNREFUSED ? "; is the server running?" : "");
        dialer_fail(dialer, &error);
}

static void dialer_on_deadline(void *context) {
        dialer_fail_with(context, "does not answer in time");
}

// --- life ----------------------------------------------------------------------

static char *url_part(const char *url, const struct http_parser_url *parts,
                      enum http_parser_url_fields field) {
        if (!(parts->field_set & (1 << field)))
                return NULL;
        return xasprintf("%.*s", parts->field_data[field].len,
                         url + parts->field_data[field].off);
}

static int url_read(struct dialer *dialer, const char *url, struct error *error) {
        CLEANUP(mem_freep) char *path = NULL, *query = NULL, *scheme = NULL;
        struct http_parser_url parts;

        http_parser_url_init(&parts);
        if (http_parser_parse_url(url, strlen(url), 0, &parts) != 0 ||
            (parts.field_set & (1 << UF_USERINFO)) || !(parts.field_set & (1 << UF_HOST)))
                return error_set(error, -EINVAL, "'%s' is no URL such as ws://HOST:PORT", url);
        scheme = url_part(url, &parts, UF_SCHEMA);
        dialer->is_websocket = strcasecmp(scheme, "ws") == 0;
        if (strcasecmp(scheme, "wss") == 0 || strcasecmp(scheme, "https") == 0)
                return error_set(error, -EINVAL,
                                 "'%s': encrypted connections cannot be opened yet; "
                                 "use ws:// on the server's own machine",
                                 url);
        if (!dialer->is_websocket && strcasecmp(scheme, "http") != 0)
                return error_set(error, -EINVAL, "'%s': expected ws://HOST:PORT", url);
        dialer->host = url_part(url, &parts, UF_HOST);
        dialer->port = url_part(url, &parts, UF_PORT);
        if (!dialer->port)
                dialer->port = xstrdup("80");
        dialer->authority = xasprintf(strchr(dialer->host, ':') ? "[%s]:%s" : "%s:%s",
                                      dialer->host, dialer->port);
        path = url_part(url, &parts, UF_PATH);
        query = url_part(url, &parts, UF_QUERY);
        dialer->target =
                xasprintf("%s%s%s", path ? path : "/", query ? "?" : "", query ? query : "");
        return 0;
}

static int host_find(struct dialer *dialer, struct error *error) {
        static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                              .ai_flags = AI_NUMERICSERV};
        // "localhost" is this machine even where no /etc/hosts says so (RFC 6761, 6.3), as in a
        // bare container: without a name getaddrinfo() gives the loopback addresses.
        const char *name = strcasecmp(dialer->host, "localhost") == 0 ? NULL : dialer->host;
        int result = getaddrinfo(name, dialer->port, &hints, &dialer->addresses);

        if (result != 0)
                return error_set(error, -EHOSTUNREACH, "cannot find the host %s: %s",
                                 dialer->host, gai_strerror(result));
        dialer->next_address = dialer->addresses;
        return 0;
}

static void dialer_begin(void *context) {
        struct dialer *dialer = context;

        dialer->is_posted = false;
        if (dialer->is_closed)
                dialer_free(dialer);
        else
                dialer_try(dialer);
}

int dialer_open(struct dialer **ret, struct loop *loop, const char *url,
                const struct dialer_handler *handler, struct error *error) {
        struct dialer *dialer = xnew(struct dialer);
        unsigned char nonce[NONCE_BYTES];
        int r;

        if ((r = url_read(dialer, url, error)) < 0 || (r = host_find(dialer, error)) < 0) {
                dialer_free(dialer);
                return r;
        }
        dialer->loop = loop;
        dialer->handler = *handler;
        http_parser_init(&dialer->parser, HTTP_RESPONSE);
        dialer->parser.data = dialer;
        // Not a secret, only something that no cache has seen (RFC 6455, 10.3).
        if (RAND_bytes(nonce, sizeof(nonce)) != 1)
                memset(nonce, 0, sizeof(nonce));
        EVP_EncodeBlock((unsigned char *)dialer->key, nonce, sizeof(nonce));
        dialer->deadline = loop_timer_new(loop, dialer_on_deadline, dialer);
        loop_timer_set(dialer->deadline, DIALER_TIMEOUT);
        dialer->is_posted = true;
        loop_post(loop, dialer_begin, dialer);
        *ret = dialer;
        return 0;
}

struct dialer *dialer_close(struct dialer *dialer) {
        if (!dialer)
                return NULL;
        dialer->is_closed = true;
        loop_timer_cancel(dialer->deadline);
        if (dialer->websocket)
                websocket_end(dialer->websocket);
        if (dialer->transport)
                transport_close(dialer->transport);
        else if (!dialer->is_posted)
                dialer_free(dialer);
        return NULL;
}
