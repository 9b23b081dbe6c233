#pragma once
// Encryption: with which certificate does the port speak TLS?
//
// Threads: loop thread only.

#include <stdint.h>

#include "config/config.h"
#include "net/listener.h"
#include "util/error.h"
#include "util/loop.h"

// Have the listener speak TLS where the configuration has a certificate. Negative errno with
// words where that cannot be used.
int encryption_start(struct listener *listener, struct loop *loop, const struct config *config,
                     struct error *error);

// Read the certificate again: it was renewed, maybe. One that cannot be used changes nothing
// but is logged; connections that are open keep theirs in any case.
void encryption_reload(struct listener *listener, struct loop *loop,
                       const struct config *config);

// When the certificate of new connections ends, in seconds of Unix time; 0: there is none.
int64_t encryption_expiry(const struct listener *listener);
