#include "api/tokens_page.h"

#include "api/problem.h"
#include "auth/tokens.h"
#include "net/exchange.h"
#include "util/log.h"

void tokens_page_reload(struct exchange *exchange, struct tokens *tokens) {
        struct error error = {0};

        if (tokens_reload(tokens, &error) < 0) {
                log_warning("server", "tokens-kept", "the tokens stay as they were: %s",
                            error.text);
                problem_refuse(exchange, 409, NULL, error.text);
                return;
        }
        log_info("server", "tokens-read", "the tokens were read again, asked by %s",
                 exchange_request(exchange)->peer);
        exchange_reply(exchange, &(struct http_response){.status = 204});
}
