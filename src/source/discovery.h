#pragma once
// Discovery: which cameras are in the network? Each interface's network is asked once by
// WS-Discovery, and what answers within a bounded time is told.
//
// IPv4 only, and only the networks that this machine is in: multicast goes no further.
//
// Threads: loop thread only.
// Memory:  at most DISCOVERY_CAMERAS_MAX cameras are kept, and so many answers are read.

#include <stddef.h>

#include "util/cleanup.h"
#include "util/error.h"
#include "util/loop.h"

#define DISCOVERY_CAMERAS_MAX    64
#define DISCOVERY_ANSWERS_MAX    512  // read; what comes after them is not
#define DISCOVERY_INTERFACES_MAX 16
#define DISCOVERY_ADDRESS_MAX    16  // "255.255.255.255"

struct discovery;
struct ws_match;

struct discovery_config {
        const char *group;  // that is asked, and its port; NULL and 0: those of WS-Discovery
        unsigned port;
        // Addresses of the interfaces by which it is asked, NULL at the end; NULL: of all that
        // are up, loopback included.
        const char *const *interfaces;
        nsec_t duration;  // for which answers are waited for
};

// One that answered. Lent.
struct discovery_camera {
        char address[DISCOVERY_ADDRESS_MAX];  // where the answer came from
        const struct ws_match *match;         // what it says (source/ws_discovery.h)
};

// What was found, in the order in which it came. Lent during the call that tells it.
struct discovery_report {
        const char (*interfaces)[DISCOVERY_ADDRESS_MAX];  // that were asked by
        size_t n_interfaces;
        const struct discovery_camera *cameras;
        size_t n_cameras;
};

// Ask. on_done(context, report) is called once, after `duration` and not from inside this call,
// unless it is closed before; it may close it. -ENETUNREACH with words in *error: there is no
// interface to ask by.
int discovery_open(struct discovery **ret, struct loop *loop,
                   const struct discovery_config *config,
                   void (*on_done)(void *context, const struct discovery_report *report),
                   void *context, struct error *error);

// How many datagrams have come so far, whatever they were.
unsigned discovery_answers(const struct discovery *discovery);

// NULL is fine. Returns NULL.
struct discovery *discovery_close(struct discovery *discovery);

DEFINE_CLEANUP(struct discovery *, discovery_close);
