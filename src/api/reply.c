#include "api/reply.h"

#include <math.h>
#include <string.h>

#include "journal/row_json.h"
#include "net/exchange.h"
#include "util/mem.h"
#include "util/utf8.h"

// Digits of numbers: as many as a double holds without showing what it cannot.
#define REPLY_DIGITS 15

void reply_json(struct exchange *exchange, int status, json_t *json, const char *headers) {
        CLEANUP(mem_freep)
        char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(REPLY_DIGITS));
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

json_t *reply_string(const char *text) {
        CLEANUP(mem_freep) char *repaired = NULL;
        json_t *json = json_string(text);

        if (json)
                return json;
        repaired = utf8_repair(text, strlen(text));
        return json_string(repaired ? repaired : UTF8_REPLACEMENT);
}

json_t *reply_time(nsec_t wall) {
        char text[ROW_TIME_MAX];

        row_time_format(wall / NSEC_PER_MSEC, text);
        return json_string(text);
}

json_t *reply_number(double number) {
        return json_real(isfinite(number) ? round(number * 1e3) / 1e3 : 0);
}

json_t *reply_seconds(nsec_t duration) {
        return reply_number((double)duration / (double)NSEC_PER_SEC);
}

void reply_done(struct exchange *exchange) {
        struct http_response response = {.status = 204};

        exchange_reply(exchange, &response);
}
