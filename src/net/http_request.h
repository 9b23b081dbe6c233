#pragma once
// HTTP request: what a request's head says.
//
// Threads: loop thread only.

#include <stdbool.h>

#include "net/address.h"
#include "net/http_phrase.h"

struct http_head;   // net/http_head.h
struct local_peer;  // net/peer.h
struct principal;   // auth/principal.h

// Stands in a decoded path for a "/" that was escaped ("%2F"): part of a name, and no end of
// one. The byte is in no UTF-8, so no other name can have it; in a request it is refused.
#define HTTP_PATH_SLASH '\xff'

// Lent: a plain request's until its exchange is over (net/exchange.h), an upgrade's during the
// call. Names of headers are matched without regard to case.
struct http_request {
        const char *method;  // "GET"
        // Without the query, decoded: "/a b" for "/a%20b", with HTTP_PATH_SLASH for "%2F".
        // "%00" is refused before anybody sees it.
        const char *path;
        const char *query;    // after the "?", or ""; as it came
        const char *peer;     // "127.0.0.1:40312"
        const char *address;  // whose that is (address.h): "127.0.0.1"
        bool is_loopback;     // the peer is this machine
        bool is_encrypted;    // it came by TLS,
        bool is_certified;    // and our certificate is for its Host
        // The process that asks, where it came by the unix socket; NULL: by TCP.
        const struct local_peer *local;
        // Who asks, as the listener's owner says (listener_handler.admit); NULL: unasked.
        const struct principal *principal;
        // The origin of the page that asks, where its scripts may read the answer (CORS), which
        // the listener's owner says, too (listener_handler.admit); lent by the head. NULL:
        // there is no page, or it may not.
        const char *page;
        const struct http_head *head;
        // How its refusals are put (listener_handler.phrase); NULL: in plain text.
        http_phrase_fn *phrase;
        // Room for whose the request is where a proxy says so; `address` points here then.
        char forwarded[ADDRESS_NAME_MAX];
};

// The value of a header, or NULL.
const char *http_request_header(const struct http_request *request, const char *name);

// The next value of this header after `previous` (NULL: the first), or NULL.
const char *http_request_next(const struct http_request *request, const char *name,
                              const char *previous);

// True when there are several such headers.
bool http_request_repeats(const struct http_request *request, const char *name);

// The decoded value of `?name=` in the query; the caller frees it. NULL if absent.
char *http_request_query(const struct http_request *request, const char *name);

// The query's parameters one after the other, decoded; the caller frees both texts. *at is the
// query at first. False: there are no more.
bool http_request_query_next(const char **at, char **ret_name, char **ret_value);

// For net/: split the target of a complete head, decode its path and fill in both and the
// query. False when the target makes no sense; *ret_reason says why (static).
bool http_request_read(struct http_request *request, struct http_head *head,
                       const char **ret_reason);
