#include "net/http_reply.h"

#include <http_parser.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "util/mem.h"
#include "util/utf8.h"

// Where the paths for programs begin.
#define PROGRAMS "/api/"

bool http_status_has_body(int status) {
        return status >= 200 && status != HTTP_STATUS_NO_CONTENT &&
               status != HTTP_STATUS_NOT_MODIFIED;
}

static void date_format(nsec_t wall, char ret[static 40]) {
        time_t seconds = (time_t)(wall / NSEC_PER_SEC);
        struct tm utc;

        gmtime_r(&seconds, &utc);
        strftime(ret, 40, "%a, %d %b %Y %H:%M:%S GMT", &utc);
}

// What some answers must say (RFC 9110).
static const char *header_of(int status) {
        switch (status) {
        case HTTP_STATUS_UNAUTHORIZED:
                return "WWW-Authenticate: Bearer realm=\"eavesdrop\"\r\n";
        case HTTP_STATUS_UPGRADE_REQUIRED:
                return "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
        case HTTP_STATUS_SERVICE_UNAVAILABLE:
                return "Retry-After: 10\r\n";
        default:
                return "";
        }
}

// The one that an answer of this status needs, and has not.
static const char *required_header(const struct http_response *response) {
        const char *header = header_of(response->status);
        CLEANUP(mem_freep) char *name = NULL;

        if (!header[0] || !response->headers)
                return header;
        name = xasprintf("%.*s:", (int)strcspn(header, ":"), header);
        return strstr(response->headers, name) ? "" : header;
}

// What lets a page's scripts read the answer, and those of its headers that tell something. The
// answer to another page has other headers, which caches are told.
static char *page_headers(const char *page) {
        return xasprintf("Access-Control-Allow-Origin: %s\r\n"
                         "Access-Control-Expose-Headers: Accept-Ranges, Allow, Content-Range, "
                         "ETag, Location, Retry-After\r\n"
                         "Vary: Origin\r\n",
                         page);
}

void http_reply_head(struct transport *transport, nsec_t wall, const char *page,
                     const struct http_response *response, enum http_framing framing,
                     bool is_last) {
        char date[40], length[48] = "";
        CLEANUP(mem_freep) char *for_page = page ? page_headers(page) : NULL;
        CLEANUP(mem_freep) char *head = NULL;

        date_format(wall, date);
        if (framing == HTTP_CHUNKED)
                snprintf(length, sizeof(length), "Transfer-Encoding: chunked\r\n");
        else if (framing == HTTP_LENGTH && http_status_has_body(response->status))
                snprintf(length, sizeof(length), "Content-Length: %zu\r\n",
                         response->body_length);
        head = xasprintf("HTTP/1.1 %d %s\r\nDate: %s\r\n%s%s%s%s%s%s%s%s\r\n", response->status,
                         http_status_str((enum http_status)response->status), date,
                         response->content_type ? "Content-Type: " : "",
                         response->content_type ? response->content_type : "",
                         response->content_type ? "\r\n" : "", length,
                         required_header(response), response->headers ? response->headers : "",
                         for_page ? for_page : "", is_last ? "Connection: close\r\n" : "");
        transport_write(transport, head, strlen(head));
}

static char *refusal_text(int status, const char *reason) {
        return xasprintf("%d %s: %s\n", status, http_status_str((enum http_status)status),
                         reason);
}

// The reason may quote what the client sent, which may be no UTF-8.
static char *refusal_json(int status, const char *reason) {
        CLEANUP(mem_freep) char *repaired = utf8_repair(reason, strlen(reason));
        json_t *json =
                json_pack("{s:s, s:i, s:s}", "title", http_status_str((enum http_status)status),
                          "status", status, "detail", repaired ? repaired : UTF8_REPLACEMENT);
        char *text = json_dumps(json, JSON_COMPACT);

        json_decref(json);
        return text;
}

// In the words of the request's own kind of client, or else in ours.
static void refusal_phrase(const struct http_request *request, int status, const char *reason,
                           struct http_phrase *ret) {
        bool is_for_programs =
                request->path && strncmp(request->path, PROGRAMS, strlen(PROGRAMS)) == 0;

        *ret = (struct http_phrase){.status = status};
        if (request->path && request->phrase && request->phrase(request, status, reason, ret))
                return;
        ret->content_type =
                is_for_programs ? "application/problem+json" : "text/plain; charset=utf-8";
        ret->body =
                is_for_programs ? refusal_json(status, reason) : refusal_text(status, reason);
}

void http_reply_refuse(struct transport *transport, nsec_t wall,
                       const struct http_request *request, int status, const char *reason,
                       bool is_head_only) {
        CLEANUP(http_phrase_deinit) struct http_phrase phrase;
        struct http_response response;

        refusal_phrase(request, status, reason, &phrase);
        response = (struct http_response){
                .status = phrase.status,
                .content_type = phrase.content_type,
                .headers = phrase.headers,
                .body_length = strlen(phrase.body),
        };
        http_reply_head(transport, wall, request->page, &response, HTTP_LENGTH, true);
        if (!is_head_only)
                transport_write(transport, phrase.body, strlen(phrase.body));
}
