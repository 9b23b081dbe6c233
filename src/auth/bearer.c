#include "auth/bearer.h"

#include <string.h>
#include <strings.h>

#include "util/mem.h"

static const char *const schemes[] = {"Bearer", "Token"};

// What stands behind one of the schemes' names. NULL: nothing of ours.
static char *authorization_read(const char *value) {
        for (size_t i = 0; value && i < sizeof(schemes) / sizeof(schemes[0]); i++) {
                size_t n = strlen(schemes[i]);

                if (strncasecmp(value, schemes[i], n) == 0 && value[n] == ' ')
                        return xstrdup(value + n + strspn(value + n, " "));
        }
        return NULL;
}

static char *offers_read(const char *offers) {
        size_t length = strlen(BEARER_PROTOCOL_TOKEN);

        while (*offers) {
                size_t n;

                offers += strspn(offers, " \t,");
                n = strcspn(offers, " \t,");
                if (n > length && strncmp(offers, BEARER_PROTOCOL_TOKEN, length) == 0)
                        return xasprintf("%.*s", (int)(n - length), offers + length);
                offers += n;
        }
        return NULL;
}

char *bearer_read(const struct http_request *request) {
        char *secret = authorization_read(http_request_header(request, "Authorization"));
        const char *offers = NULL;

        while (!secret &&
               (offers = http_request_next(request, "Sec-WebSocket-Protocol", offers)))
                secret = offers_read(offers);
        return secret ? secret : http_request_query(request, "token");
}

char *bearer_free(char *secret) {
        if (secret)
                explicit_bzero(secret, strlen(secret));
        return mem_free(secret);
}
