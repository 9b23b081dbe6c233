#pragma once
// WebSocket, the side of it that the connection below sees.
//
// Threads: loop thread only.

#include "net/deflate.h"
#include "net/transport.h"
#include "net/websocket.h"

// Who opened the connection: a client masks its frames, a server must not.
enum websocket_side { WEBSOCKET_SERVER, WEBSOCKET_CLIENT };

// A WebSocket on an upgraded connection. The `deflater` (NULL: no compression was agreed on) is
// lent and outlives it.
struct websocket *websocket_new(struct loop *loop, struct transport *transport,
                                enum websocket_side side, struct deflater *deflater);
struct websocket *websocket_free(struct websocket *socket);

// True once websocket_set_handler() was called.
bool websocket_has_handler(const struct websocket *socket);

// As in transport.h.
size_t websocket_on_bytes(struct websocket *socket, const uint8_t *bytes, size_t n,
                          struct quantum *quantum);
void websocket_on_drained(struct websocket *socket);
void websocket_on_end(struct websocket *socket);

// The connection is gone, or is about to be: calls on_close unless that was done already.
void websocket_end(struct websocket *socket);
