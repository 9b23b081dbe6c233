#pragma once
// Listener, the side of it that its connections see.
//
// Threads: loop thread only.

#include "net/deflate.h"
#include "net/listener.h"

struct connection;

struct listener {
        struct loop *loop;
        struct listener_handler handler;
        struct deflater *deflater;  // shared by all websockets; NULL: no memory for one
        struct connection *connections;
        size_t n_connections;
        size_t connections_max;
        struct acceptor *acceptor;  // NULL after listener_stop()
        int port;
        bool is_loopback;
};
