#pragma once
// Alert JSON: an alert's settings as the API has them, with the keys of the configuration file
// and checked by the same table.
//
// Threads: any; no state.

#include <jansson.h>

#include "config/config.h"

// Read the settings, a JSON object, of an alert that somebody adds while the server runs: what
// a file may have, but that "${NAME}" is no variable. alert_config_deinit() it. -EINVAL and
// *ret_mistakes, whose keys are those of the settings ("patterns"; "name" where that is wrong);
// *ret is empty then.
int config_alert_read(struct alert_config *ret, const char *name, json_t *settings,
                      struct config_mistakes *ret_mistakes);
