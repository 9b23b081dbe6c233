#include "api/own_authority.h"

#include "api/reply.h"
#include "util/mem.h"

// What browsers and phones offer to trust, when it comes as this.
#define AUTHORITY_TYPE "application/x-x509-ca-cert"

const char *own_authority_path(const struct tls_identity *identity) {
        CLEANUP(mem_freep) char *bytes = NULL;
        size_t n;

        bytes = identity ? tls_identity_authority(identity, &n) : NULL;
        return bytes ? AUTHORITY_PATH : NULL;
}

void own_authority_answer(struct exchange *exchange, const struct tls_identity *identity) {
        CLEANUP(mem_freep) char *bytes = NULL;
        struct http_response response = {.status = 200, .content_type = AUTHORITY_TYPE};

        bytes = identity ? tls_identity_authority(identity, &response.body_length) : NULL;
        if (!bytes) {
                reply_text(exchange, 404,
                           "the server's certificate is not from an authority of its own: "
                           "eavesdrop certificate new makes both\n",
                           NULL);
                return;
        }
        response.body = bytes;
        exchange_reply(exchange, &response);
}
