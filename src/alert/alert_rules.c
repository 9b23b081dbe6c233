#include "alert/alert_rules.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alert/alert_list.h"
#include "util/array.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/utf8.h"

// --- from configurations ---------------------------------------------------------------------

static int words_add(struct alert_rules *rules, unsigned alert, const char *words,
                     struct error *error) {
        size_t n_words = 0, line = 0, n;
        const char *item;

        while ((n = alert_list_line(&words, &item, &line)) > 0) {
                if (++n_words > ALERT_WORDS_MAX)
                        return error_set(error, -EINVAL, "more than %d words", ALERT_WORDS_MAX);
                if (phrases_add(rules->phrases, item, n, alert, error) < 0) {
                        error_prefix(error, "words, item %zu", line);
                        return -EINVAL;
                }
        }
        return 0;
}

static int patterns_add(struct alert_rules *rules, unsigned alert, const char *patterns,
                        struct error *error) {
        size_t n_patterns = 0, line = 0, n;
        const char *item;

        while ((n = alert_list_line(&patterns, &item, &line)) > 0) {
                struct alert_pattern *pattern;

                if (++n_patterns > ALERT_PATTERNS_MAX)
                        return error_set(error, -EINVAL, "more than %d patterns",
                                         ALERT_PATTERNS_MAX);
                rules->patterns =
                        array_grow(rules->patterns, rules->n_patterns,
                                   &rules->patterns_capacity, sizeof(*rules->patterns));
                pattern = &rules->patterns[rules->n_patterns];
                *pattern = (struct alert_pattern){.alert = alert};
                if (pattern_new(&pattern->pattern, item, n, error) < 0) {
                        error_prefix(error, "patterns, item %zu", line);
                        return -EINVAL;
                }
                rules->n_patterns++;
        }
        return 0;
}

static int alert_add(struct alert_rules *rules, unsigned alert, const char **ret_key,
                     struct error *error) {
        const struct alert_config *config = &rules->configs[alert];
        size_t n_patterns = rules->n_patterns, n_ends = phrases_count(rules->phrases);
        int r = 0;

        *ret_key = "cooldown";
        if (!isfinite(config->cooldown) || config->cooldown < 0)
                return error_set(error, -EINVAL, "cooldown: no time that can pass");
        *ret_key = "words";
        if (config->words)
                r = words_add(rules, alert, config->words, error);
        if (r == 0 && config->patterns) {
                r = patterns_add(rules, alert, config->patterns, error);
                *ret_key = r < 0 ? "patterns" : *ret_key;
        }
        if (r == 0 && n_patterns == rules->n_patterns &&
            n_ends == phrases_count(rules->phrases))
                r = error_set(error, -EINVAL, "neither words nor patterns");
        return r;
}

int alert_rules_new(struct alert_rules **ret, const struct alert_config *configs, size_t n,
                    const char **ret_key, struct error *error) {
        CLEANUP(alert_rules_freep) struct alert_rules *rules = xnew(struct alert_rules);

        rules->configs = configs;
        rules->n = n;
        rules->phrases = phrases_new();
        for (size_t i = 0; i < n; i++)
                if (alert_add(rules, (unsigned)i, ret_key, error) < 0)
                        return -EINVAL;
        phrases_link(rules->phrases);
        *ret = TAKE(rules);
        return 0;
}

static void places_clear(struct alert_rules *rules) {
        for (size_t i = 0; i < rules->n_places; i++)
                free(rules->places[i].key);
        rules->n_places = 0;
}

struct alert_rules *alert_rules_free(struct alert_rules *rules) {
        if (!rules)
                return NULL;
        places_clear(rules);
        for (size_t i = 0; i < rules->n_patterns; i++)
                pattern_free(rules->patterns[i].pattern);
        phrases_free(rules->phrases);
        folded_deinit(&rules->folded);
        free(rules->patterns);
        free(rules->places);
        return mem_free(rules);
}

// --- looking ---------------------------------------------------------------------------------

