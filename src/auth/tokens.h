#pragma once
// Tokens: those of the configuration, of the token file, and the owner's, as the server knows
// them while it runs.
//
// Threads: loop thread only.

#include <stdbool.h>
#include <stdint.h>

#include "auth/principal.h"
#include "auth/token.h"
#include "util/cleanup.h"
#include "util/error.h"

#define TOKENS_OWNER_FILE "token"  // in the state folder

struct tokens;

// Where they are; lent, and outlives them, or what follows it (tokens_move()).
struct tokens_place {
        const struct token_text *listed;  // of the configuration
        size_t n_listed;
        const char *file;   // the token file, which need not be there
        const char *owner;  // the file with the owner's secret
};

// Read them. The owner's is made where there is none: all scopes, for the machine's owner to
// manage the server by HTTP; where that cannot be, the log says so and there is none. -EINVAL,
// -EPERM and so on with words when the token file is not as it should be.
int tokens_open(struct tokens **ret, const struct tokens_place *place, struct error *error);

// Read the files again. Tokens that have changed or are gone are revoked. When something is
// wrong, all stays as it is, and the words say what.
int tokens_reload(struct tokens *tokens, struct error *error);

// They are somewhere else from now on; then as above. The new place is kept in any case.
int tokens_move(struct tokens *tokens, const struct tokens_place *place, struct error *error);

// Whether any were ever set beyond the owner's since the start: then nobody comes in without
// one, not even when the last was revoked.
bool tokens_are_set(const struct tokens *tokens);

// Whose secret that is at `now` (Unix ms), lent. NULL: nobody's. Takes as long for a wrong one
// as for a right one.
const struct principal *tokens_find(const struct tokens *tokens, const char *secret,
                                    int64_t now);

// All are revoked, and live on as long as somebody holds them. NULL is fine. Returns NULL.
struct tokens *tokens_close(struct tokens *tokens);

DEFINE_CLEANUP(struct tokens *, tokens_close);
