#include "server/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/config_encoding.h"
#include "server/config_keys.h"
#include "server/config_mistakes.h"
#include "server/config_reader.h"
#include "server/config_tree.h"
#include "util/home.h"
#include "util/input.h"
#include "util/mem.h"

// What names of decoding options begin with on the command line's side.
#define DECODING "decoding."

static const char *const server_key_names[] = {
        "listen",      "origins", "hosts",    "model",   "model_dir",  "language", "engines",
        "threads",     "compute", "decoding", "pause",   "window_max", "memory",   "admission",
        "per_address", "filters", "backlog",  "uploads", "log",        "streams",  NULL};
static const char *const backlog_key_names[] = {"folder", "memory", "disk", NULL};
static const char *const upload_key_names[] = {"at_once", "waiting", "size", "seconds", NULL};
static const char *const log_key_names[] = {"level", "format", NULL};
static const char *const filter_key_names[] = {"repetition", "words_per_second", NULL};

static struct config *config_new(void) {
        struct config *config = xnew(struct config);

        config->listen = xstrdup("127.0.0.1:9090");
        config->model = xstrdup("base");
        config->engines = 1;
        config->decoding = decode_options_default();
        config->pause = 0.6f;
        config->window_max = 28;
        config->memory = config_memory_auto();
        config->has_admission = true;
        config->address_connections = 1000;
        config->address_sessions = 500;
        config->address_backlog = 3600;
        config->backlog_memory = 128;
        config->backlog_disk = 4096;
        config->uploads = (struct uploads_config){
                .waiting = 200, .size = (uint64_t)2000000000, .seconds = (uint64_t)6 * 3600};
        config->log_level = LOG_INFO;
        config->log_format = LOG_TEXT;
        return config;
}

struct config *config_free(struct config *config) {
        if (!config)
                return NULL;
        for (size_t i = 0; i < config->n_streams; i++) {
                free(config->streams[i].name);
                free(config->streams[i].url);
                free(config->streams[i].language);
                free(config->streams[i].prompt);
                free(config->streams[i].hotwords);
                decode_wishes_deinit(&config->streams[i].decoding);
        }
        free(config->streams);
        free(config->listen);
        free(config->origins);
        free(config->hosts);
        free(config->model);
        free(config->model_dir);
        free(config->backlog_folder);
        free(config->language);
        decode_options_deinit(&config->decoding);
        free(config);
        return NULL;
}

char *config_default_backlog_folder(void) {
        const char *state = getenv("XDG_STATE_HOME");
        CLEANUP(mem_freep) char *home = NULL;

        if (state && state[0] == '/')
                return xasprintf("%s/eavesdrop", state);
        home = home_folder();
        if (home)
                return xasprintf("%s/.local/state/eavesdrop", home);
        return xstrdup("/var/tmp/eavesdrop");
}

// --- the file --------------------------------------------------------------------------------

// There is no such key of the section, or no more.
static void section_refuse_key(struct config_reader *reader, const struct config_node *name,
                               const char *place, const char *const *known) {
        const struct config_moved_key *moved = config_moved_keys;

        while (moved->name && strcmp(moved->name, place) != 0)
                moved++;
        if (moved->name)
                config_mistake_add(reader->mistakes, name->line, name->column, place,
                                   "is now %s", moved->new_name);
        else
                config_refuse_key(reader, name, place, known);
}

// A mapping of keys with single values, which the table names "section.key".
static void section_read(struct config_reader *reader, const struct config_node *node,
                         const char *section, const char *const *known) {
        config_check_keys(reader, node, section);
        for (size_t i = 0; i < node->n_children; i += 2) {
                const struct config_node *name = node->children[i];
                CLEANUP(mem_freep) char *place = NULL;
                const struct config_key *key;

                if (name->kind != CONFIG_NODE_SCALAR)
                        continue;
                place = xasprintf("%s.%s", section, name->text);
                key = config_key_find(config_server_keys, place);
                if (key)
                        config_read_key(reader, node->children[i + 1], place, key,
                                        reader->config);
                else
                        section_refuse_key(reader, name, place, known);
        }
}

// `log: debug`, or `log: {level: debug, format: json}`.
static void log_read(struct config_reader *reader, const struct config_node *node) {
        if (node->kind == CONFIG_NODE_SCALAR) {
                config_read_key(reader, node, "log",
                                config_key_find(config_server_keys, "log.level"),
                                reader->config);
                return;
        }
        if (node->kind == CONFIG_NODE_MAPPING)
                section_read(reader, node, "log", log_key_names);
        else
                config_refuse_kind(reader, node, "log",
                                   "a level, or a mapping with the keys level and format");
}

