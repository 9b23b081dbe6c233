#include "api/trial_wish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/alert_json.h"
#include "util/date.h"
#include "util/mem.h"

#define SECONDS_MAX 253402300799.0  // the year 9999 ends

static bool mistake(struct trial_mistake *ret, const char *field, const char *detail) {
        snprintf(ret->field, sizeof(ret->field), "%s", field);
        snprintf(ret->detail, sizeof(ret->detail), "%s", detail);
        return false;
}

static bool keys_check(json_t *json, struct trial_mistake *ret_mistake) {
        static const char *const known[] = {"alert", "text", "from", "to", "stream"};
        const char *key;
        json_t *value;

        json_object_foreach(json, key, value) {
                bool is_known = false;

                for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
                        is_known |= strcmp(key, known[i]) == 0;
                if (!is_known)
                        return mistake(ret_mistake, key,
                                       "unknown; there are alert, and either text or from, to "
                                       "and stream");
        }
        return true;
}

// It is called "test" whatever its settings say.
static bool alert_read(json_t *json, struct trial_wish *wish,
                       struct trial_mistake *ret_mistake) {
        CLEANUP(mem_freep) char *field = NULL;
        struct config_mistakes mistakes;
        json_t *settings;

        if (!json_is_object(json))
                return mistake(ret_mistake, "alert",
                               "the alert's settings are missing: an object with words or "
                               "patterns");
        settings = json_copy(json);
        json_object_del(settings, "name");
        if (config_alert_read(&wish->alert, "test", settings, &mistakes) < 0) {
                field = xasprintf("alert.%s", mistakes.items[0].key);
                mistake(ret_mistake, field, mistakes.items[0].text);
        }
        config_mistakes_deinit(&mistakes);
        json_decref(settings);
        return !field;
}

// Whether the text itself holds what is looked for, whatever stream and language it would be
// of.
static void alert_widen(struct alert_config *alert) {
        free(alert->streams);
        free(alert->languages);
        alert->streams = alert->languages = NULL;
        alert->cooldown = 0;
}

static bool text_read(json_t *json, struct trial_wish *wish,
                      struct trial_mistake *ret_mistake) {
        static const char *const others[] = {"from", "to", "stream"};
        const char *text = json_string_value(json_object_get(json, "text"));

        if (!text || !text[0] || strlen(text) > TRIAL_TEXT_MAX)
                return mistake(ret_mistake, "text",
                               "the text to try the alert on is a string of at most 16384 "
                               "bytes");
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                if (json_object_get(json, others[i]))
                        return mistake(ret_mistake, others[i],
                                       "an alert is tried on a text, or on what was said then");
        wish->text = xstrdup(text);
        alert_widen(&wish->alert);
        return true;
}

// *ret is left as it was where there is none.
static bool time_read(json_t *json, const char *name, int64_t *ret,
                      struct trial_mistake *ret_mistake) {
        const json_t *time = json_object_get(json, name);
        double seconds = json_number_value(time);

        if (!time || (json_is_string(time) && date_read(json_string_value(time), ret)))
                return true;
        if (!json_is_number(time) || !(seconds >= 0 && seconds <= SECONDS_MAX))
                return mistake(ret_mistake, name,
                               "a time is written as \"2026-11-30T12:00:00Z\" or in Unix "
                               "seconds");
        *ret = (int64_t)(seconds * 1000);
        return true;
}

static bool stretch_read(json_t *json, int64_t now, struct trial_wish *wish,
                         struct trial_mistake *ret_mistake) {
        const json_t *stream = json_object_get(json, "stream");

        wish->to = now;
        if (!time_read(json, "to", &wish->to, ret_mistake))
                return false;
        wish->from = wish->to - TRIAL_DAY;
        if (!time_read(json, "from", &wish->from, ret_mistake))
                return false;
        if (wish->from >= wish->to)
                return mistake(ret_mistake, json_object_get(json, "to") ? "to" : "from",
                               "the end is not after the beginning");
        if (stream && (!json_is_string(stream) || json_string_length(stream) == 0))
                return mistake(ret_mistake, "stream",
                               "a stream's name, or a glob such as cam-*, is expected");
        wish->stream = xstrdup(json_string_value(stream));
        return true;
}

bool trial_wish_read(json_t *json, int64_t now, struct trial_wish *ret,
                     struct trial_mistake *ret_mistake) {
        *ret = (struct trial_wish){0};
        if (!keys_check(json, ret_mistake) ||
            !alert_read(json_object_get(json, "alert"), ret, ret_mistake))
                return false;
        return json_object_get(json, "text") ? text_read(json, ret, ret_mistake)
                                             : stretch_read(json, now, ret, ret_mistake);
}

void trial_wish_deinit(struct trial_wish *wish) {
        alert_config_deinit(&wish->alert);
        free(wish->text);
        free(wish->stream);
}
