#include "sink/http_peer_rig.h"

#include <ctype.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include <cmocka.h>

#include "util/array.h"
#include "util/list.h"
#include "util/mem.h"

struct http_listener {
        uv_tcp_t tcp;
};

struct http_connection {
        uv_tcp_t tcp;
        struct http_peer *peer;
        char *bytes;  // with a zero behind them
        size_t n, capacity;
        bool is_shut;
        struct http_connection *next;
};

struct http_reply_out {
        uv_write_t write;
        char *text;
};

static void connection_on_closed(uv_handle_t *handle) {
        struct http_connection *connection = handle->data;

        free(connection->bytes);
        free(connection);
}

static void connection_close(struct http_connection *connection) {
        if (connection->is_shut)
                return;
        connection->is_shut = true;
        LIST_UNLINK(connection->peer->connections, connection, next);
        uv_close((uv_handle_t *)&connection->tcp, connection_on_closed);
}

static void connection_on_written(uv_write_t *write, int status) {
        struct http_reply_out *reply = write->data;

        (void)status;
        free(reply->text);
        free(reply);
}

static void connection_write(struct http_connection *connection, char *text) {
        struct http_reply_out *reply = xnew(struct http_reply_out);
        uv_buf_t buffer = uv_buf_init(text, (unsigned)strlen(text));

        reply->text = text;
        reply->write.data = reply;
        uv_write(&reply->write, (uv_stream_t *)&connection->tcp, &buffer, 1,
                 connection_on_written);
}

// --- requests
// ----------------------------------------------------------------------------------

static void peer_keep_ids(struct http_peer *peer) {
        json_t *rows = json_loads(peer->body, 0, NULL), *row;
        size_t i;

        assert_true(json_is_array(rows));
        json_array_foreach(rows, i, row) {
                peer->ids = array_grow(peer->ids, peer->n_ids, &peer->ids_capacity,
                                       sizeof(*peer->ids));
                snprintf(peer->ids[peer->n_ids++], ROW_ID_TEXT_MAX, "%s",
                         json_string_value(json_object_get(row, "id")));
        }
        json_decref(rows);
}

static void connection_answer(struct http_connection *connection) {
        struct http_peer *peer = connection->peer;
        int status = peer->status ? peer->status : 200;
        CLEANUP(mem_freep) char *padding = xcalloc(peer->answer_bytes + 1, 1);

        if (peer->poison && strstr(peer->body, peer->poison))
                status = peer->poison_status;
        if (peer->n_good > 0 && peer->n_requests > peer->n_good)
                status = 503;
        if (status < 300)
                peer_keep_ids(peer);
        memset(padding, 'x', peer->answer_bytes);
        connection_write(connection,
                         xasprintf("HTTP/1.1 %d Word\r\n%sContent-Length: %zu\r\n\r\n%s",
                                   status, peer->headers ? peer->headers : "",
                                   peer->answer_bytes, padding));
}

static void connection_on_request(struct http_connection *connection) {
        struct http_peer *peer = connection->peer;

        peer->n_requests++;
        switch (peer->manner) {
        case HTTP_ANSWERS:
                connection_answer(connection);
                break;
        case HTTP_CLOSING:
                peer_keep_ids(peer);
                connection_close(connection);
                break;
        case HTTP_BABBLING:
                connection_write(connection, xstrdup("220 who is there?\r\n"));
                break;
        case HTTP_SILENT:
        case HTTP_HURRIED:
                break;
        }
}

// The bytes from a complete head on, when there is a body of the length that it says.
static void connection_look(struct http_connection *connection) {
        struct http_peer *peer = connection->peer;
        const char *end = strstr(connection->bytes, "\r\n\r\n"), *length;
        size_t n_head, n_body;

        if (!end)
                return;
        n_head = (size_t)(end - connection->bytes) + 4;
        length = strcasestr(connection->bytes, "\r\nContent-Length:");
        assert_non_null(length);
        n_body = strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
        if (connection->n < n_head + n_body)
                return;
        assert_int_equal(connection->n, n_head + n_body);
        free(peer->head);
        free(peer->body);
        peer->head = xasprintf("%.*s", (int)n_head, connection->bytes);
        peer->body = xstrdup(connection->bytes + n_head);
        connection->n = 0;
        connection_on_request(connection);
}

static void connection_on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
        (void)handle;
        *buffer = uv_buf_init(xcalloc(suggested, 1), (unsigned)suggested);
}

static void connection_on_bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer) {
        struct http_connection *connection = stream->data;

        if (n < 0 || (n > 0 && connection->peer->manner == HTTP_HURRIED))
                connection_close(connection);
        else
                for (ssize_t i = 0; i < n; i++) {
                        connection->bytes = array_grow(connection->bytes, connection->n + 1,
                                                       &connection->capacity, 1);
                        connection->bytes[connection->n++] = buffer->base[i];
                        connection->bytes[connection->n] = '\0';
                }
        free(buffer->base);
        if (n > 0 && !connection->is_shut)
                connection_look(connection);
}

// --- life
// --------------------------------------------------------------------------------------

static void listener_on_connection(uv_stream_t *stream, int status) {
        struct http_peer *peer = stream->data;
        struct http_connection *connection = xnew(struct http_connection);

        assert_int_equal(status, 0);
        connection->peer = peer;
        connection->tcp.data = connection;
        connection->next = peer->connections;
        peer->connections = connection;
        peer->n_connections++;
        uv_tcp_init(loop_uv(peer->loop), &connection->tcp);
        assert_int_equal(uv_accept(stream, (uv_stream_t *)&connection->tcp), 0);
        uv_read_start((uv_stream_t *)&connection->tcp, connection_on_room, connection_on_bytes);
}

void http_peer_start(struct http_peer *peer, struct loop *loop) {
        struct http_listener *listener = xnew(struct http_listener);
        struct sockaddr_in address;
        int length = sizeof(address);

        peer->loop = loop;
        peer->listener = listener;
        listener->tcp.data = peer;
        uv_tcp_init(loop_uv(loop), &listener->tcp);
        uv_ip4_addr("127.0.0.1", peer->port, &address);
        assert_int_equal(uv_tcp_bind(&listener->tcp, (struct sockaddr *)&address, 0), 0);
        assert_int_equal(uv_listen((uv_stream_t *)&listener->tcp, 16, listener_on_connection),
                         0);
        uv_tcp_getsockname(&listener->tcp, (struct sockaddr *)&address, &length);
        peer->port = ntohs(address.sin_port);
}

static void listener_on_closed(uv_handle_t *handle) {
        free(handle);
}

void http_peer_stop(struct http_peer *peer) {
        if (peer->listener)
                uv_close((uv_handle_t *)&peer->listener->tcp, listener_on_closed);
        peer->listener = NULL;
        while (peer->connections)
                connection_close(peer->connections);
}

void http_peer_deinit(struct http_peer *peer) {
        http_peer_stop(peer);
        free(peer->head);
        free(peer->body);
        free(peer->ids);
}

char *http_peer_header(const struct http_peer *peer, const char *name) {
        CLEANUP(mem_freep) char *begin = xasprintf("\r\n%s:", name);
        const char *line = strcasestr(peer->head, begin);

        if (!line)
                return NULL;
        line += strlen(begin);
        line += strspn(line, " ");
        return xasprintf("%.*s", (int)strcspn(line, "\r"), line);
}
