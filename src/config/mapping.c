// Mappings of the file: sections of settings, and things that users name: streams, alerts,
// sinks and tokens.
#include <stdlib.h>
#include <string.h>

#include "alert/alerts.h"
#include "auth/token.h"
#include "config/mistakes.h"
#include "config/reader.h"
#include "sink/sink.h"
#include "util/mem.h"
#include "util/nearest.h"

// --- named things ----------------------------------------------------------------------------

// Things that users name, each with settings of its own. One kind of them:
struct named {
        enum setting_kind kind;
        unsigned applies;  // the settings of one
        enum setting_owner owner;
        const char *noun;      // "stream"
        const char *expected;  // of the mapping as a whole
        size_t size;           // of one; its name is its first member
        size_t items, n;       // where they are in the configuration
        size_t most;
        const char *required;           // the key that must be there; NULL: none
        const char *required_expected;  // and its value
        // What makes no sense together in a whole one; NULL: nothing can.
        int (*check)(const void *item, struct error *error);
};

_Static_assert(offsetof(struct stream_config, name) == 0 &&
                       offsetof(struct alert_config, name) == 0 &&
                       offsetof(struct sink_config, name) == 0,
               "the name is the first member");

static int alert_item_check(const void *item, struct error *error) {
        const char *key;

        return alert_check(item, &key, error);
}

static int sink_item_check(const void *item, struct error *error) {
        return sink_check(item, error);
}

static const struct named kinds[] = {
        {.kind = SETTING_STREAMS,
         .applies = SETTING_STREAM,
         .owner = SETTING_IN_STREAM,
         .noun = "stream",
         .expected = "a mapping of streams' names to their URLs",
         .size = sizeof(struct stream_config),
         .items = offsetof(struct config, streams),
         .n = offsetof(struct config, n_streams),
         .most = CONFIG_STREAMS_MAX,
         .required = "url",
         .required_expected = CONFIG_URL_EXPECTED},
        {.kind = SETTING_ALERTS,
         .applies = SETTING_ALERT,
         .owner = SETTING_IN_ALERT,
         .noun = "alert",
         .expected = "a mapping of alerts' names to what they look for",
         .size = sizeof(struct alert_config),
         .items = offsetof(struct config, alerts),
         .n = offsetof(struct config, n_alerts),
         .most = CONFIG_ALERTS_MAX,
         .check = alert_item_check},
        {.kind = SETTING_SINKS,
         .applies = SETTING_SINK,
         .owner = SETTING_IN_SINK,
         .noun = "sink",
         .expected = "a mapping of sinks' names to their type and address",
         .size = sizeof(struct sink_config),
         .items = offsetof(struct config, sinks),
         .n = offsetof(struct config, n_sinks),
         .most = CONFIG_SINKS_MAX,
         .required = "type",
         .required_expected = "lines, mqtt, nats, webhook or postgresql",
         .check = sink_item_check},
};

static const struct named *named_of(const struct setting *setting) {
        const struct named *named = kinds;

        while (named->kind != setting->kind)
                named++;
        return named;
}

struct config_named config_named_items(const struct config *config,
                                       const struct setting *setting) {
        const struct named *named = named_of(setting);
        const char *place = (const char *)config;

        return (struct config_named){
                .applies = named->applies,
                .owner = named->owner,
                .items = *(const char *const *)(const void *)(place + named->items),
                .size = named->size,
                .n = *(const size_t *)(const void *)(place + named->n),
        };
}

void config_check_name(struct config_reader *reader, const char *noun,
                       const struct config_node *name, const char *path) {
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789._-";
        const char *article = strchr("aeiou", noun[0]) ? "an" : "a";
        size_t length = strlen(name->text);

        if (length == 0)
                config_mistake_add(reader->mistakes, name->line, name->column, path,
                                   "%s %s's name may not be empty", article, noun);
        else if (length > CONFIG_NAME_MAX)
                config_mistake_add(reader->mistakes, name->line, name->column, path,
                                   "%s %s's name may have at most %d characters", article, noun,
                                   CONFIG_NAME_MAX);
        else if (strspn(name->text, allowed) != length || strspn(name->text, "._-") == length)
                config_mistake_add(reader->mistakes, name->line, name->column, path,
                                   "%s %s's name is made of letters (a-z, A-Z), digits, "
                                   "\".\", \"_\" and \"-\"",
                                   article, noun);
}

