#pragma once
// Relay: tells the sinks what streams do besides their journaled text: that they come and go,
// how their sources are, that somebody speaks, and the tail.
//
// Threads: loop thread only.

#include "pipeline/hub.h"
#include "sink/sink.h"

struct relay;

// Of the hub's streams that are journaled: what is not to be kept is nobody's business. Hub and
// sinks are lent; no stream is left when the relay is freed.
struct relay *relay_new(struct hub *hub, struct sinks *sinks);

// NULL is fine. Returns NULL.
struct relay *relay_free(struct relay *relay);
