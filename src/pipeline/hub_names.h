#pragma once
// Hub names: what clients may name their streams, and which names are somebody's although no
// stream may have them at the moment, such as those of cameras that are paused. No client
// listens with one of these, nor is its sound kept among that of such a camera.
//
// Threads: loop thread only.

#include <stdbool.h>

struct hub;

// Who is asked from now on, until the next call; `is_reserved` NULL: no name is reserved.
void hub_reserve(struct hub *hub, bool (*is_reserved)(const void *context, const char *name),
                 const void *context);

bool hub_is_reserved(const struct hub *hub, const char *name);

#define HUB_NAME_MAX 256  // bytes

// Whether a client may give its stream that name: UTF-8 without control characters, and what a
// part of a path can be, since the stream is asked for by one.
bool hub_name_is_good(const char *name);
