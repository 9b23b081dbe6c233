#include "api/openapi.h"

#include "api/parameters.h"
#include "net/exchange.h"
#include "util/embedded.h"

EMBEDDED_FILE(openapi_json, OPENAPI_FILE);

const char *openapi_text(size_t *ret_n) {
        *ret_n = (size_t)(openapi_json_end - openapi_json);
        return (const char *)openapi_json;
}

void openapi_answer(struct exchange *exchange) {
        struct http_response response = {.status = 200, .content_type = "application/json"};

        response.body = openapi_text(&response.body_length);
        if (parameters_none(exchange))
                exchange_reply(exchange, &response);
}
