#pragma once
// Visitors: which requests are answered at all?
//
// Threads: loop thread only.

#include "net/http_request.h"

struct visitors;

// With the origins (lent) and hosts that the configuration adds, blanks between their words
// (NULL: none), and this machine's own names.
struct visitors *visitors_new(const char *origins, const char *hosts);
struct visitors *visitors_free(struct visitors *visitors);

// Say who asks, in request->principal, and whether the request is answered: NULL, or why not
// (it is a foreign page's, or comes by a name that is not ours) with what to set if it is to be
// let in. The caller frees that.
char *visitors_admit(const struct visitors *visitors, struct http_request *request);

// As above for a request by the unix socket, which no browser's page can send: its process is
// answered when its user is root or the server's own, or it is in the group that the socket is
// for.
char *visitors_admit_local(struct http_request *request);
