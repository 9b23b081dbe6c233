#pragma once
// Changes: what is not the same in two configurations.
//
// Threads: any; no state.

#include "config/config.h"

// Whether a stream of one configuration would be the same in another: its URL, and all that
// holds for it.
bool config_stream_is_equal(const struct config *config, const struct stream_config *stream,
                            const struct config *other, const struct stream_config *in_other);

// Names of the settings that the two do not have in common and that need a restart of the
// server (setting_needs_restart()), static; NULL at the end. Returns their number.
size_t config_restart_needed(const struct config *config, const struct config *other,
                             const char *ret[SETTINGS_MAX]);
