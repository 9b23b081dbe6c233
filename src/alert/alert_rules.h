#pragma once
// Alert rules: the words and patterns of all alerts, ready to be looked for, and the places in
// a text at which they are found.
//
// Threads: any one at a time.
// Memory:  the configurations are lent and outlive the rules.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/alert_stream.h"
#include "alert/alerts.h"
#include "alert/pattern.h"
#include "alert/phrases.h"

#define ALERT_WORDS_MAX    1000  // words and phrases of one alert
#define ALERT_PATTERNS_MAX 100

// All patterns together may do so many times in a text what one may.
#define ALERT_PATTERN_SHARE 10

// A pattern of an alert, and how often it ran into its limit.
struct alert_pattern {
        struct pattern *pattern;
        unsigned alert;
        uint64_t n_limited;
};

// Where one alert's words are, [begin, end) as passages count bytes.
struct alert_place {
        unsigned alert;
        int64_t begin, end;
        // For who pairs them with what fired before:
        char *key;  // folded
        int64_t position;
        size_t pending;  // index + 1; 0: none
};

struct alert_rules {
        const struct alert_config *configs;
        size_t n;
        struct phrases *phrases;
        struct alert_pattern *patterns;
        size_t n_patterns, patterns_capacity;

        // Of the last text:
        const bool *hears;  // by alert: it is to be looked for
        struct alert_place *places;
        size_t n_places, places_capacity;
        struct folded folded;
        uint64_t n_steps;  // that it took, look-ups of words and steps of patterns
        // While a pattern is looked for:
        unsigned pattern_alert;
        const char *pattern_text;
        int64_t pattern_base;
};

// -EINVAL with words that name the place; *ret_key is then the setting that is wrong, static.
int alert_rules_new(struct alert_rules **ret, const struct alert_config *configs, size_t n,
                    const char **ret_key, struct error *error);

// NULL is fine. Returns NULL.
struct alert_rules *alert_rules_free(struct alert_rules *rules);

// Look through the row's text, which goes on from what the stream said, for those alerts:
// `places` are in the order of the text then, those of one alert that overlap put together.
// The row is appended to the stream; returns its first token there.
size_t alert_rules_find(struct alert_rules *rules, struct alert_stream *stream,
                        const struct row *row, const bool *hears);

DEFINE_CLEANUP(struct alert_rules *, alert_rules_free);
