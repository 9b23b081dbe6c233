#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/token_file.h"
#include "config/encoding.h"
#include "config/mistakes.h"
#include "config/reader.h"
#include "config/tree.h"
#include "util/home.h"
#include "util/input.h"
#include "util/mem.h"
#include "util/memory_limit.h"

// `memory: auto` is this part of what the process may have, and at most so much.
#define MEMORY_SHARE    8
#define MEMORY_AUTO_MAX ((uint64_t)256000000)

#define SOCKET_FILE "eavesdrop.sock"

static struct setting_target config_target(struct config *config) {
        return (struct setting_target){{
                [SETTING_IN_CONFIG] = config,
                [SETTING_IN_REQUEST] = &config->defaults,
        }};
}

static struct config *config_new(void) {
        struct config *config = xnew(struct config);
        struct setting_target target = config_target(config);

        config->defaults.decoding = decode_options_default();
        config->defaults.filters = filter_limits_default();
        setting_presets_apply(SETTING_SERVER, &target);
        return config;
}

struct config *config_free(struct config *config) {
        if (!config)
                return NULL;
        for (size_t i = 0; i < config->n_streams; i++) {
                free(config->streams[i].name);
                setting_texts_free(SETTING_IN_STREAM, &config->streams[i]);
                setting_values_deinit(&config->streams[i].values);
        }
        free(config->streams);
        for (size_t i = 0; i < config->n_alerts; i++) {
                free(config->alerts[i].name);
                setting_texts_free(SETTING_IN_ALERT, &config->alerts[i]);
        }
        free(config->alerts);
        for (size_t i = 0; i < config->n_sinks; i++) {
                free(config->sinks[i].name);
                setting_texts_free(SETTING_IN_SINK, &config->sinks[i]);
        }
        free(config->sinks);
        for (size_t i = 0; i < config->auth.n_tokens; i++)
                setting_texts_free(SETTING_IN_TOKEN, &config->auth.tokens[i]);
        free(config->auth.tokens);
        setting_texts_free(SETTING_IN_CONFIG, config);
        request_defaults_deinit(&config->defaults);
        return mem_free(config);
}

struct request_defaults config_stream_defaults(const struct config *config,
                                               const struct stream_config *stream) {
        struct request_defaults defaults = request_defaults_copy(&config->defaults);
        struct setting_target target = {{[SETTING_IN_REQUEST] = &defaults}};

        setting_values_apply(&stream->values, &target);
        return defaults;
}

size_t config_memory(const struct config *config) {
        uint64_t share = memory_limit("") / MEMORY_SHARE;

        if (config->memory != CONFIG_AUTO)
                return config->memory;
        return share < MEMORY_AUTO_MAX ? share : MEMORY_AUTO_MAX;
}

size_t config_backlog_memory(const struct config *config) {
        size_t half = config_memory(config) / 2;

        return config->backlog_memory < half ? config->backlog_memory : half;
}

unsigned config_uploads_at_once(const struct config *config) {
        long n_cores = sysconf(_SC_NPROCESSORS_ONLN);

        if (config->uploads.at_once)
                return (unsigned)config->uploads.at_once;
        return n_cores > 0 ? (unsigned)n_cores : 1;
}

char *config_state_dir(const struct config *config) {
        const char *state = getenv("XDG_STATE_HOME");
        CLEANUP(mem_freep) char *home = NULL;

        if (config->state_dir)
                return xstrdup(config->state_dir);
        if (state && state[0] == '/')
                return xasprintf("%s/eavesdrop", state);
        home = home_folder();
        if (home)
                return xasprintf("%s/.local/state/eavesdrop", home);
        return xstrdup("/var/tmp/eavesdrop");
}

const char *config_listener(const struct config *config, const char *dialect) {
        CLEANUP(mem_freep) char *name = xasprintf("listeners.%s", dialect);
        const struct setting *setting = setting_find(SETTING_SERVER, name);

        return setting ? *(char *const *)(const void *)((const char *)config + setting->offset)
                       : NULL;
}

char *config_token_file(const struct config *config) {
        CLEANUP(mem_freep) char *folder = NULL;

        if (config->auth.token_file)
                return xstrdup(config->auth.token_file);
        folder = config_state_dir(config);
        return xasprintf("%s/" TOKEN_FILE_NAME, folder);
}

char *config_runtime_socket(void) {
        const char *folder = getenv("XDG_RUNTIME_DIR");

        return folder && folder[0] == '/' ? xasprintf("%s/" SOCKET_FILE, folder) : NULL;
}

char *config_state_socket(const struct config *config) {
        CLEANUP(mem_freep) char *folder = config_state_dir(config);

        return xasprintf("%s/" SOCKET_FILE, folder);
}

