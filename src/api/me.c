#include "api/me.h"

#include <jansson.h>
#include <stdbool.h>

#include "api/reply.h"
#include "auth/principal.h"
#include "net/exchange.h"

static json_t *scopes_json(const struct principal *principal) {
        static const struct {
                enum principal_scope scope;
                const char *name;
        } scopes[] = {{SCOPE_READ, "read"}, {SCOPE_LISTEN, "listen"}, {SCOPE_MANAGE, "manage"}};
        json_t *list = json_array();

        for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
                if (principal_may_ask(principal, scopes[i].scope))
                        json_array_append_new(list, json_string(scopes[i].name));
        }
        return list;
}

static json_t *streams_json(const struct principal *principal) {
        json_t *list;

        if (!principal || !principal->streams)
                return json_null();
        list = json_array();
        for (char *const *stream = principal->streams; *stream; stream++)
                json_array_append_new(list, reply_string(*stream));
        return list;
}

void me_answer(struct exchange *exchange, const char *authority) {
        const struct principal *principal = exchange_request(exchange)->principal;
        bool is_known = principal && !principal->stranger;

        reply_json(exchange, 200,
                   json_pack("{s:o, s:o, s:o, s:b, s:s, s:o}", "name",
                             principal ? reply_string(principal->name) : json_null(), "scopes",
                             scopes_json(principal), "streams", streams_json(principal),
                             "is_known", (int)is_known, "version", EAVESDROP_VERSION,
                             "authority", authority ? json_string(authority) : json_null()),
                   NULL);
}
