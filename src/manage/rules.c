#include "manage/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "config/alert_json.h"
#include "config/effective.h"
#include "manage/merge_patch.h"
#include "util/log.h"
#include "util/mem.h"

// Of the state.
#define SECTION "alerts"

// Paths of the API that are no alert's.
static const char *const taken_names[] = {"fired", "test"};

// One of the API.
struct rule {
        struct alert_config alert;
        json_t *settings;  // as they were given
        TAILQ_ENTRY(rule) link;
};

struct rules {
        struct rules_parts parts;
        TAILQ_HEAD(, rule) added;
        size_t n_added;
        json_t *kept;  // what the state is given: {NAME: settings}
};

// --- what there is ---------------------------------------------------------------------------

static const struct alert_config *file_find(const struct rules *rules, const char *name) {
        const struct config *config = rules->parts.config;

        for (size_t i = 0; i < config->n_alerts; i++)
                if (strcmp(config->alerts[i].name, name) == 0)
                        return &config->alerts[i];
        return NULL;
}

static struct rule *added_find(const struct rules *rules, const char *name) {
        struct rule *rule;

        TAILQ_FOREACH (rule, &rules->added, link)
                if (strcmp(rule->alert.name, name) == 0)
                        return rule;
        return NULL;
}

static json_t *file_json(const struct rules *rules, const struct alert_config *alert) {
        return json_pack("{s:s, s:s, s:b, s:o}", "name", alert->name, "owner", "file",
                         "is_shadowed", added_find(rules, alert->name) != NULL, "settings",
                         config_effective_alert(alert));
}

static json_t *added_json(const struct rule *rule) {
        return json_pack("{s:s, s:s, s:b, s:O}", "name", rule->alert.name, "owner", "api",
                         "is_shadowed", 0, "settings", rule->settings);
}

json_t *rules_list(const struct rules *rules) {
        const struct config *config = rules->parts.config;
        json_t *list = json_array();
        const struct rule *rule;

        for (size_t i = 0; i < config->n_alerts; i++)
                json_array_append_new(list, file_json(rules, &config->alerts[i]));
        TAILQ_FOREACH (rule, &rules->added, link)
                if (!file_find(rules, rule->alert.name))
                        json_array_append_new(list, added_json(rule));
        return list;
}

json_t *rules_show(const struct rules *rules, const char *name) {
        const struct alert_config *alert = file_find(rules, name);
        const struct rule *rule = added_find(rules, name);

        if (alert)
                return file_json(rules, alert);
        return rule ? added_json(rule) : NULL;
}

// --- what is told ----------------------------------------------------------------------------

static void state_tell(const struct rules *rules) {
        state_set(rules->parts.state, SECTION, json_incref(rules->kept));
}

static void change_tell(const struct rules *rules) {
        const struct config *config = rules->parts.config;
        size_t n = 0;
        struct alert_config *alerts =
                xcalloc(config->n_alerts + rules->n_added + 1, sizeof(*alerts));
        const struct rule *rule;

        for (; n < config->n_alerts; n++)
                alerts[n] = config->alerts[n];
        TAILQ_FOREACH (rule, &rules->added, link)
                if (!file_find(rules, rule->alert.name))
                        alerts[n++] = rule->alert;
        rules->parts.on_change(rules->parts.context, alerts, n);
        free(alerts);
}

// --- one of the API --------------------------------------------------------------------------

static void rule_deinit(struct rule *rule) {
        alert_config_deinit(&rule->alert);
        json_decref(rule->settings);
}

// The alert and its settings, both taken, in the place of the one of that name, or as a new
// one.
static void added_put(struct rules *rules, const struct alert_config *alert, json_t *settings) {
        struct rule *rule = added_find(rules, alert->name);

        if (rule) {
                rule_deinit(rule);
        } else {
                rule = xnew(struct rule);
                TAILQ_INSERT_TAIL(&rules->added, rule, link);
                rules->n_added++;
        }
        rule->alert = *alert;
        rule->settings = settings;
        json_object_set(rules->kept, alert->name, settings);
}

