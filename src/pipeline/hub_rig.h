#pragma once
// Hub rig: a hub on a fake clock with a scripted engine. Only in tests.
//
// Threads: main thread; the answers come from the engine's.

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decode/engine_scripted.h"
#include "pipeline/hub.h"
#include "util/budget.h"

#define HUB_RIG_BUDGET ((size_t)64000000)  // bytes

struct hub_rig {
        struct loop *loop;
        struct media_backend *media;
        struct engine_script *script;  // answers with `text`
        struct scheduler *scheduler;
        struct budget *budget;
        struct vad_model *vad;  // NULL where the network is not there
        struct request_defaults defaults;
        struct hub_parts parts;
        struct hub *hub;   // NULL likewise
        const char *text;  // lent
        int failure;       // instead of it, where it is negative
};

// A hub whose model speaks all languages but "xx" and "yi".
int hub_rig_setup(void **state);
int hub_rig_teardown(void **state);

// The rig, or the test is skipped.
struct hub_rig *hub_rig_need(void **state);

// Another hub in the place of the one there is, of what `parts` are now.
void hub_rig_renew(struct hub_rig *rig);

// Open a stream from a camera that is not there.
struct hub_stream *hub_rig_open_pulled(struct hub_rig *rig, const char *name);

// Let the decoder answer all that pulled streams have for it.
void hub_rig_wait(struct hub_rig *rig);