// All keys of one were read: what must be there, and what makes no sense together.
static void item_check(struct config_reader *reader, const struct named *named,
                       const void *item, const struct config_node *node, const char *path) {
        struct error error = {0};

        if (named->required && !config_mapping_has(node, named->required))
                config_mistake_add(reader->mistakes, node->line, node->column, path,
                                   "has no %s; expected %s", named->required,
                                   named->required_expected);
        else if (named->check && named->check(item, &error) < 0)
                config_mistake_add(reader->mistakes, node->line, node->column, path, "%s",
                                   error.text);
}

static void item_read(struct config_reader *reader, const struct named *named, const void *item,
                      const struct config_node *node, const char *path) {
        size_t n_mistakes = reader->mistakes->n;

        if (node->kind == CONFIG_NODE_MAPPING) {
                config_read_mapping(reader, node, path, "");
                if (reader->mistakes->n == n_mistakes || named->kind == SETTING_STREAMS)
                        item_check(reader, named, item, node, path);
        } else if (named->kind == SETTING_STREAMS && node->kind == CONFIG_NODE_SCALAR) {
                config_read_url(reader, node, path);
        } else if (named->kind == SETTING_STREAMS) {
                config_refuse_kind(reader, node, path, "a URL, or a mapping with the key url");
        } else {
                config_refuse_kind(reader, node, path, "a mapping");
        }
}

// One of them. Its values may be for what it has in common with all (SETTING_IN_REQUEST); they
// are kept then, since what they go over may yet change.
static void named_read(struct config_reader *reader, const struct named *named, void *item,
                       const struct config_node *name, const struct config_node *node,
                       const char *parent) {
        CLEANUP(mem_freep) char *path = xasprintf("%s.%s", parent, name->text);

        if (named->kind == SETTING_SINKS)
                ((struct sink_config *)item)->names_sessions =
                        config_mapping_has(node, "sessions");
        reader->target.owners[named->owner] = item;
        if (named->kind == SETTING_STREAMS)
                reader->values = &((struct stream_config *)item)->values;
        else
                setting_presets_apply(named->applies, &reader->target);
        *(char **)item = xstrdup(name->text);
        config_check_name(reader, named->noun, name, path);
        item_read(reader, named, item, node, path);
}

// Values are tried on a request of no stream's: the server's own, which they go over, may yet
// be changed by the environment and the command line.
static void all_read(struct config_reader *reader, const struct named *named,
                     const struct config_node *node, const char *path) {
        char *config = (char *)reader->config;
        char *items = *(char **)(void *)(config + named->items);
        size_t *n = (size_t *)(void *)(config + named->n);
        struct request_defaults tried = {.decoding = decode_options_default()};
        struct config_reader inner = {
                .config = reader->config,
                .folder = reader->folder,
                .mistakes = reader->mistakes,
                .applies = named->applies,
                .target = {{[SETTING_IN_REQUEST] = &tried}},
                .is_plain = reader->is_plain,
        };

        for (size_t i = 0; i < node->n_children; i += 2)
                if (node->children[i]->kind == CONFIG_NODE_SCALAR)
                        named_read(&inner, named, items + named->size * (*n)++,
                                   node->children[i], node->children[i + 1], path);
        request_defaults_deinit(&tried);
}

static void named_section_read(struct config_reader *reader, const struct config_node *node,
                               const char *path, const struct setting *setting) {
        const struct named *named = named_of(setting);
        size_t n = node->n_children / 2;

        if (node->kind != CONFIG_NODE_MAPPING) {
                config_refuse_kind(reader, node, path, named->expected);
                return;
        }
        if (n > named->most) {
                config_mistake_add(reader->mistakes, node->line, node->column, path,
                                   "%zu %ss; the limit is %zu", n, named->noun, named->most);
                return;
        }
        config_check_keys(reader, node, path);
        config_origin_note(reader, setting);
        *(void **)(void *)((char *)reader->config + named->items) = xcalloc(n, named->size);
        all_read(reader, named, node, path);
}

