#pragma once
// Principal: who asks? Each request and each session has one. There are no tokens yet, so
// whoever comes by TCP is anonymous; what an anonymous principal may depends on where it is.
// (Limits per address go by the address, which request and session have beside it; of a local
// one it names the user.)
//
// Threads: any; immutable.

#include <stdbool.h>

struct principal {
        const char *name;  // for logs
        bool is_loopback;  // it is on this machine, and may see what is its owner's only
        bool may_manage;   // it may change what the server does and has
};

// Somebody without a token. Static.
const struct principal *principal_anonymous(bool is_loopback);

// An administrator of this machine's server, who came by the unix socket: "local". Static.
const struct principal *principal_local(void);
