#pragma once
// Visitors: who asks, and which requests are answered at all? A token says who; without one it
// goes by where the request is from.
//
// Threads: loop thread only.

#include <stdbool.h>

#include "net/http_request.h"
#include "util/loop.h"

struct tickets;  // auth/tickets.h
struct tokens;   // auth/tokens.h
struct visitors;

// What the key is that a request may have.
enum visitors_key {
        KEY_IS_TOKEN,     // a token of ours, or it is refused
        KEY_IS_A_HABIT,   // stock clients send one always: another than ours counts as none
                          // where whoever has none may come in
        KEY_COMES_LATER,  // what it opens says who asks; a WebSocket is not refused for that
};

// What holds; lent, and outlives the visitors. Lists have blanks between their words; NULL:
// none.
struct visitors_rules {
        struct loop *loop;
        const struct tokens *tokens;
        const struct tickets *tickets;  // that they have lent; NULL: none
        bool is_open;                   // `auth: none`: whoever comes may read and listen
        const char *origins;            // pages of other servers that may come here
        const char *hosts;    // names that the configuration adds to this machine's own
        const char *proxies;  // networks whose word is believed for whom they bring
        // Who comes in without a token although there are some:
        const char *anonymous_from;      // networks
        const char *anonymous_dialects;  // NULL: any
        unsigned anonymous_scopes;       // enum principal_scope
        enum visitors_key (*key_of)(const struct http_request *request);  // optional: a token
        size_t connections_max;  // of one token; 0: any number
};

struct visitors *visitors_new(const struct visitors_rules *rules);
struct visitors *visitors_free(struct visitors *visitors);

// Say who asks, in request->principal, which visitors_dismiss() gives back, which page may read
// the answer, in request->page, and whether the
// request is answered: NULL, or why not with what to set if it is to be let in, and *ret_status
// (401: a token would do; 429: this one has too many connections; else as it was). The caller
// frees the words.
//
// A page of somebody else's, a name that is not ours and what a proxy has handed on are refused
// unless the request has a good token. What a principal may ask for, routes and sessions look
// at; only a WebSocket for somebody who may do nothing at all is refused here.
char *visitors_admit(const struct visitors *visitors, struct http_request *request,
                     int *ret_status);

// Whose secret that is, which came later than its request; lent. NULL: nobody's.
const struct principal *visitors_identify(const struct visitors *visitors, const char *secret);

// As above for a request by the unix socket, which no browser's page can send: its process is
// answered when its user is root or the server's own, or it is in the group that the socket is
// for.
char *visitors_admit_local(struct http_request *request);

// As above for a connection that is no HTTP, and has no token: says who it is.
void visitors_admit_raw(const struct visitors *visitors, struct http_request *request);

void visitors_dismiss(struct http_request *request);
