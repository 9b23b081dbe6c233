#include "api/body.h"

#include <stdlib.h>
#include <string.h>

#include "api/problem.h"
#include "net/exchange.h"
#include "util/mem.h"

struct body {
        struct exchange *exchange;
        void (*on_json)(void *context, struct exchange *exchange, json_t *json);
        void *context;
        char *bytes;
        size_t n;
};

static struct body *body_free(struct body *body) {
        free(body->bytes);
        return mem_free(body);
}

static void body_on_bytes(void *context, const uint8_t *bytes, size_t n) {
        struct body *body = context;

        body->bytes = xrealloc_array(body->bytes, body->n + n, 1);
        memcpy(body->bytes + body->n, bytes, n);
        body->n += n;
}

json_t *body_parse(struct exchange *exchange, const char *bytes, size_t n) {
        CLEANUP(mem_freep) char *detail = NULL;
        json_error_t error;
        json_t *json = json_loadb(bytes ? bytes : "", n, JSON_REJECT_DUPLICATES, &error);

        if (json_is_object(json))
                return json;
        detail = json ? xstrdup("the body is not a JSON object")
                      : xasprintf("the body is not JSON: line %d, column %d: %s", error.line,
                                  error.column, error.text);
        problem_refuse(exchange, 400, NULL, detail);
        json_decref(json);
        return NULL;
}

static void body_on_end(void *context) {
        struct body *body = context;
        json_t *json = body_parse(body->exchange, body->bytes, body->n);

        if (json)
                body->on_json(body->context, body->exchange, json);
        json_decref(json);
        body_free(body);
}

static void body_on_gone(void *context) {
        body_free(context);
}

void body_read(struct exchange *exchange,
               void (*on_json)(void *context, struct exchange *exchange, json_t *json),
               void *context) {
        struct body *body = xnew(struct body);
        struct exchange_handler handler = {
                .on_body = body_on_bytes,
                .on_body_end = body_on_end,
                .on_gone = body_on_gone,
                .context = body,
                .body_max = BODY_BYTES_MAX,
        };

        body->exchange = exchange;
        body->on_json = on_json;
        body->context = context;
        exchange_set_handler(exchange, &handler);
}
