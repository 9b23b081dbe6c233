#pragma once
// Overload: what the log and clients are told when there is more to decode, or to keep, than
// the machine can take. Private to server/.
//
// Threads: loop thread only.

#include "pipeline/hub.h"

struct overload;

struct overload *overload_new(struct hub *hub);
struct overload *overload_free(struct overload *overload);

// Look at the load and tell whoever is concerned; to be called about every second.
void overload_tell(struct overload *overload);
