#include "auth/bearer.h"

#include <string.h>
#include <strings.h>

#include "util/mem.h"

static const char *const schemes[] = {"Bearer", "Token"};

// Sub-protocols behind which the next one is the secret, and those that the secret is part of.
static const char *const markers[] = {"token", "bearer"};
static const char *const beginnings[] = {BEARER_PROTOCOL_TOKEN, "openai-insecure-api-key."};

#define N(list) (sizeof(list) / sizeof((list)[0]))

// What stands behind one of the schemes' names, or a word that stands alone. NULL: nothing of
// ours.
static char *authorization_read(const char *value, bool *ret_is_foreign) {
        *ret_is_foreign = false;
        if (!value)
                return NULL;
        for (size_t i = 0; i < N(schemes); i++) {
                size_t n = strlen(schemes[i]);

                if (strncasecmp(value, schemes[i], n) == 0 && value[n] == ' ')
                        return xstrdup(value + n + strspn(value + n, " "));
        }
        *ret_is_foreign = true;
        return value[0] && !strpbrk(value, " \t,=") ? xstrdup(value) : NULL;
}

static bool offer_is_marker(const char *offer, size_t n) {
        for (size_t i = 0; i < N(markers); i++)
                if (n == strlen(markers[i]) && strncasecmp(offer, markers[i], n) == 0)
                        return true;
        return false;
}

// The secret that an offer has in itself.
static char *offer_read(const char *offer, size_t n) {
        for (size_t i = 0; i < N(beginnings); i++) {
                size_t length = strlen(beginnings[i]);

                if (n > length && strncmp(offer, beginnings[i], length) == 0)
                        return xasprintf("%.*s", (int)(n - length), offer + length);
        }
        return NULL;
}

// *is_next: the offer before said that the secret follows.
static char *offers_read(const char *offers, bool *is_next) {
        char *secret = NULL;

        while (!secret && *offers) {
                size_t n;

                offers += strspn(offers, " \t,");
                n = strcspn(offers, " \t,");
                if (n && *is_next)
                        return xasprintf("%.*s", (int)n, offers);
                secret = offer_read(offers, n);
                *is_next = offer_is_marker(offers, n);
                offers += n;
        }
        return secret;
}

// Where clients of speaches have their key in the address.
static bool is_realtime(const char *path) {
        static const char *const paths[] = {"/v1/realtime", "/realtime"};

        for (size_t i = 0; i < N(paths); i++) {
                size_t n = strlen(paths[i]);

                if (strncmp(path, paths[i], n) == 0 && (path[n] == '\0' || path[n] == '/'))
                        return true;
        }
        return false;
}

char *bearer_read(const struct http_request *request, bool *ret_is_foreign) {
        char *secret = authorization_read(http_request_header(request, "Authorization"),
                                          ret_is_foreign);
        const char *offers = NULL;
        bool is_next = false;

        if (secret)
                return secret;
        while (!secret &&
               (offers = http_request_next(request, "Sec-WebSocket-Protocol", offers))) {
                secret = offers_read(offers, &is_next);
                *ret_is_foreign = !strstr(offers, BEARER_PROTOCOL_TOKEN);
        }
        if (secret)
                return secret;
        *ret_is_foreign = false;
        secret = http_request_query(request, "token");
        if (secret || !is_realtime(request->path))
                return secret;
        *ret_is_foreign = true;
        return http_request_query(request, "api_key");
}

char *bearer_free(char *secret) {
        if (secret)
                explicit_bzero(secret, strlen(secret));
        return mem_free(secret);
}
