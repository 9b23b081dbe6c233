#pragma once
// HTTP peer: a server that takes what is posted to it, or misbehaves. Only in tests.
//
// Threads: loop thread.

#include <stdbool.h>
#include <stddef.h>

#include "journal/row.h"
#include "util/loop.h"

enum http_manner {
        HTTP_ANSWERS,   // with `status`
        HTTP_SILENT,    // reads, and says nothing
        HTTP_CLOSING,   // reads it all, and closes
        HTTP_HURRIED,   // closes at the first byte
        HTTP_BABBLING,  // answers what is not HTTP
};

struct http_peer {
        enum http_manner manner;
        int status;           // 0: 200
        const char *headers;  // of the answer, each with its CR LF; NULL: none
        const char *poison;   // a body that has this is answered `poison_status`; NULL: none
        int poison_status;
        unsigned n_good;      // requests beyond so many are answered 503; 0: any
        size_t answer_bytes;  // of the answer's body

        unsigned n_requests, n_connections;
        char *head, *body;             // of the last request; owned
        char (*ids)[ROW_ID_TEXT_MAX];  // of the rows of bodies that it did not refuse; owned
        size_t n_ids, ids_capacity;

        struct loop *loop;
        int port;
        struct http_listener *listener;  // NULL: down
        struct http_connection *connections;
};

// Start it, on a free port or the one that it had; take it down with all its connections.
// Freeing what it saw is http_peer_deinit()'s.
void http_peer_start(struct http_peer *peer, struct loop *loop);
void http_peer_stop(struct http_peer *peer);
void http_peer_deinit(struct http_peer *peer);

// The value of a header of the last request, up to the end of its line; the caller frees it.
// NULL when there is none.
char *http_peer_header(const struct http_peer *peer, const char *name);
