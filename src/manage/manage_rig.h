#pragma once
// Manage rig: pulled streams on a hub rig, with a state folder of their own. Only in tests.
//
// Threads: main thread.

#include "manage/pulled.h"
#include "manage/reload.h"
#include "manage/rules.h"
#include "manage/state.h"
#include "pipeline/hub_rig.h"

struct manage_rig {
        struct hub_rig *hub;
        char *folder;
        struct config *config;  // that the streams begin with
        struct state *state;
        struct pulled *pulled;  // NULL where the hub is
        struct rules *rules;    // likewise
        char alerts[256];       // those in force: "fire help"
        unsigned n_prepared;    // streams whose text was to be kept
};

int manage_rig_setup(void **state);
int manage_rig_teardown(void **state);

// The rig, or the test is skipped.
struct manage_rig *manage_rig_need(void **state);

// The streams of that configuration (YAML) and of what the state folder has, in the place of
// those that there are, as after a restart of the server.
void manage_rig_begin(struct manage_rig *rig, const char *config);

// The path of a file in the state folder; good until the next call.
const char *manage_rig_path(const struct manage_rig *rig, const char *name);

// Turn the loop until all that was set is on disk. The words when it could not be written, else
// NULL; good until the next call.
const char *manage_rig_keep(struct manage_rig *rig);

// Add a stream of the API: JSON.
void manage_rig_add(struct manage_rig *rig, const char *wish);

// The names of all streams, each with the first letters of owner and state: "hall:ac yard:fp".
// Good until the next call.
const char *manage_rig_list(const struct manage_rig *rig);
