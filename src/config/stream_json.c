#include "config/stream_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/json_tree.h"
#include "config/mistakes.h"
#include "config/reader.h"
#include "util/mem.h"
#include "util/number.h"
#include "util/redact.h"

#define SECTION "streams."

// --- reading ---------------------------------------------------------------------------------

// {"streams": {NAME: SETTINGS}}, as a file has it.
static struct config_node *root_of(const char *name, json_t *settings) {
        struct config_node *root = config_node_new(CONFIG_NODE_MAPPING, NULL);
        struct config_node *streams = config_node_new(CONFIG_NODE_MAPPING, NULL);

        config_node_add(root, config_node_new(CONFIG_NODE_SCALAR, xstrdup("streams")));
        config_node_add(root, streams);
        config_node_add(streams, config_node_new(CONFIG_NODE_SCALAR, xstrdup(name)));
        config_node_add(streams, config_tree_of_json(settings));
        return root;
}

// The setting alone: whoever asks has named the stream, and the path alone means its name.
static void key_shorten(struct config_mistake *mistake, const char *name) {
        size_t n = strlen(SECTION) + strlen(name);
        char *key;

        if (strlen(mistake->key) > n && mistake->key[n] == '.')
                key = xstrdup(mistake->key + n + 1);
        else
                key = xstrdup(strncmp(mistake->key, SECTION, strlen(SECTION)) == 0
                                      ? "name"
                                      : mistake->key);
        free(mistake->key);
        mistake->key = key;
}

// Before anything else is: that a file is not there is not told to whom no file is read for.
static bool url_check(json_t *url, struct config_mistakes *mistakes) {
        struct error error = {0};

        if (!url)
                config_mistake_add(mistakes, 0, 0, "url", "is missing");
        else if (!json_is_string(url))
                config_mistake_add(mistakes, 0, 0, "url", "is no text");
        else if (source_url_check_untrusted(json_string_value(url), &error) < 0)
                config_mistake_add(mistakes, 0, 0, "url", "%s", error.text);
        return mistakes->n == 0;
}

int config_stream_read(struct stream_config **ret, const char *name, json_t *settings,
                       struct config_mistakes *ret_mistakes) {
        CLEANUP(config_freep) struct config *config = xnew(struct config);
        CLEANUP(config_tree_freep) struct config_node *root = root_of(name, settings);
        struct config_reader reader = {
                .config = config,
                .mistakes = ret_mistakes,
                .applies = SETTING_SERVER,
                .target = {{[SETTING_IN_CONFIG] = config}},
                .is_plain = true,
        };

        *ret_mistakes = (struct config_mistakes){0};
        if (!url_check(json_object_get(settings, "url"), ret_mistakes))
                return -EINVAL;
        config_read_mapping(&reader, root, "", "");
        for (size_t i = 0; i < ret_mistakes->n; i++)
                key_shorten(&ret_mistakes->items[i], name);
        if (ret_mistakes->n > 0)
                return -EINVAL;
        *ret = xnew(struct stream_config);
        **ret = config->streams[0];
        config->n_streams = 0;
        return 0;
}

struct stream_config *config_stream_free(struct stream_config *stream) {
        if (!stream)
                return NULL;
        free(stream->name);
        setting_texts_free(SETTING_IN_STREAM, stream);
        setting_values_deinit(&stream->values);
        return mem_free(stream);
}

// --- writing ---------------------------------------------------------------------------------

static json_t *value_json(const struct setting *setting, const char *text) {
        double number;
        const char *end;

        switch (setting->kind) {
        case SETTING_SWITCH:
                return json_boolean(strcmp(text, "true") == 0 || strcmp(text, "on") == 0);
        case SETTING_COUNT:
        case SETTING_NUMBER:
                end = number_read(text, &number);
                if (end && *end == '\0')
                        return setting->kind == SETTING_COUNT ? json_integer((json_int_t)number)
                                                              : json_real(number);
                break;
        default:
                break;
        }
        return json_string(text);
}

// Put it where its name says: "decoding.beam_size" into the object "decoding".
static void value_put(json_t *object, const struct setting *setting, const char *text) {
        const char *key = setting->name, *dot;

        while ((dot = strchr(key, '.'))) {
                CLEANUP(mem_freep) char *section = xasprintf("%.*s", (int)(dot - key), key);
                json_t *inner = json_object_get(object, section);

                if (!inner) {
                        inner = json_object();
                        json_object_set_new(object, section, inner);
                }
                object = inner;
                key = dot + 1;
        }
        json_object_set_new(object, key, value_json(setting, text));
}

json_t *config_stream_json(const struct stream_config *stream) {
        CLEANUP(mem_freep) char *url = redact_value(stream->url);
        json_t *json = json_object();

        json_object_set_new(json, "url", json_string(url));
        for (size_t i = 0; i < stream->values.n; i++)
                value_put(json, stream->values.items[i].setting, stream->values.items[i].text);
        return json;
}
