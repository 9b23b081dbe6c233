#include "api/problem.h"

#include <http_parser.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "net/exchange.h"
#include "util/mem.h"
#include "util/utf8.h"

// What it quotes may be no UTF-8.
static json_t *text_json(const char *text) {
        CLEANUP(mem_freep) char *repaired = utf8_repair(text, strlen(text));

        return json_string(repaired ? repaired : "");
}

void problem_reply(struct exchange *exchange, const struct problem *problem) {
        json_t *json = json_object();
        CLEANUP(mem_freep) char *text = NULL;
        struct http_response response = {.status = problem->status,
                                         .content_type = "application/problem+json",
                                         .headers = problem->headers};

        json_object_set_new(json, "title",
                            json_string(http_status_str((enum http_status)problem->status)));
        json_object_set_new(json, "status", json_integer(problem->status));
        json_object_set_new(json, "detail", text_json(problem->detail));
        if (problem->field && problem->field[0])
                json_object_set_new(json, "field", text_json(problem->field));
        text = json_dumps(json, JSON_COMPACT);
        json_decref(json);
        response.body = text ? text : "{}";
        response.body_length = strlen(response.body);
        exchange_reply(exchange, &response);
}

void problem_refuse(struct exchange *exchange, int status, const char *field,
                    const char *detail) {
        const struct problem problem = {.status = status, .field = field, .detail = detail};

        problem_reply(exchange, &problem);
}
