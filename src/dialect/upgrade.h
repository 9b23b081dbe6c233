#pragma once
// Upgrade: is a WebSocket opened for a request that is known by itself to be a dialect's? Whom
// the dialect can tell by HTTP (dialect.phrase) is refused before, since that is what stock
// clients of other services understand: who it is, how many it has, what it asks for, and
// whether there is room now, in this order.
//
// Threads: loop thread only.

#include <stdbool.h>

#include "dialect/dialect.h"
#include "net/exchange.h"
#include "pipeline/hub.h"

// Whether that dialect's request may upgrade; false: upgrade_answer() says why not.
bool upgrade_may(const struct hub *hub, const struct dialect *dialect,
                 const struct http_request *request);

// Answer a request of that dialect for which no WebSocket is opened: it may not, or has not
// asked for one (426). Logged and counted as a session that is refused.
void upgrade_answer(struct hub *hub, const struct dialect *dialect, struct exchange *exchange);
