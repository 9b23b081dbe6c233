#include "auth/principal.h"

#include <stddef.h>
#include <string.h>

#include "util/word_list.h"

#define NO_TOKEN                                                                             \
        "this needs a token: Authorization: Bearer TOKEN, such as the owner's, which is in " \
        "the file token of the state folder; or ask by the unix socket"

bool principal_may(const struct principal *principal, enum principal_scope scope) {
        return principal && (principal->scopes & scope);
}

bool principal_may_read(const struct principal *principal, const char *stream) {
        if (!principal_may(principal, SCOPE_READ))
                return false;
        if (!principal->streams)
                return true;
        return stream && word_list_matches(principal->streams, stream);
}

bool principal_may_speak(const struct principal *principal, const char *dialect) {
        size_t length = strlen(dialect);

        if (!principal)
                return false;
        if (!principal->dialects)
                return true;
        for (const char *word = principal->dialects; *word;) {
                size_t n = strcspn(word, " ");

                if (n == length && memcmp(word, dialect, n) == 0)
                        return true;
                word += n + strspn(word + n, " ");
        }
        return false;
}

bool principal_may_ask(const struct principal *principal, enum principal_scope scope) {
        return principal_may(principal, scope) && principal_may_speak(principal, PRINCIPAL_API);
}

bool principal_is_over(const struct principal *principal, int64_t now) {
        const struct principal_life *life = principal->life;

        return life && (life->is_revoked || (life->expires && now >= life->expires));
}

struct principal_life *principal_counts(const struct principal *principal) {
        struct principal_life *life = principal->life;

        return life && life->lender ? life->lender : life;
}

const struct principal *principal_hold(const struct principal *principal) {
        if (principal && principal->life)
                principal->life->n_holders++;
        return principal;
}

void principal_release(const struct principal *principal) {
        struct principal_life *life = principal ? principal->life : NULL;

        if (life && --life->n_holders == 0)
                life->free(life);
}

const struct principal *principal_anonymous(bool is_loopback) {
        static const struct principal here = {.name = "anonymous",
                                              .scopes = SCOPE_READ | SCOPE_LISTEN,
                                              .is_loopback = true,
                                              .stranger = NO_TOKEN};
        static const struct principal elsewhere = {
                .name = "anonymous", .scopes = SCOPE_READ | SCOPE_LISTEN, .stranger = NO_TOKEN};

        return is_loopback ? &here : &elsewhere;
}

const struct principal *principal_local(void) {
        static const struct principal local = {.name = "local",
                                               .scopes =
                                                       SCOPE_READ | SCOPE_LISTEN | SCOPE_MANAGE,
                                               .is_loopback = true};

        return &local;
}
