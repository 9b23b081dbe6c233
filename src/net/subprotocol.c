#include "net/subprotocol.h"

#include <string.h>
#include <strings.h>

#define TOKEN_LETTERS                                                                \
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_" \
        "`|~"

// Words that clients use to say that a secret follows: as the next one offered, or behind a
// sign in the same. "base64url.bearer.authorization.k8s.io.TOKEN" is Kubernetes', and
// "openai-insecure-api-key.KEY" OpenAI's.
static const char *const secret_words[] = {
        "access-token", "access_token",  "accesstoken", "api-key",     "api_key",
        "apikey",       "auth",          "auth-token",  "auth_token",  "authorization",
        "basic",        "bearer",        "credential",  "credentials", "jwt",
        "key",          "passwd",        "password",    "pwd",         "secret",
        "session",      "session-token", "sid",         "ticket",      "token",
};

static bool is_letter(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// The word stands in the name, from sign to sign.
static bool name_has_word(const char *name, size_t n, const char *word) {
        size_t length = strlen(word);

        for (size_t i = 0; i + length <= n; i++)
                if (strncasecmp(name + i, word, length) == 0 &&
                    (i == 0 || !is_letter(name[i - 1])) &&
                    (i + length == n || !is_letter(name[i + length])))
                        return true;
        return false;
}

static bool name_speaks_of_secret(const char *name, size_t n) {
        for (size_t i = 0; i < sizeof(secret_words) / sizeof(secret_words[0]); i++)
                if (name_has_word(name, n, secret_words[i]))
                        return true;
        return false;
}

// A JSON web token begins with the base64 of `{"`.
static bool name_is_signed(const char *name, size_t n) {
        return n > 3 && memcmp(name, "eyJ", 3) == 0;
}

static bool name_is_marker(const char *name, size_t n) {
        return (n == 5 && strncasecmp(name, "token", n) == 0) ||
               (n == 6 && strncasecmp(name, "bearer", n) == 0);
}

static void name_offer(struct subprotocol *chosen, const char *name, size_t n) {
        bool is_secret = chosen->is_secret_next;

        if (chosen->marker) {
                chosen->is_followed = true;
        } else if (!is_secret && name_is_marker(name, n)) {
                chosen->marker = name;
                chosen->n_marker = n;
        }
        chosen->is_secret_next = name_speaks_of_secret(name, n);
        if (chosen->name || is_secret || chosen->is_secret_next || name_is_signed(name, n) ||
            strspn(name, TOKEN_LETTERS) < n)
                return;
        chosen->name = name;
        chosen->n = n;
}

void subprotocol_offer(struct subprotocol *chosen, const char *offers) {
        while (*offers) {
                size_t n;

                offers += strspn(offers, " \t,");
                n = strcspn(offers, " \t,");
                if (n > 0)
                        name_offer(chosen, offers, n);
                offers += n;
        }
}

void subprotocol_end(struct subprotocol *chosen) {
        if (chosen->name || !chosen->is_followed)
                return;
        chosen->name = chosen->marker;
        chosen->n = chosen->n_marker;
}
