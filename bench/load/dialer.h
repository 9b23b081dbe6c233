#pragma once
// Dialer: our side of a connection to somebody else's HTTP server: one GET, or a WebSocket.
//
// Threads: loop thread only.
// Memory:  bounded: the answer's head by LISTENER_HEADER_BYTES_MAX, its body by
//          DIALER_BODY_MAX, the WebSocket by its own limits.
// Life:    the owner calls dialer_close() in the end, whatever happened. No callback comes from
//          inside dialer_open().

#include <stddef.h>

#include "util/cleanup.h"
#include "util/error.h"
#include "util/loop.h"

struct dialer;
struct websocket;  // net/websocket.h

#define DIALER_BODY_MAX (1024 * 1024)
#define DIALER_TIMEOUT  (10 * NSEC_PER_SEC)  // from the first packet to the whole answer

struct dialer_handler {
        // ws: it is open; set its handler (websocket_set_handler) before returning. From then
        // on only the socket's own calls come.
        void (*on_websocket)(void *context, struct websocket *socket);
        // http: the answer, lent; `body` is zero-terminated.
        void (*on_answer)(void *context, int status, const char *body, size_t n);
        // It came to nothing. Called once, instead of the above.
        void (*on_failure)(void *context, const struct error *error);
        void *context;
};

// Connect to "ws://HOST[:PORT][/PATH]" for a WebSocket (only on_websocket and on_failure are
// called), or to "http://..." for a GET (only on_answer and on_failure). -EINVAL with words
// when the URL is neither. The host's name is looked up before this returns.
int dialer_open(struct dialer **ret, struct loop *loop, const char *url,
                const struct dialer_handler *handler, struct error *error);

// Drop the connection, if there still is one; an open WebSocket's on_close is called before
// this returns, and nothing afterwards. The handle closes in the background: run the loop on.
// NULL is fine. Returns NULL.
struct dialer *dialer_close(struct dialer *dialer);

DEFINE_CLEANUP(struct dialer *, dialer_close);
