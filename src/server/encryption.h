#pragma once
// Encryption: with which certificate does the port speak TLS?
//
// Threads: loop thread only.

#include <stdint.h>

#include "config/config.h"
#include "net/listener.h"
#include "util/error.h"
#include "util/loop.h"

// Have the listener speak TLS with the configuration's certificate, on connections to come, or
// none where it has none. Those that are open go on as they are. Negative errno with words
// where the certificate cannot be used, and nothing has changed.
int encryption_set(struct listener *listener, struct loop *loop, const struct config *config,
                   struct error *error);

// When the certificate of new connections ends, in seconds of Unix time; 0: there is none.
int64_t encryption_expiry(const struct listener *listener);
