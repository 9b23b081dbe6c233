#pragma once
// Events: GET /api/v1/events, for programs and pages that want to hear at once what happens, as
// server-sent events, or over a WebSocket at the same path (docs/api.md).
//
// Each reader is a session of the hub's: it counts for its address, is told when the server
// stops, and can be sent away.
//
// Threads: loop thread only.

#include <stdbool.h>

#include "net/exchange.h"
#include "net/http_request.h"
#include "net/websocket.h"

struct events;
struct hub;

#define EVENTS_PATH "/api/v1/events"

// The hub is lent, and outlives the events.
struct events *events_new(struct hub *hub);

// All readers have gone. NULL is fine. Returns NULL.
struct events *events_free(struct events *events);

// Answer the request with events, or with what is wrong with it.
void events_answer(struct events *events, struct exchange *exchange);

// Whether that request to upgrade has nothing wrong with it. If it has, events_answer() says
// what.
bool events_upgrades(const struct http_request *request);

// Send events there.
void events_take(struct events *events, const struct http_request *request,
                 struct websocket *socket);
