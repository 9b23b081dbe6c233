#pragma once
// Listening: the side of a listener that its connections see.
//
// Threads: loop thread only.

#include "net/deflate.h"
#include "net/listener.h"
#include "util/tally.h"

struct connection;

struct listener {
        struct loop *loop;
        struct listener_handler handler;
        struct deflater *deflater;  // shared by all websockets; NULL: no memory for one
        struct connection *connections;
        struct raw *raws;
        size_t n_connections;
        size_t connections_max;
        size_t busy_max;                // over the limit, being refused in words at one time
        size_t per_address_max;         // 0: any number
        struct tally addresses;         // of the connections
        struct tls_identity *identity;  // of connections to come; NULL: they are plain
        struct acceptor *acceptor;      // NULL after listener_stop()
        int port;
        bool is_loopback;
};

// Whether its owner lets that request upgrade.
static inline bool listener_upgrades(const struct listener *listener,
                                     const struct http_request *request) {
        const struct listener_handler *handler = &listener->handler;

        return !handler->upgrades || handler->upgrades(handler->context, request);
}
