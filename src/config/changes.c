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

// A list of what users name, or of tokens.
struct listed {
        enum setting_owner owner;
        const void *items;
        size_t n, size;
};

static struct listed listed_of(const struct config *config, enum setting_kind kind) {
        if (kind == SETTING_ALERTS)
                return (struct listed){SETTING_IN_ALERT, config->alerts, config->n_alerts,
                                       sizeof(*config->alerts)};
        if (kind == SETTING_SINKS)
                return (struct listed){SETTING_IN_SINK, config->sinks, config->n_sinks,
                                       sizeof(*config->sinks)};
        return (struct listed){SETTING_IN_TOKEN, config->auth.tokens, config->auth.n_tokens,
                               sizeof(*config->auth.tokens)};
}

// Each has its name, which begins it, and settings.
static bool lists_are_equal(const struct config *config, const struct config *other,
                            enum setting_kind kind) {
        struct listed left = listed_of(config, kind), right = listed_of(other, kind);

        if (left.n != right.n)
                return false;
        for (size_t i = 0; i < left.n; i++) {
                const char *a = (const char *)left.items + i * left.size;
                const char *b = (const char *)right.items + i * right.size;
                struct setting_target targets[2] = {0};

                targets[0].owners[left.owner] = (void *)(uintptr_t)a;
                targets[1].owners[left.owner] = (void *)(uintptr_t)b;
                if (strcmp(*(char *const *)(const void *)a, *(char *const *)(const void *)b) !=
                            0 ||
                    !owned_is_equal(left.owner, &targets[0], &targets[1]))
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
                bool is_list = setting->kind == SETTING_ALERTS ||
                               setting->kind == SETTING_SINKS ||
                               setting->kind == SETTING_TOKENS;

                if (!setting_needs_restart(setting))
                        continue;
                if (is_list ? lists_are_equal(config, other, setting->kind)
                            : setting_is_equal(setting, &left, &right))
                        continue;
                if (n < SETTINGS_MAX - 1)
                        ret[n++] = setting->name;
        }
        ret[n] = NULL;
        return n;
}
