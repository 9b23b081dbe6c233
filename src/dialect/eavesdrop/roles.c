#include "dialect/eavesdrop/roles.h"

#include "util/mem.h"

bool eavesdrop_role_of(const struct http_request *request, enum eavesdrop_role *ret) {
        CLEANUP(mem_freep) char *query = http_request_query(request, "type");
        const char *header = http_request_header(request, "X-Client-Type");

        return eavesdrop_role_from_name(header ? header : query, ret);
}

void eavesdrop_send_error(struct session *session, const char *stream, const char *words) {
        size_t n;
        char *text = eavesdrop_encode_error(session_wall(session), stream, words, &n);

        session_send(session, text, n);
}

void eavesdrop_refuse(struct session *session, const char *words, nsec_t retry) {
        (void)retry;  // the words say it
        eavesdrop_send_error(session, NULL, words);
}
