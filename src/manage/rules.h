#pragma once
// Rules: the alerts that there are, by name: whose they are, the configuration file's or the
// API's, and what was done with them while the server runs.
//
// Those of the API outlive the process in its state (state.h). Where the file has an alert of
// the same name, the API's is kept and does not fire: it is shadowed.
//
// Threads: loop thread only.

#include <jansson.h>
#include <stdbool.h>

#include "config/config.h"
#include "manage/refusal.h"
#include "manage/state.h"

struct rules;

struct rules_parts {
        struct state *state;
        const struct config *config;  // in force until rules_apply()
        // These are to be looked for from now on; lent during the call. Told at the start, too.
        void (*on_change)(void *context, const struct alert_config *alerts, size_t n);
        void *context;
};

// The alerts of the configuration and of the state. What makes no sense in the state is left
// out and logged.
struct rules *rules_open(const struct rules_parts *parts);

// NULL is fine. Returns NULL.
struct rules *rules_close(struct rules *rules);

// --- what there is ---------------------------------------------------------------------------

// All of them, the file's in its order first; and one, NULL: there is none. Each is {"name",
// "owner": "file" or "api", "is_shadowed", "settings"}: the file's settings with defaults
// filled in, the API's as they were given. The caller's.
json_t *rules_list(const struct rules *rules);
json_t *rules_show(const struct rules *rules, const char *name);

// --- what is done with them ------------------------------------------------------------------

// What is done is in force when these return, and on disk when state_keep() says so. 0, or
// -EINVAL with *ret_refusal.

// An alert of the API that is new: {"name": ..., "words": ..., and other keys of the file}.
int rules_add(struct rules *rules, const json_t *wish, struct refusal *ret_refusal);

// These settings in the place of those that the API's alert of that name has, or a new one
// (*ret_is_new). They may have its name.
int rules_put(struct rules *rules, const char *name, const json_t *wish, bool *ret_is_new,
              struct refusal *ret_refusal);

int rules_remove(struct rules *rules, const char *name, struct refusal *ret_refusal);

// Another configuration, which outlives this or the next call: its alerts take the place of
// those of the present one.
void rules_apply(struct rules *rules, const struct config *config);

DEFINE_CLEANUP(struct rules *, rules_close);
