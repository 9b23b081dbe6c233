#pragma once
// Raw, the side of it that the listener sees.
//
// Threads: loop thread only.

#include "net/listening.h"
#include "net/raw.h"

// Serve an accepted socket, which it takes over.
void raw_open(struct listener *listener, int fd);

// The listener goes: end it, drop the socket, forget the listener.
void raw_drop(struct raw *raw);

// The next on the listener's list.
struct raw *raw_next(const struct raw *raw);
