#pragma once
// Hub names: which names are somebody's although no stream may have them at the moment, such as
// those of cameras that are paused. No client listens with one of these, nor is its sound kept
// among that of such a camera.
//
// Threads: loop thread only.

#include <stdbool.h>

struct hub;

// Who is asked from now on, until the next call; `is_reserved` NULL: no name is reserved.
void hub_reserve(struct hub *hub, bool (*is_reserved)(const void *context, const char *name),
                 const void *context);

bool hub_is_reserved(const struct hub *hub, const char *name);
