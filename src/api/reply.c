#include "api/reply.h"

#include <string.h>

#include "net/exchange.h"
#include "util/mem.h"

void reply_json(struct exchange *exchange, int status, json_t *json, const char *headers) {
        CLEANUP(mem_freep) char *text = json_dumps(json, JSON_COMPACT);
        struct http_response response = {.status = status,
                                         .content_type = "application/json",
                                         .headers = headers,
                                         .body = text ? text : "null"};

        json_decref(json);
        response.body_length = strlen(response.body);
        exchange_reply(exchange, &response);
}

void reply_text(struct exchange *exchange, int status, const char *text, const char *headers) {
        struct http_response response = {
                .status = status,
                .content_type = "text/plain; charset=utf-8",
                .headers = headers,
                .body = text,
                .body_length = strlen(text),
        };

        exchange_reply(exchange, &response);
}

void reply_done(struct exchange *exchange) {
        struct http_response response = {.status = 204};

        exchange_reply(exchange, &response);
}
