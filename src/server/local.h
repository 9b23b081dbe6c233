#pragma once
// Local: the unix socket by which this machine's programs talk to the running server.
//
// Threads: loop thread only.

#include "config/config.h"
#include "net/listener.h"
#include "util/loop.h"

// The group whose members may, beside root and the server's own user.
#define LOCAL_GROUP "eavesdrop"

// Listen on it: in $XDG_RUNTIME_DIR, or where another server has that one, in the state folder,
// which is made if absent. The handler is the port's but for `admit`. NULL, which is logged,
// when neither can be had: the server runs without. listener_close() it.
struct listener *local_listen(struct loop *loop, const struct config *config,
                              const struct listener_handler *handler);