static void added_drop(struct rules *rules, struct rule *rule) {
        TAILQ_REMOVE(&rules->added, rule, link);
        rules->n_added--;
        rule_deinit(rule);
        free(rule);
}

// --- refusals --------------------------------------------------------------------------------

static int keeping_check(const struct rules *rules, struct refusal *ret) {
        const char *trouble = state_trouble(rules->parts.state);

        if (!trouble)
                return 0;
        return refusal_set(ret, 503, "", "nothing can be changed, as it could not be kept: %s",
                           trouble);
}

// The file's are changed in the file.
static int owner_check(const struct rules *rules, const char *name, struct refusal *ret) {
        if (!file_find(rules, name))
                return 0;
        return refusal_set(
                ret, 409, "",
                "the alert is the configuration file's: change it there, and reload");
}

static int room_check(const struct rules *rules, struct refusal *ret) {
        if (rules->n_added + rules->parts.config->n_alerts < CONFIG_ALERTS_MAX)
                return 0;
        return refusal_set(ret, 409, "", "there are %d alerts, which is the limit",
                           CONFIG_ALERTS_MAX);
}

static int name_check(const char *name, struct refusal *ret) {
        for (size_t i = 0; i < sizeof(taken_names) / sizeof(taken_names[0]); i++)
                if (strcmp(name, taken_names[i]) == 0)
                        return refusal_set(ret, 400, "name",
                                           "%s is what the API calls something else", name);
        return 0;
}

// The alert that the settings make, checked; the caller's.
static int settings_read(const struct rules *rules, const char *name, json_t *settings,
                         struct alert_config *ret, struct refusal *refusal) {
        struct config_mistakes mistakes;

        if (name_check(name, refusal) < 0)
                return -EINVAL;
        if (config_alert_read(ret, name, settings, &mistakes) < 0) {
                (void)refusal_set(refusal, 400, mistakes.items[0].key, "%s",
                                  mistakes.items[0].text);
                config_mistakes_deinit(&mistakes);
                return -EINVAL;
        }
        if (!ret->wants_sessions || rules->parts.config->journal.has_sessions)
                return 0;
        alert_config_deinit(ret);
        return refusal_set(refusal, 400, "sessions",
                           "clients' sessions are not journaled; set journal.sessions in the "
                           "configuration, or leave this out");
}

// --- what is done with them ------------------------------------------------------------------

// Settings, which are taken, of the API's alert of that name.
static int settings_put(struct rules *rules, const char *name, json_t *settings,
                        struct refusal *refusal) {
        struct alert_config alert;

        if (settings_read(rules, name, settings, &alert, refusal) < 0) {
                json_decref(settings);
                return -EINVAL;
        }
        added_put(rules, &alert, settings);
        state_tell(rules);
        change_tell(rules);
        return 0;
}

// The settings in a wish, the caller's.
static json_t *settings_of(const json_t *wish) {
        json_t *settings = merge_patch(NULL, wish);

        json_object_del(settings, "name");
        return settings;
}

int rules_add(struct rules *rules, const json_t *wish, struct refusal *ret_refusal) {
        const char *name = json_string_value(json_object_get(wish, "name"));

        if (keeping_check(rules, ret_refusal) < 0)
                return -EINVAL;
        if (!name)
                return refusal_set(ret_refusal, 400, "name",
                                   "an alert needs a name, which is a text");
        if (file_find(rules, name) || added_find(rules, name))
                return refusal_set(ret_refusal, 409, "name", "there is an alert of this name");
        if (room_check(rules, ret_refusal) < 0 ||
            settings_put(rules, name, settings_of(wish), ret_refusal) < 0)
                return -EINVAL;
        log_info("server", "alert-added", "the alert '%s' was added by API", name);
        return 0;
}

