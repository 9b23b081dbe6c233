#pragma once
// Principal: who asks, and what it may do? Each request and each session has one. (Limits per
// address go by the address, which request and session have beside it; of a local one it names
// the user.)
//
// Threads: any for those that are static, loop thread only for those of tokens.
// Memory:  counted: one of a token lives as long as the token, a request or a session has it.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What one may do; bits.
enum principal_scope {
        SCOPE_READ = 1,    // hear what is heard, and look up what was
        SCOPE_LISTEN = 2,  // bring sound and have it made text
        SCOPE_MANAGE = 4,  // change what the server does and has
};

// What changes of one while it lives.
struct principal_life {
        size_t n_holders;
        size_t n_sessions;     // that it has open
        size_t n_connections;  // whose last request was its
        bool is_revoked;
        int64_t expires;                                  // Unix ms; 0: never
        void (*free)(const struct principal_life *life);  // when nobody holds it any more
        // Whose sessions and connections its own are, held by it; NULL: they are its own.
        struct principal_life *lender;
};

struct principal {
        const char *name;  // for logs and rows
        unsigned scopes;
        bool is_loopback;      // it is on this machine
        char *const *streams;  // that it may read: names and globs; NULL: all
        const char *dialects;  // that it may speak, or "api"; NULL: all
        // Why it has no token's scopes, and what would let it in; NULL: it has a token.
        const char *stranger;
        struct principal_life *life;  // NULL: it is static
};

// Whether it has that scope. NULL, somebody whom nobody has looked at, has none.
bool principal_may(const struct principal *principal, enum principal_scope scope);

// Whether it may read that stream; NULL: all there are and will be.
bool principal_may_read(const struct principal *principal, const char *stream);

// Whether it may be a client of that kind (dialect/dialects.h, or PRINCIPAL_API).
bool principal_may_speak(const struct principal *principal, const char *dialect);

// What those who ask by HTTP, and the page, are as clients.
#define PRINCIPAL_API "api"

// Whether it has that scope, and may use it by HTTP.
bool principal_may_ask(const struct principal *principal, enum principal_scope scope);

// Whether its token was revoked, or has expired by `now` (Unix ms).
bool principal_is_over(const struct principal *principal, int64_t now);

// Where its sessions and connections count: a token's are those of all secrets that it has
// lent, too. NULL: nowhere, since it is static.
struct principal_life *principal_counts(const struct principal *principal);

// Keep it until it is released as often. NULL is fine.
const struct principal *principal_hold(const struct principal *principal);
void principal_release(const struct principal *principal);

// Somebody without a token, on a server that asks for none. Static.
const struct principal *principal_anonymous(bool is_loopback);

// An administrator of this machine's server, who came by the unix socket: "local". Static.
const struct principal *principal_local(void);