// --- the file --------------------------------------------------------------------------------

static struct config_reader config_reader(struct config *config, const char *folder,
                                          struct config_mistakes *mistakes) {
        return (struct config_reader){
                .config = config,
                .folder = folder,
                .mistakes = mistakes,
                .applies = SETTING_SERVER,
                .origin = CONFIG_FROM_FILE,
                .target = config_target(config),
        };
}

static void root_read(struct config_reader *reader, const struct config_node *root) {
        if (root->kind == CONFIG_NODE_NULL)
                config_mistake_add(reader->mistakes, 1, 1, "",
                                   "the file is empty; expected keys such as \"streams:\"");
        else if (root->kind != CONFIG_NODE_MAPPING)
                config_refuse_kind(reader, root, "",
                                   "a mapping with keys such as \"streams:\"");
        else
                config_read_mapping(reader, root, "", "");
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

static void environment_read(struct config_reader *reader) {
        reader->origin = CONFIG_FROM_ENVIRONMENT;
        for (const struct setting *setting = setting_table; setting->name; setting++) {
                CLEANUP(mem_freep) char *variable = setting_variable(setting);
                const char *value = variable ? getenv(variable) : NULL;

                if (value && value[0] != '\0')
                        config_read_word(reader, setting, value, variable);
        }
}

int config_override(struct config *config, const char *name, const char *value,
                    const char *option, struct config_mistakes *mistakes) {
        const struct setting *setting = setting_find(SETTING_SERVER | SETTING_STREAM, name);
        struct config_reader reader = config_reader(config, NULL, mistakes);

        reader.origin = CONFIG_FROM_OPTION;
        return setting && config_read_word(&reader, setting, value, option) ? 0 : -EINVAL;
}

// --- both ------------------------------------------------------------------------------------

static void sessions_refuse(struct config_mistakes *mistakes, const char *section,
                            const char *name) {
        CLEANUP(mem_freep) char *key = xasprintf("%s.%s.sessions", section, name);

        config_mistake_add(mistakes, 0, 0, key,
                           "clients' sessions are not journaled; set journal.sessions, or "
                           "leave this out");
}

// What is told of sessions is what is journaled of them.
static void sessions_check(const struct config *config, struct config_mistakes *mistakes) {
        if (config->journal.has_sessions)
                return;
        for (size_t i = 0; i < config->n_alerts; i++)
                if (config->alerts[i].wants_sessions)
                        sessions_refuse(mistakes, "alerts", config->alerts[i].name);
        for (size_t i = 0; i < config->n_sinks; i++)
                if (config->sinks[i].names_sessions && config->sinks[i].wants_sessions)
                        sessions_refuse(mistakes, "sinks", config->sinks[i].name);
}

// A certificate is of no use without its key, nor the other way round.
static void tls_check(const struct config *config, struct config_mistakes *mistakes) {
        if (config->tls.certificate && !config->tls.key)
                config_mistake_add(mistakes, 0, 0, "tls.key",
                                   "is missing: the file of the certificate's private key");
        if (config->tls.key && !config->tls.certificate)
                config_mistake_add(mistakes, 0, 0, "tls.certificate",
                                   "is missing: the file of the key's certificate");
}

static int config_hand_over(struct config **ret, struct config **config,
                            struct config_mistakes *mistakes) {
        sessions_check(*config, mistakes);
        tls_check(*config, mistakes);
        if (mistakes->n > 0) {
                config_mistakes_sort(mistakes);
                return -EINVAL;
        }
        *ret = TAKE(*config);
        return 0;
}

int config_load(struct config **ret, const char *path, struct config_mistakes *ret_mistakes) {
        CLEANUP(config_freep) struct config *config = config_new();
        struct config_reader reader = config_reader(config, NULL, ret_mistakes);

        *ret_mistakes = (struct config_mistakes){0};
        if (path) {
                CLEANUP(mem_freep) char *folder = folder_of(path);
                CLEANUP(mem_freep) char *text = NULL;
                size_t n = 0;

                text = file_read(path, &n, ret_mistakes);
                reader.folder = folder;
                if (text)
                        text_read(&reader, text, n);
        }
        environment_read(&reader);
        return config_hand_over(ret, &config, ret_mistakes);
}

int config_parse(struct config **ret, const char *text, size_t n,
                 struct config_mistakes *ret_mistakes) {
        CLEANUP(config_freep) struct config *config = config_new();
        struct config_reader reader = config_reader(config, NULL, ret_mistakes);

        *ret_mistakes = (struct config_mistakes){0};
        text_read(&reader, text, n);
        return config_hand_over(ret, &config, ret_mistakes);
}
