#pragma once
// Stop: the server's end with grace. Sources stop, every open window is closed and decoded,
// clients get their text and a goodbye. Private to server/.
//
// Threads: loop thread only.

#include "pipeline/hub.h"
#include "server/server.h"

struct stop;

// Begin to stop all streams and sessions of the hub; on_stopped comes when nothing is left, or
// when SERVER_GRACE and a little more is over.
struct stop *stop_begin(struct hub *hub, void (*on_stopped)(void *context), void *context);
struct stop *stop_free(struct stop *stop);

// A client came by a connection that it has had open: it is told to go, and waited for no
// longer than others.
void stop_turn_away(struct stop *stop);

// A pulled stream has no backlog any more: its readers may go, if it was the last.
void stop_on_idle(struct stop *stop);
