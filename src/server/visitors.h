#pragma once
// Visitors: which requests are answered at all. Private to server/.
//
// Threads: loop thread only.

#include "net/listener.h"
#include "server/config.h"

struct visitors;

// With the configuration's origins and hosts (lent), and this machine's own names.
struct visitors *visitors_new(const struct config *config);
struct visitors *visitors_free(struct visitors *visitors);

// Why the request is refused: a foreign page's, or one by a name that is not ours; with what to
// set if it is to be let in. NULL: it is not. The caller frees it.
char *visitors_refuse(const struct visitors *visitors, const struct http_request *request);
