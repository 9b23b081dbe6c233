#pragma once
// Alert config: what an alert looks for, and where, as somebody has set it.
//
// Threads: any; plain data.

#include <stdbool.h>
#include <stddef.h>

enum alert_when { ALERT_FINAL, ALERT_STABLE };

// One alert as it is configured.
struct alert_config {
        char *name;
        char *words;      // words and phrases, a line each; NULL: none
        char *patterns;   // regular expressions (PCRE2), a line each; NULL: none
        char *streams;    // names or globs, blanks between; NULL: all
        char *languages;  // codes, blanks between; NULL: all
        bool wants_sessions;
        double cooldown;  // seconds in which it does not fire again on the same stream
        int when;         // enum alert_when
};

// A deep copy; and free what it holds.
struct alert_config alert_config_copy(const struct alert_config *config);
void alert_config_deinit(struct alert_config *config);

// As many as there are in an array; and free that, too.
struct alert_config *alert_configs_copy(const struct alert_config *configs, size_t n);
void alert_configs_free(struct alert_config *configs, size_t n);

// Whether they look for the same in the same way, whatever they are called.
bool alert_config_is_equal(const struct alert_config *a, const struct alert_config *b);
