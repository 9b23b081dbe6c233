#pragma once
// Visitors: which requests are answered at all. Private to server/.
//
// Threads: loop thread only.

#include "config/config.h"
#include "net/listener.h"

struct visitors;

// With the configuration's origins and hosts (lent), and this machine's own names.
struct visitors *visitors_new(const struct config *config);
struct visitors *visitors_free(struct visitors *visitors);

// Say who asks, in request->principal, and whether the request is answered: NULL, or why not
// (it is a foreign page's, or comes by a name that is not ours) with what to set if it is to be
// let in. The caller frees that.
char *visitors_admit(const struct visitors *visitors, struct http_request *request);