static void place_add(struct alert_rules *rules, unsigned alert, int64_t begin, int64_t end) {
        if (!rules->hears[alert])
                return;
        rules->places = array_grow(rules->places, rules->n_places, &rules->places_capacity,
                                   sizeof(*rules->places));
        rules->places[rules->n_places++] =
                (struct alert_place){.alert = alert, .begin = begin, .end = end};
}

static void phrase_found(void *context, unsigned owner, const struct phrase_token *first,
                         const struct phrase_token *last) {
        place_add(context, owner, first->begin, last->end);
}

static void pattern_found(void *context, size_t begin, size_t end) {
        struct alert_rules *rules = context;
        size_t blanks = begin;

        while (blanks < end && utf8_is_blank(rules->pattern_text[blanks]))
                blanks++;
        if (blanks == end)
                return;
        place_add(rules, rules->pattern_alert, rules->pattern_base + (int64_t)begin,
                  rules->pattern_base + (int64_t)end);
}

static void pattern_limited(const struct alert_rules *rules, struct alert_pattern *pattern) {
        if (pattern->n_limited++ == 0)
                log_warning(rules->configs[pattern->alert].name, "alert-pattern-limit",
                            "the pattern '%s' would take too long on a text, and did not match "
                            "it: repetitions within repetitions, such as (a+)+, are what "
                            "does that",
                            pattern_text(pattern->pattern));
}

static void patterns_find(struct alert_rules *rules, const char *text) {
        size_t n = strlen(text);
        uint64_t left = ALERT_PATTERN_SHARE * pattern_steps_max(n);

        rules->pattern_text = text;
        for (size_t i = 0; i < rules->n_patterns; i++) {
                struct alert_pattern *pattern = &rules->patterns[i];
                uint64_t steps = pattern_steps_max(n) < left ? pattern_steps_max(n) : left;
                uint64_t before = steps;
                size_t n_places = rules->n_places;

                if (!rules->hears[pattern->alert])
                        continue;
                rules->pattern_alert = pattern->alert;
                if (!pattern_find(pattern->pattern, text, n, &steps, pattern_found, rules)) {
                        rules->n_places = n_places;
                        pattern_limited(rules, pattern);
                }
                left -= before - steps;
                rules->n_steps += before - steps;
        }
}

static int by_alert(const void *a, const void *b) {
        const struct alert_place *one = a, *other = b;

        if (one->alert != other->alert)
                return one->alert < other->alert ? -1 : 1;
        if (one->begin != other->begin)
                return one->begin < other->begin ? -1 : 1;
        return one->end < other->end ? -1 : one->end > other->end;
}

static int by_begin(const void *a, const void *b) {
        const struct alert_place *one = a, *other = b;

        if (one->begin != other->begin)
                return one->begin < other->begin ? -1 : 1;
        return one->alert < other->alert ? -1 : one->alert > other->alert;
}

// Put those of one alert that overlap together.
static void places_merge(struct alert_rules *rules) {
        size_t n = 0;

        if (rules->n_places == 0)
                return;
        qsort(rules->places, rules->n_places, sizeof(*rules->places), by_alert);
        for (size_t i = 1; i < rules->n_places; i++) {
                struct alert_place *last = &rules->places[n], *place = &rules->places[i];

                if (place->alert == last->alert && place->begin < last->end)
                        last->end = place->end > last->end ? place->end : last->end;
                else
                        rules->places[++n] = *place;
        }
        rules->n_places = n + 1;
        qsort(rules->places, rules->n_places, sizeof(*rules->places), by_begin);
}

size_t alert_rules_find(struct alert_rules *rules, struct alert_stream *stream,
                        const struct row *row, const bool *hears) {
        size_t first = alert_stream_append(stream, rules->phrases, &rules->folded, row);

        places_clear(rules);
        rules->hears = hears;
        rules->pattern_base = stream->base;
        rules->n_steps = phrases_find(rules->phrases, stream->tokens, stream->n_tokens, first,
                                      phrase_found, rules);
        patterns_find(rules, row->text);
        places_merge(rules);
        return first;
}