// --- tokens ----------------------------------------------------------------------------------

static const char *const token_required[] = {"name", "hash", "scopes"};

static void token_required_check(struct config_reader *reader, const struct config_node *node,
                                 const char *path) {
        for (size_t i = 0; i < sizeof(token_required) / sizeof(token_required[0]); i++)
                if (!config_mapping_has(node, token_required[i]))
                        config_mistake_add(reader->mistakes, node->line, node->column, path,
                                           "has no %s; a token needs name, hash and scopes, as "
                                           "eavesdrop token new writes them",
                                           token_required[i]);
}

// All keys were read, and each is good by itself: what makes no sense together, or is empty,
// such as a list of streams, which would mean all of them.
static void token_item_check(struct config_reader *reader, const struct config_node *node,
                             const char *path, const struct token_text *text) {
        CLEANUP(token_deinit) struct token token = {0};
        struct error error = {0};

        if (token_read(&token, text, &error) < 0)
                config_mistake_add(reader->mistakes, node->line, node->column, path, "%s",
                                   error.text);
        else if (config_mapping_has(node, "streams") && !text->streams)
                config_mistake_add(reader->mistakes, node->line, node->column, path,
                                   "streams is empty; leave it out for all streams");
}

static void token_item_read(struct config_reader *reader, const struct config_node *node,
                            const char *path, struct token_text *text) {
        size_t n_mistakes = reader->mistakes->n;

        if (node->kind != CONFIG_NODE_MAPPING) {
                config_refuse_kind(reader, node, path,
                                   "a mapping with the keys name, hash and scopes");
                return;
        }
        reader->target.owners[SETTING_IN_TOKEN] = text;
        config_read_mapping(reader, node, path, "");
        token_required_check(reader, node, path);
        if (reader->mistakes->n == n_mistakes)
                token_item_check(reader, node, path, text);
}

static void token_names_check(struct config_reader *reader, const struct config_node *node,
                              const char *path) {
        const struct auth_config *auth = &reader->config->auth;

        for (size_t i = 1; i < auth->n_tokens; i++)
                for (size_t j = 0; j < i; j++)
                        if (auth->tokens[i].name && auth->tokens[j].name &&
                            strcmp(auth->tokens[i].name, auth->tokens[j].name) == 0)
                                config_mistake_add(reader->mistakes, node->children[i]->line,
                                                   node->children[i]->column, path,
                                                   "two tokens have the name \"%s\"",
                                                   auth->tokens[i].name);
}

static void tokens_read(struct config_reader *reader, const struct config_node *node,
                        const char *path) {
        struct auth_config *auth = &reader->config->auth;
        struct config_reader inner = {
                .config = reader->config,
                .folder = reader->folder,
                .mistakes = reader->mistakes,
                .applies = SETTING_TOKEN,
        };

        if (node->kind != CONFIG_NODE_LIST) {
                config_refuse_kind(reader, node, path, "a list of tokens");
                return;
        }
        if (node->n_children > TOKENS_MAX) {
                config_mistake_add(reader->mistakes, node->line, node->column, path,
                                   "%zu tokens; the limit is %d", node->n_children, TOKENS_MAX);
                return;
        }
        auth->tokens = xcalloc(node->n_children, sizeof(*auth->tokens));
        auth->n_tokens = node->n_children;
        for (size_t i = 0; i < node->n_children; i++) {
                CLEANUP(mem_freep) char *place = xasprintf("%s[%zu]", path, i + 1);

                token_item_read(&inner, node->children[i], place, &auth->tokens[i]);
        }
        token_names_check(reader, node, path);
}

// --- sections and keys -----------------------------------------------------------------------

