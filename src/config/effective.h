#pragma once
// Effective: a configuration as it was understood, in the shape of its file: defaults filled
// in, secrets removed, for people and programs that want to know what is in force.
//
// Threads: wherever nobody changes the configuration.

#include <jansson.h>

#include "config/config.h"

// What stands for a value that is secret.
#define EFFECTIVE_SECRET "***"

// {"listen": "127.0.0.1:9090", ..., "streams": {"hall": {"url": ...}}}; the caller's. Settings
// without a value are left out. Of streams only what they have of their own is in it, since the
// server's own holds for the rest. Sizes and times are as people write them ("128MB", "0.6s").
json_t *config_effective(const struct config *config);

// {"listen": "file", "model": "environment", "threads": "option"}: where the server's settings
// come from that are no defaults; the caller's.
json_t *config_came_from(const struct config *config);

// {"config": as config_effective(), "from": as config_came_from()} of a server that was started
// with one configuration and has read another since: what needs a restart is still as it was
// then. The two may be the same. The caller's.
json_t *config_in_force(const struct config *started, const struct config *read);

// What holds for an alert, defaults included: {"words": ["fire"], "cooldown": "30s", ...}; the
// caller's.
json_t *config_effective_alert(const struct alert_config *alert);

// Such an object as the text of a configuration file, which the caller frees.
char *config_effective_text(const json_t *effective);
