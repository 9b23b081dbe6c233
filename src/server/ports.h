#pragma once
// Ports: the listeners of dialects that have one of their own, each where the setting
// listeners.NAME says, or nowhere. None of them is encrypted. Those that other machines reach
// are made known to them, where the dialect has a name for that (net/announcement.h).
//
// Threads: loop thread only.

#include <stddef.h>

#include "config/config.h"
#include "dialect/dialect.h"
#include "net/listener.h"
#include "pipeline/hub.h"
#include "server/guard.h"
#include "util/budget.h"
#include "util/error.h"
#include "util/loop.h"

struct ports;

struct ports_parts {
        struct loop *loop;
        const struct config *config;
        const struct dialect *const *dialects;  // that have one; NULL at the end
        const struct guard *guard;
        struct budget *budget;
        void (*on_session)(void *context);  // one was opened
        void *context;
};

// Listen for all of them. Nobody is let in before ports_set_hub(), and the loop does not turn
// before it. Fails with words when an address cannot be had, or others reach it who may not.
int ports_open(struct ports **ret, const struct ports_parts *parts, struct error *error);

// Where their sessions are.
void ports_set_hub(struct ports *ports, struct hub *hub);

// As listener_limit(), each of those that are open with one of LISTENER_PARTS of all
// connections: `limits` has what is left for the port for everybody then. As listener_stop();
// and as listener_connections(), of all together.
void ports_limit(struct ports *ports, struct listener_limits *limits);
void ports_stop(struct ports *ports);
size_t ports_connections(const struct ports *ports);

// Drop all their connections, take back that they are made known (which may wait: see
// announcement_free()), and free. NULL is fine. Returns NULL.
struct ports *ports_close(struct ports *ports);
