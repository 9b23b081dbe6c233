#pragma once
// Principal: who asks? Each request and each session has one. There are no tokens yet, so
// everybody is anonymous; what an anonymous principal may depends on where it is. (Limits per
// address go by the address, which request and session have beside it.)
//
// Threads: any; immutable.

#include <stdbool.h>

struct principal {
        const char *name;  // for logs
        bool is_loopback;  // it is on this machine, and may see what is its owner's only
};

// Somebody without a token. Static.
const struct principal *principal_anonymous(bool is_loopback);
