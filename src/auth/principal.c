#include "auth/principal.h"

const struct principal *principal_anonymous(bool is_loopback) {
        static const struct principal here = {.name = "anonymous", .is_loopback = true};
        static const struct principal elsewhere = {.name = "anonymous"};

        return is_loopback ? &here : &elsewhere;
}

const struct principal *principal_local(void) {
        static const struct principal local = {
                .name = "local", .is_loopback = true, .may_manage = true};

        return &local;
}
