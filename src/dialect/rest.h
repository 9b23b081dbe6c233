#pragma once
// REST: what dialects answer to plain HTTP requests, which are none of /api/v1. A dialect has a
// table of paths, and its own way to say what was wrong; rest_dialects lists all that have one.
//
// Threads: loop thread only.

#include <stdbool.h>

#include "util/loop.h"

struct scratches;  // transcription/scratch.h
struct exchange;
struct http_phrase;   // net/http_phrase.h
struct http_request;  // net/http_request.h
struct tickets;       // auth/tickets.h
struct hub;

// What the server lends to those who answer; lent during a call.
struct rest_place {
        struct hub *hub;
        struct scratches *scratches;
        struct tickets *tickets;
        const char *model;  // that is loaded, as people name it
        bool is_stopping;
};

// Why not.
struct rest_refusal {
        int status;         // as HTTP has it
        const char *field;  // of the request, that it is about; NULL: none
        const char *words;  // what was wrong and what to do, for people
        const char *allow;  // of a 405: the methods that there are, "GET, HEAD"
        nsec_t retry;       // when it may be worth while to come again; 0: that does not help
};

struct rest_route {
        const char *method;  // "GET" is for HEAD, too
        // "/v1/models/{id}": a name at the end stands for whatever is there, slashes included.
        // A slash behind a path that is written out makes no difference.
        const char *path;
        unsigned scope;  // enum principal_scope; 0: it is everybody's
        // `part` is what stood for the name, lent; NULL: there is none.
        void (*answer)(const struct rest_place *place, struct exchange *exchange,
                       const char *part);
};

struct rest_dialect {
        const char *name;  // for the log, the metrics' label, and auth.anonymous.dialects
        const struct rest_route *routes;  // one without a method ends them
        // Answer with it, in the dialect's own form.
        void (*refuse)(struct exchange *exchange, const struct rest_refusal *refusal);
        // Put what is refused before anybody is asked to answer likewise (net/listener.h).
        // Optional: that is told in plain text.
        void (*phrase)(const struct rest_refusal *refusal, struct http_phrase *phrase);
};

extern const struct rest_dialect *const rest_dialects[];  // NULL at the end

// Answer, or have the dialect answer that has the path. False: none has; somebody else answers.
bool rest_answer(const struct rest_dialect *const *dialects, const struct rest_place *place,
                 struct exchange *exchange);

// Whether one of them has the path.
bool rest_has_path(const struct rest_dialect *const *dialects, const char *path);

// How what net/ and auth/ refuse at such a path is put. False: as plain text.
bool rest_phrase(const struct rest_dialect *const *dialects, const struct http_request *request,
                 int status, const char *words, struct http_phrase *phrase);

// The headers of an answer that says when to come back, as Retry-After and as OpenAI's clients
// and those made like them have it (x-should-retry); `more`: others, each with its "\r\n"; "":
// none. The caller frees them.
char *rest_retry_headers(const struct rest_refusal *refusal, const char *more);
