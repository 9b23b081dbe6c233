#pragma once
// Listen: GET /api/v1/listen, a WebSocket for programs that bring sound: binary messages with
// samples go in, and what happens on the stream comes out, as text (docs/api.md).
//
// Who is cut off has LISTEN_PATIENCE to come back: the stream is still there, with its clock
// and its text.
//
// Threads: loop thread only.

#include <stdbool.h>

#include "net/exchange.h"
#include "net/http_request.h"
#include "net/websocket.h"
#include "util/loop.h"

struct hub;

#define LISTEN_PATH     "/api/v1/listen"
#define LISTEN_PATIENCE (60 * NSEC_PER_SEC)

// Answer a request that is no upgrade, or one that may not: with what is wrong with it.
void listen_answer(struct exchange *exchange, const struct hub *hub);

// Whether that request to upgrade may. If not, listen_answer() says why.
bool listen_upgrades(const struct http_request *request, const struct hub *hub);

// A program comes with its sound.
void listen_take(struct hub *hub, const struct http_request *request, struct websocket *socket);
