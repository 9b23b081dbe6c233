#include "net/http_reply.h"

#include <http_parser.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/mem.h"

const char *http_status_name(int status) {
        return http_status_str((enum http_status)status);
}

static void date_format(nsec_t wall, char ret[static 40]) {
        time_t seconds = (time_t)(wall / NSEC_PER_SEC);
        struct tm utc;

        gmtime_r(&seconds, &utc);
        strftime(ret, 40, "%a, %d %b %Y %H:%M:%S GMT", &utc);
}

// What some answers must say besides (RFC 9110).
static const char *required_header(int status) {
        switch (status) {
        case HTTP_STATUS_METHOD_NOT_ALLOWED:
                return "Allow: GET, HEAD\r\n";
        case HTTP_STATUS_UPGRADE_REQUIRED:
                return "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
        case HTTP_STATUS_SERVICE_UNAVAILABLE:
                return "Retry-After: 10\r\n";
        default:
                return "";
        }
}

void http_reply_send(struct transport *transport, nsec_t wall,
                     const struct http_response *response, unsigned flags) {
        char date[40];
        CLEANUP(mem_freep) char *head = NULL;

        date_format(wall, date);
        head = xasprintf("HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: %s\r\n"
                         "Content-Length: %zu\r\n%s%s\r\n",
                         response->status, http_status_name(response->status), date,
                         response->content_type ? response->content_type : "text/plain",
                         response->body_length, required_header(response->status),
                         flags & HTTP_REPLY_CLOSE ? "Connection: close\r\n" : "");
        transport_write(transport, head, strlen(head));
        if (!(flags & HTTP_REPLY_HEAD_ONLY))
                transport_write(transport, response->body, response->body_length);
}

void http_reply_refuse(struct transport *transport, nsec_t wall, int status,
                       const char *reason) {
        CLEANUP(mem_freep)
        char *body = xasprintf("%d %s: %s\n", status, http_status_name(status), reason);
        struct http_response response = {
                .status = status,
                .content_type = "text/plain; charset=utf-8",
                .body = body,
                .body_length = strlen(body),
        };

        http_reply_send(transport, wall, &response, HTTP_REPLY_CLOSE);
}