int rules_put(struct rules *rules, const char *name, const json_t *wish, bool *ret_is_new,
              struct refusal *ret_refusal) {
        const json_t *named = json_object_get(wish, "name");

        *ret_is_new = !added_find(rules, name);
        if (keeping_check(rules, ret_refusal) < 0 || owner_check(rules, name, ret_refusal) < 0)
                return -EINVAL;
        if (*ret_is_new && room_check(rules, ret_refusal) < 0)
                return -EINVAL;
        if (named && (!json_is_string(named) || strcmp(json_string_value(named), name) != 0))
                return refusal_set(ret_refusal, 400, "name",
                                   "an alert keeps its name: remove it, and add another");
        if (settings_put(rules, name, settings_of(wish), ret_refusal) < 0)
                return -EINVAL;
        log_info("server", *ret_is_new ? "alert-added" : "alert-changed",
                 "the alert '%s' was %s by API", name, *ret_is_new ? "added" : "changed");
        return 0;
}

int rules_remove(struct rules *rules, const char *name, struct refusal *ret_refusal) {
        struct rule *rule = added_find(rules, name);

        if (keeping_check(rules, ret_refusal) < 0 || owner_check(rules, name, ret_refusal) < 0)
                return -EINVAL;
        if (!rule)
                return refusal_set(ret_refusal, 404, "", "there is no alert of this name");
        log_info("server", "alert-removed", "the alert '%s' was removed by API", name);
        json_object_del(rules->kept, name);
        added_drop(rules, rule);
        state_tell(rules);
        change_tell(rules);
        return 0;
}

static void shadowed_log(const struct rules *rules) {
        const struct rule *rule;

        TAILQ_FOREACH (rule, &rules->added, link)
                if (file_find(rules, rule->alert.name))
                        log_warning("server", "alert-shadowed",
                                    "the configuration file has an alert '%s': the one that "
                                    "was added by API is kept, and does not fire",
                                    rule->alert.name);
}

void rules_apply(struct rules *rules, const struct config *config) {
        rules->parts.config = config;
        shadowed_log(rules);
        change_tell(rules);
}

// --- life ------------------------------------------------------------------------------------

// One of the state. False: it makes no sense any more.
static bool kept_read(struct rules *rules, const char *name, json_t *settings) {
        struct config_mistakes mistakes = {0};
        struct alert_config alert;

        if (json_is_object(settings) && rules->n_added < CONFIG_ALERTS_MAX &&
            config_alert_read(&alert, name, settings, &mistakes) == 0) {
                added_put(rules, &alert, json_incref(settings));
                return true;
        }
        log_error("server", "state-broken", "the alert '%s' in it is left out: %s%s%s", name,
                  mistakes.n > 0 ? mistakes.items[0].key : "", mistakes.n > 0 ? " " : "",
                  mistakes.n > 0 ? mistakes.items[0].text : "it is none");
        config_mistakes_deinit(&mistakes);
        return false;
}

static void kept_read_all(struct rules *rules) {
        const json_t *kept = state_get(rules->parts.state, SECTION);
        const char *name;
        json_t *settings;
        bool is_whole = !kept || json_is_object(kept);

        json_object_foreach((json_t *)(uintptr_t)kept, name, settings) is_whole &=
                kept_read(rules, name, settings);
        if (is_whole)
                return;
        state_set_aside(rules->parts.state, "not all of its alerts make sense");
        state_tell(rules);
}

struct rules *rules_open(const struct rules_parts *parts) {
        struct rules *rules = xnew(struct rules);

        rules->parts = *parts;
        TAILQ_INIT(&rules->added);
        rules->kept = json_object();
        kept_read_all(rules);
        shadowed_log(rules);
        change_tell(rules);
        return rules;
}

struct rules *rules_close(struct rules *rules) {
        if (!rules)
                return NULL;
        for (struct rule *rule = TAILQ_FIRST(&rules->added), *next; rule; rule = next) {
                next = TAILQ_NEXT(rule, link);
                added_drop(rules, rule);
        }
        json_decref(rules->kept);
        return mem_free(rules);
}