static void filters_read(struct config_reader *reader, const struct config_node *node) {
        if (node->kind == CONFIG_NODE_MAPPING)
                section_read(reader, node, "filters", filter_key_names);
        else
                config_refuse_kind(reader, node, "filters",
                                   "a mapping of filters' names to their limits");
}

static void per_address_read(struct config_reader *reader, const struct config_node *node) {
        static const char *const known[] = {"connections", "sessions", "backlog", NULL};

        if (node->kind == CONFIG_NODE_MAPPING)
                section_read(reader, node, "per_address", known);
        else
                config_refuse_kind(reader, node, "per_address",
                                   "a mapping with the keys connections, sessions and backlog");
}

static void backlog_read(struct config_reader *reader, const struct config_node *node) {
        if (node->kind == CONFIG_NODE_MAPPING)
                section_read(reader, node, "backlog", backlog_key_names);
        else
                config_refuse_kind(reader, node, "backlog",
                                   "a mapping with the keys folder, memory and disk");
}

static bool key_takes_list(const struct config_key *key) {
        return strcmp(key->name, "origins") == 0 || strcmp(key->name, "hosts") == 0;
}

// A key that takes a list as well. What is wrong is told of each item.
static void list_read(struct config_reader *reader, const struct config_node *node,
                      const struct config_key *key) {
        size_t n_mistakes = reader->mistakes->n;
        CLEANUP(mem_freep) char *words = NULL;

        for (size_t i = 0; i < node->n_children; i++)
                config_read_key(reader, node->children[i], key->name, key, reader->config);
        if (reader->mistakes->n > n_mistakes)
                return;
        words = config_read_list(reader, node, key->name, key->expected, " ");
        if (words)
                key->set(reader->config, words);
}

static void uploads_read(struct config_reader *reader, const struct config_node *node) {
        if (node->kind == CONFIG_NODE_MAPPING)
                section_read(reader, node, "uploads", upload_key_names);
        else
                config_refuse_kind(reader, node, "uploads",
                                   "a mapping with the keys at_once, waiting, size and "
                                   "seconds");
}

static void root_read(struct config_reader *reader, const struct config_node *root) {
        if (root->kind == CONFIG_NODE_NULL) {
                config_mistake_add(reader->mistakes, 1, 1, "",
                                   "the file is empty; expected keys such as \"streams:\"");
                return;
        }
        if (root->kind != CONFIG_NODE_MAPPING) {
                config_refuse_kind(reader, root, "",
                                   "a mapping with keys such as \"streams:\"");
                return;
        }
        config_check_keys(reader, root, "");
        for (size_t i = 0; i < root->n_children; i += 2) {
                const struct config_node *name = root->children[i];
                const struct config_node *node = root->children[i + 1];
                const struct config_key *key;

                if (name->kind != CONFIG_NODE_SCALAR)
                        continue;
                key = strchr(name->text, '.') ? NULL
                                              : config_key_find(config_server_keys, name->text);
                if (key && key_takes_list(key) && node->kind == CONFIG_NODE_LIST)
                        list_read(reader, node, key);
                else if (key)
                        config_read_key(reader, node, name->text, key, reader->config);
                else if (strcmp(name->text, "log") == 0)
                        log_read(reader, node);
                else if (strcmp(name->text, "decoding") == 0)
                        config_read_decoding(reader, node, name->text,
                                             &reader->config->decoding, NULL);
                else if (strcmp(name->text, "filters") == 0)
                        filters_read(reader, node);
                else if (strcmp(name->text, "backlog") == 0)
                        backlog_read(reader, node);
                else if (strcmp(name->text, "uploads") == 0)
                        uploads_read(reader, node);
                else if (strcmp(name->text, "per_address") == 0)
                        per_address_read(reader, node);
                else if (strcmp(name->text, "streams") == 0)
                        config_read_streams(reader, node);
                else
                        config_refuse_key(reader, name, name->text, server_key_names);
        }
}

static void text_read(struct config_reader *reader, const char *bytes, size_t n) {
        CLEANUP(config_tree_freep) struct config_node *root = NULL;
        CLEANUP(mem_freep) char *text = NULL;
        size_t n_mistakes = reader->mistakes->n;

        if (n > CONFIG_BYTES_MAX) {
                config_mistake_add(reader->mistakes, 1, 1, "",
                                   "the file has more than %d bytes, which is the limit",
                                   CONFIG_BYTES_MAX);
                return;
        }
        text = config_text_decode(bytes, n, &n);
        if (!text) {
                config_mistake_add(reader->mistakes, 1, 1, "",
                                   errno == EILSEQ ? "the file begins as UTF-16 does, but is "
                                                     "none; save it as UTF-8"
                                                   : "out of memory");
                return;
        }
        config_tree_parse(&root, text, n, reader->mistakes);
        if (root)
                root_read(reader, root);
        else if (reader->mistakes->n == n_mistakes)
                config_mistake_add(reader->mistakes, 1, 1, "",
                                   "the file is empty; expected keys such as \"streams:\"");
}

