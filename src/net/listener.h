#pragma once
// Listener: one TCP port on which HTTP requests and WebSockets arrive.
//
// Threads: loop thread only.
// Limits:  LISTENER_* below; a connection over one gets a clear refusal (400, 408, 413, 431,
//          503) and is closed, the others are untouched. Request bodies are read and dropped.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "util/loop.h"

struct budget;     // util/budget.h
struct principal;  // auth/principal.h
struct listener;
struct websocket;  // net/websocket.h

#define LISTENER_HEADER_BYTES_MAX (16 * 1024)
#define LISTENER_REQUEST_TIMEOUT  (10 * NSEC_PER_SEC)  // for the whole request
#define LISTENER_CONNECTIONS_MAX  16384  // fewer if the descriptor limit (ulimit -n) says so
#define LISTENER_DESCRIPTORS_KEPT \
        256                   // of that limit, for everything else; half of a small one
#define LISTENER_PER_CHILD 4  // of them for each child: pipes to it, and from it

// A request head, lent during the call. Names are matched without regard to case.
struct http_request {
        const char *method;   // "GET"
        const char *path;     // without the query, percent-decoding not applied
        const char *query;    // after the "?", or ""
        const char *peer;     // "127.0.0.1:40312"
        const char *address;  // whose that is (address.h): "127.0.0.1"
        bool is_loopback;     // the peer is this machine
        // Who asks, as the listener's owner says (listener_handler.admit); NULL: unasked.
        const struct principal *principal;
        const void *headers;
};

// The value of a header, or NULL.
const char *http_request_header(const struct http_request *request, const char *name);

// True when there are several such headers.
bool http_request_repeats(const struct http_request *request, const char *name);

// The decoded value of `?name=` in the query; the caller frees it. NULL if absent.
char *http_request_query(const struct http_request *request, const char *name);

// An answer to a plain request. `body` is copied.
struct http_response {
        int status;                // 200
        const char *content_type;  // "text/plain; charset=utf-8"
        const char *body;
        size_t body_length;
};

struct listener_handler {
        // A plain request (no upgrade): fill *ret, which stands at 404 without a body. The
        // strings must live until it returns to the loop (static, or kept by the context).
        void (*on_request)(void *context, const struct http_request *request,
                           struct http_response *ret);
        // A WebSocket was opened; set its handler (websocket_set_handler) before returning.
        void (*on_websocket)(void *context, const struct http_request *request,
                             struct websocket *socket);
        // Say who asks, in request->principal (lent; NULL before), and whether they may: NULL,
        // or why not, as words that the caller frees (403, and the connection is closed).
        // Called before either of the above. Optional.
        char *(*admit)(void *context, struct http_request *request);
        void *context;
        // That connections' buffers are charged to; NULL: none. It outlives the listener. When
        // nothing is left, WebSockets and answers larger than BYTES_KEEP are refused (503).
        struct budget *budget;
};

struct listener_limits {
        size_t per_address;  // connections of one address (address.h); 0: any number
        size_t n_children;   // of cameras and uploads, that need descriptors as well
};

// Bind to "HOST:PORT", "[v6]:PORT" or ":PORT" and listen. Port 0 takes a free one. -EADDRINUSE
// and friends come with the remedy in *error. SIGPIPE is ignored in this process from then on.
int listener_open(struct listener **ret, struct loop *loop, const char *address,
                  const struct listener_handler *handler, struct error *error);

// The port in use.
int listener_port(const struct listener *listener);

// True when only this machine can connect.
bool listener_is_loopback(const struct listener *listener);

// Limit connections further. No address has more than three quarters of all there may be, so
// that others, who ask for health for instance, are answered; unless it may have any number.
// Whoever has too many is told so (503).
void listener_limit(struct listener *listener, const struct listener_limits *limits);

// Accept no more; open connections stay.
void listener_stop(struct listener *listener);

// Connections open now, WebSockets included.
size_t listener_connections(const struct listener *listener);

// Drop all connections at once and free. Their websockets' on_close is called before this
// returns, and nothing of the handler afterwards. The last handles close in the background: run
// the loop on. NULL is fine. Returns NULL.
struct listener *listener_close(struct listener *listener);
