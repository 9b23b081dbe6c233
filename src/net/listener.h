#pragma once
// Listener: one TCP port, or one unix socket, on which HTTP requests and WebSockets arrive, or
// connections of another protocol.
//
// Threads: loop thread only.
// Limits:  LISTENER_* below; a connection over one gets a clear refusal (400, 408, 413, 431,
//          503) and is closed, the others are untouched.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/http_request.h"
#include "util/error.h"
#include "util/loop.h"

struct budget;    // util/budget.h
struct exchange;  // net/exchange.h
struct listener;
struct raw;           // net/raw.h
struct tls_identity;  // net/tls_identity.h
struct websocket;     // net/websocket.h

#define LISTENER_HEADER_BYTES_MAX (16 * 1024)
#define LISTENER_REQUEST_TIMEOUT  (10 * NSEC_PER_SEC)  // for the head, and a body nobody wants
#define LISTENER_CONNECTIONS_MAX  16384  // fewer if the descriptor limit (ulimit -n) says so
#define LISTENER_DESCRIPTORS_KEPT \
        256                    // of that limit, for everything else; half of a small one
#define LISTENER_LOCAL_MAX 64  // connections to a unix socket
#define LISTENER_PER_CHILD 4   // of them for each child: pipes to it, and from it

struct listener_handler {
        // A plain request (no upgrade): answer it (net/exchange.h), or set a handler that will.
        void (*on_request)(void *context, struct exchange *exchange);
        // A WebSocket was opened; set its handler (websocket_set_handler) before returning.
        void (*on_websocket)(void *context, const struct http_request *request,
                             struct websocket *socket);
        // Whether a request to upgrade may; else it is answered as a plain one (on_request),
        // and that answer says why not. Optional: all may.
        bool (*upgrades)(void *context, const struct http_request *request);
        // Say who asks, in request->principal (NULL before), and whether they may: NULL, or
        // why not, as words that the caller frees, with *ret_status, which is 403 before (the
        // connection is closed then). Called before any of the above. Optional.
        char *(*admit)(void *context, struct http_request *request, int *ret_status);
        // The request that was admitted, or refused, is no more, nor is who asked needed for
        // it. Optional.
        void (*dismiss)(void *context, struct http_request *request);
        // What connects does not speak HTTP: its bytes are handed on as they come (net/raw.h);
        // set its handler before returning. The request has nothing but who asks, and nobody is
        // told why there is no room. With it the listener is never encrypted, and of the above
        // only admit and dismiss are called. NULL: it is HTTP.
        void (*on_raw)(void *context, const struct http_request *request, struct raw *raw);
        // More headers of the answer that opens a WebSocket, each with its "\r\n", which the
        // caller frees; NULL: none. Optional.
        char *(*upgrade_headers)(void *context, const struct http_request *request);
        // How what net/ refuses by itself or at `admit` is said to that client. Optional.
        http_phrase_fn *phrase;
        void *context;
        // The budget that connections' buffers are charged to; NULL: none. It outlives the
        // listener. When nothing is left, WebSockets and answers larger than BYTES_KEEP are
        // refused (503).
        struct budget *budget;
};

#define LISTENER_PARTS 8

struct listener_limits {
        size_t per_address;  // connections of one address (address.h); 0: any number
        size_t n_children;   // of cameras and uploads, that need descriptors as well
        size_t parts;        // of LISTENER_PARTS of the connections that there may be; 0: all
};

// Bind to "HOST:PORT", "[v6]:PORT" or ":PORT" and listen. Port 0 takes a free one. -EADDRINUSE
// and friends come with the remedy in *error. SIGPIPE is ignored in this process from then on.
int listener_open(struct listener **ret, struct loop *loop, const char *address,
                  const struct listener_handler *handler, struct error *error);

// Listen on a unix socket with that path, made for its owner and for that group's members, if
// there is such a group (NULL: none). Who else may, `admit` says: request->local tells who it
// is (net/peer.h). Never replaces a socket that somebody answers on. Has LISTENER_LOCAL_MAX
// connections. -EADDRINUSE and friends, with words.
int listener_open_local(struct listener **ret, struct loop *loop, const char *path,
                        const char *group, const struct listener_handler *handler,
                        struct error *error);

// Speak TLS on connections to come, with this identity, which it takes over. One that it had
// before goes; connections that were begun with that go on.
void listener_encrypt(struct listener *listener, struct tls_identity *identity);

// The identity of connections to come, lent; NULL: they are not encrypted.
const struct tls_identity *listener_identity(const struct listener *listener);

// The port in use; 0 for a unix socket.
int listener_port(const struct listener *listener);

// True when only this machine can connect.
bool listener_is_loopback(const struct listener *listener);

// Limit connections further. No address has more than three quarters of all there may be, so
// that others, who ask for health for instance, are answered; unless it may have any number.
// Whoever has too many is refused (503).
void listener_limit(struct listener *listener, const struct listener_limits *limits);

// Accept no more; open connections stay.
void listener_stop(struct listener *listener);

// Connections open now, WebSockets included.
size_t listener_connections(const struct listener *listener);

// Drop all connections at once and free. Their websockets' on_close is called before this
// returns, and nothing of the handler afterwards. The last handles close in the background: run
// the loop on. NULL is fine. Returns NULL.
struct listener *listener_close(struct listener *listener);
