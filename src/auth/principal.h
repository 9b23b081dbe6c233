#pragma once
// Principal: who asks, and what it may do? Each request and each session has one. (Limits per
// address go by the address, which request and session have beside it; of a local one it names
// the user.)
//
// Threads: any; immutable.

#include <stdbool.h>

// What one may do; bits.
enum principal_scope {
        SCOPE_READ = 1,    // hear what is heard, and look up what was
        SCOPE_LISTEN = 2,  // bring sound and have it made text
        SCOPE_MANAGE = 4,  // change what the server does and has
};

struct principal {
        const char *name;  // for logs and rows
        unsigned scopes;
        bool is_loopback;            // it is on this machine
        const char *const *streams;  // that it may read: names and globs; NULL: all
};

// Whether it has that scope. NULL, somebody whom nobody has looked at, has none.
bool principal_may(const struct principal *principal, enum principal_scope scope);

// Whether it may read that stream; NULL: all there are and will be.
bool principal_may_read(const struct principal *principal, const char *stream);

// Somebody without a token. Static.
const struct principal *principal_anonymous(bool is_loopback);

// An administrator of this machine's server, who came by the unix socket: "local". Static.
const struct principal *principal_local(void);
