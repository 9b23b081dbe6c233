#include "alert/alert_config.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

struct alert_config alert_config_copy(const struct alert_config *config) {
        struct alert_config copy = *config;

        copy.name = xstrdup(config->name);
        copy.words = xstrdup(config->words);
        copy.patterns = xstrdup(config->patterns);
        copy.streams = xstrdup(config->streams);
        copy.languages = xstrdup(config->languages);
        return copy;
}

void alert_config_deinit(struct alert_config *config) {
        free(config->name);
        free(config->words);
        free(config->patterns);
        free(config->streams);
        free(config->languages);
        *config = (struct alert_config){0};
}

static bool text_is_equal(const char *a, const char *b) {
        return a && b ? strcmp(a, b) == 0 : a == b;
}

bool alert_config_is_equal(const struct alert_config *a, const struct alert_config *b) {
        return text_is_equal(a->words, b->words) && text_is_equal(a->patterns, b->patterns) &&
               text_is_equal(a->streams, b->streams) &&
               text_is_equal(a->languages, b->languages) &&
               a->wants_sessions == b->wants_sessions && a->cooldown == b->cooldown &&
               a->when == b->when;
}

struct alert_config *alert_configs_copy(const struct alert_config *configs, size_t n) {
        struct alert_config *copies = xcalloc(n + 1, sizeof(*copies));

        for (size_t i = 0; i < n; i++)
                copies[i] = alert_config_copy(&configs[i]);
        return copies;
}

void alert_configs_free(struct alert_config *configs, size_t n) {
        for (size_t i = 0; i < n; i++)
                alert_config_deinit(&configs[i]);
        free(configs);
}
