#include "auth/principal.h"

#include <fnmatch.h>
#include <stddef.h>

bool principal_may(const struct principal *principal, enum principal_scope scope) {
        return principal && (principal->scopes & scope);
}

bool principal_may_read(const struct principal *principal, const char *stream) {
        if (!principal_may(principal, SCOPE_READ))
                return false;
        if (!principal->streams)
                return true;
        if (!stream)
                return false;
        for (size_t i = 0; principal->streams[i]; i++)
                if (fnmatch(principal->streams[i], stream, 0) == 0)
                        return true;
        return false;
}

const struct principal *principal_anonymous(bool is_loopback) {
        static const struct principal here = {
                .name = "anonymous", .scopes = SCOPE_READ | SCOPE_LISTEN, .is_loopback = true};
        static const struct principal elsewhere = {.name = "anonymous",
                                                   .scopes = SCOPE_READ | SCOPE_LISTEN};

        return is_loopback ? &here : &elsewhere;
}

const struct principal *principal_local(void) {
        static const struct principal local = {.name = "local",
                                               .scopes =
                                                       SCOPE_READ | SCOPE_LISTEN | SCOPE_MANAGE,
                                               .is_loopback = true};

        return &local;
}