// So many keys are named where a mapping of them is expected.
#define KEYS_NAMED_MAX 5
static void section_refuse(struct config_reader *reader, const struct config_node *node,
                           const char *path, const struct setting *section) {
        const char *keys[SETTINGS_MAX];
        size_t n = setting_keys(reader->applies, section->name, keys);
        CLEANUP(mem_freep) char *names = setting_join(keys, ", ", " and ");
        CLEANUP(mem_freep) char *single = NULL;
        CLEANUP(mem_freep) char *expected = NULL;

        if (section->stands_for)
                single = setting_expected(setting_find(reader->applies, section->stands_for));
        if (n <= KEYS_NAMED_MAX)
                expected = xasprintf("%s%sa mapping with the keys %s", single ? single : "",
                                     single ? ", or " : "", names);
        else
                expected = xasprintf("a mapping with keys such as %s", keys[0]);
        config_refuse_kind(reader, node, path, expected);
}

// Whoever says how a thing is to be done wants it done: the switch that the section stands for
// is on, unless the mapping has it.
static void section_switch_on(struct config_reader *reader, const struct config_node *mapping,
                              const struct setting *section) {
        const struct setting *setting = setting_find(reader->applies, section->stands_for);
        const char *key = strrchr(setting->name, '.') + 1;

        if (setting->kind != SETTING_SWITCH || config_mapping_has(mapping, key))
                return;
        setting_set(setting, &reader->target, "true");
        config_origin_note(reader, setting);
        if (reader->values)
                setting_values_add(reader->values, setting, "true");
}

static void section_read(struct config_reader *reader, const struct config_node *node,
                         const char *path, const struct setting *section) {
        if (node->kind == CONFIG_NODE_MAPPING) {
                if (section->stands_for)
                        section_switch_on(reader, node, section);
                config_read_mapping(reader, node, path, section->name);
        } else if (node->kind == CONFIG_NODE_SCALAR && section->stands_for) {
                config_read_setting(reader, node, path,
                                    setting_find(reader->applies, section->stands_for));
        } else {
                section_refuse(reader, node, path, section);
        }
}

static void key_refuse(struct config_reader *reader, const struct config_node *node,
                       const char *path, const char *section) {
        const char *keys[SETTINGS_MAX];
        const char *nearest;

        setting_keys(reader->applies, section, keys);
        nearest = nearest_find(node->text, keys);
        if (nearest) {
                config_mistake_add(reader->mistakes, node->line, node->column, path,
                                   "unknown key; did you mean \"%s\"?", nearest);
        } else {
                CLEANUP(mem_freep) char *known = setting_join(keys, ", ", ", ");

                config_mistake_add(reader->mistakes, node->line, node->column, path,
                                   "unknown key; those known here are %s", known);
        }
}

// One key and its value. Names with a dot are those of a section's settings, never of keys.
static void member_read(struct config_reader *reader, const struct config_node *key,
                        const struct config_node *node, const char *path, const char *section) {
        CLEANUP(mem_freep)
        char *place = xasprintf("%s%s%s", path, path[0] ? "." : "", key->text);
        CLEANUP(mem_freep)
        char *name = xasprintf("%s%s%s", section, section[0] ? "." : "", key->text);
        const struct setting *setting =
                strchr(key->text, '.') ? NULL : setting_find(reader->applies, name);

        if (!setting)
                key_refuse(reader, key, place, section);
        else if (setting->kind == SETTING_SECTION)
                section_read(reader, node, place, setting);
        else if (setting->kind == SETTING_TOKENS)
                tokens_read(reader, node, place);
        else if (setting_is_named(setting))
                named_section_read(reader, node, place, setting);
        else if (setting->kind == SETTING_URL)
                config_read_url(reader, node, place);
        else
                config_read_setting(reader, node, place, setting);
}

void config_read_mapping(struct config_reader *reader, const struct config_node *mapping,
                         const char *path, const char *section) {
        config_check_keys(reader, mapping, path);
        for (size_t i = 0; i < mapping->n_children; i += 2)
                if (mapping->children[i]->kind == CONFIG_NODE_SCALAR)
                        member_read(reader, mapping->children[i], mapping->children[i + 1],
                                    path, section);
}
