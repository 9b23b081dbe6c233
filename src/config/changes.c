#include "config/changes.h"

#include <string.h>

// What both have of the setting's owner.
static bool owned_is_equal(enum setting_owner owner, const struct setting_target *left,
                           const struct setting_target *right) {
        for (const struct setting *setting = setting_table; setting->name; setting++)
                if (setting->owner == owner && !setting_is_equal(setting, left, right))
                        return false;
        return true;
}

bool config_stream_is_equal(const struct config *config, const struct stream_config *stream,
                            const struct config *other, const struct stream_config *in_other) {
        CLEANUP(request_defaults_deinit)
        struct request_defaults left = config_stream_defaults(config, stream);
        CLEANUP(request_defaults_deinit)
        struct request_defaults right = config_stream_defaults(other, in_other);
        struct setting_target targets[] = {
                {{[SETTING_IN_REQUEST] = &left,
                  [SETTING_IN_STREAM] = (void *)(uintptr_t)stream}},
                {{[SETTING_IN_REQUEST] = &right,
                  [SETTING_IN_STREAM] = (void *)(uintptr_t)in_other}},
        };

        return owned_is_equal(SETTING_IN_STREAM, &targets[0], &targets[1]) &&
               owned_is_equal(SETTING_IN_REQUEST, &targets[0], &targets[1]);
}

// Sinks are the same when all their settings are, and they are called and ordered the same.
static bool sinks_are_equal(const struct config *config, const struct config *other) {
        if (config->n_sinks != other->n_sinks)
                return false;
        for (size_t i = 0; i < config->n_sinks; i++) {
                struct setting_target left = {{[SETTING_IN_SINK] = &config->sinks[i]}};
                struct setting_target right = {{[SETTING_IN_SINK] = &other->sinks[i]}};

                if (strcmp(config->sinks[i].name, other->sinks[i].name) != 0 ||
                    !owned_is_equal(SETTING_IN_SINK, &left, &right))
                        return false;
        }
        return true;
}

size_t config_restart_needed(const struct config *config, const struct config *other,
                             const char *ret[SETTINGS_MAX]) {
        struct setting_target left = {{[SETTING_IN_CONFIG] = (void *)(uintptr_t)config}};
        struct setting_target right = {{[SETTING_IN_CONFIG] = (void *)(uintptr_t)other}};
        size_t n = 0;

        for (const struct setting *setting = setting_table; setting->name; setting++) {
                if (!setting_needs_restart(setting))
                        continue;
                if (setting->kind == SETTING_SINKS ? sinks_are_equal(config, other)
                                                   : setting_is_equal(setting, &left, &right))
                        continue;
                if (n < SETTINGS_MAX - 1)
                        ret[n++] = setting->name;
        }
        ret[n] = NULL;
        return n;
}
