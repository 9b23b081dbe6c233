#include "dialect/deepgram/phrase.h"

#include <openssl/evp.h>
#include <string.h>

#include "util/mem.h"

static const struct {
        int status;
        const char *code;
} codes[] = {
        {400, "INVALID_QUERY_PARAMETER"},  {401, "INVALID_AUTH"},
        {403, "INSUFFICIENT_PERMISSIONS"}, {404, "NOT_FOUND"},
        {413, "PAYLOAD_TOO_LARGE"},        {429, "TOO_MANY_REQUESTS"},
        {503, "SERVICE_UNAVAILABLE"},      {426, "UPGRADE_REQUIRED"},
};

static const char *code_of(int status) {
        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
                if (codes[i].status == status)
                        return codes[i].code;
        return status < 500 ? "Bad Request" : "INTERNAL_SERVER_ERROR";
}

void deepgram_id_of(const struct http_request *request, char ret[DEEPGRAM_ID_MAX]) {
        const char *key = http_request_header(request, "Sec-WebSocket-Key");
        CLEANUP(mem_freep) char *own = xasprintf("%s %s", request->peer, key ? key : "");
        uint8_t digest[EVP_MAX_MD_SIZE];

        if (!key || EVP_Digest(own, strlen(own), digest, NULL, EVP_sha256(), NULL) != 1)
                deepgram_id_make(ret);
        else
                deepgram_id_write(digest, ret);
}

bool deepgram_phrase(const struct http_request *request, int status, const char *words,
                     struct http_phrase *phrase) {
        char id[DEEPGRAM_ID_MAX];

        deepgram_id_of(request, id);
        phrase->content_type = "application/json";
        phrase->headers =
                xasprintf("dg-error: %s\r\ndg-request-id: %s\r\n", code_of(status), id);
        phrase->body = deepgram_encode_refusal(code_of(status), words, id, NULL);
        return true;
}