// A named pipe that nobody writes into must not hang us for ever.
#define PATIENCE_SECONDS 10

// Read at most one byte more than is allowed. NULL after telling why not.
static char *file_read(const char *path, size_t *ret_n, struct config_mistakes *mistakes) {
        char *text = NULL;
        int r = input_read(path, CONFIG_BYTES_MAX + 1, PATIENCE_SECONDS * 1000, &text, ret_n);

        if (r == -ETIMEDOUT)
                config_mistake_add(mistakes, 1, 1, "",
                                   "cannot read the pipe: nobody has written into it for %d s",
                                   PATIENCE_SECONDS);
        else if (r < 0)
                config_mistake_add(mistakes, 1, 1, "", "cannot read the file: %s",
                                   strerrordesc_np(-r));
        return text;
}

// Where relative paths in it start from. Of what is no file in a folder, from where we are.
static char *folder_of(const char *path) {
        const char *slash = strrchr(path, '/');

        if (!slash || input_descriptor(path) >= 0)
                return xstrdup(".");
        return slash == path ? xstrdup("/") : xasprintf("%.*s", (int)(slash - path), path);
}

// --- what overrides it -----------------------------------------------------------------------

static bool key_override(struct config *config, const struct config_key *key, const char *value,
                         const char *origin, struct config_mistakes *mistakes) {
        struct config_node node = {.kind = CONFIG_NODE_SCALAR, .text = xstrdup(value)};
        struct config_reader reader = {.config = config, .mistakes = mistakes};
        bool is_good = key->set(config, value);

        if (!is_good)
                config_refuse_value(&reader, &node, origin, key->expected, key->choices);
        free(node.text);
        return is_good;
}

static void environment_read(struct config *config, struct config_mistakes *mistakes) {
        struct config_reader reader = {.config = config, .mistakes = mistakes};

        for (const struct config_key *key = config_server_keys; key->name; key++) {
                const char *value = getenv(key->environment);

                if (value && value[0] != '\0')
                        key_override(config, key, value, key->environment, mistakes);
        }
        for (const struct config_moved_key *moved = config_moved_keys; moved->name; moved++) {
                const char *value = getenv(moved->environment);

                if (value && value[0] != '\0')
                        config_mistake_add(mistakes, 0, 0, moved->environment, "is now %s",
                                           moved->new_environment);
        }
        config_read_decoding_environment(&reader);
}

int config_override(struct config *config, const char *key, const char *value,
                    const char *option, struct config_mistakes *mistakes) {
        const struct config_key *found = config_key_find(config_server_keys, key);
        struct config_reader reader = {.config = config, .mistakes = mistakes};

        if (strncmp(key, DECODING, strlen(DECODING)) == 0)
                return config_override_decoding(&reader, key + strlen(DECODING), value, option)
                               ? 0
                               : -EINVAL;
        if (!found)
                return -EINVAL;
        return key_override(config, found, value, option, mistakes) ? 0 : -EINVAL;
}

// --- both ------------------------------------------------------------------------------------

static int config_hand_over(struct config **ret, struct config **config,
                            struct config_mistakes *mistakes) {
        if (mistakes->n > 0) {
                config_mistakes_sort(mistakes);
                return -EINVAL;
        }
        *ret = TAKE(*config);
        return 0;
}

int config_load(struct config **ret, const char *path, struct config_mistakes *ret_mistakes) {
        CLEANUP(config_freep) struct config *config = config_new();

        *ret_mistakes = (struct config_mistakes){0};
        if (path) {
                CLEANUP(mem_freep) char *folder = folder_of(path);
                CLEANUP(mem_freep) char *text = NULL;
                struct config_reader reader = {config, folder, ret_mistakes};
                size_t n = 0;

                text = file_read(path, &n, ret_mistakes);
                if (text)
                        text_read(&reader, text, n);
        }
        environment_read(config, ret_mistakes);
        return config_hand_over(ret, &config, ret_mistakes);
}

int config_parse(struct config **ret, const char *text, size_t n,
                 struct config_mistakes *ret_mistakes) {
        CLEANUP(config_freep) struct config *config = config_new();
        struct config_reader reader = {config, NULL, ret_mistakes};

        *ret_mistakes = (struct config_mistakes){0};
        text_read(&reader, text, n);
        return config_hand_over(ret, &config, ret_mistakes);
}
