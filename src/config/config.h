#pragma once
// Config: the YAML file and the environment, as one checked, read-only struct.
//
// Precedence: command line, then environment EAVESDROP_*, then file, then defaults. What each
// key means, its unit, default and variable: docs/configuration.md.
//
// Threads: made by any one, which reads the environment; read-only afterwards.
// Memory:  everything in it belongs to the config; config_free().

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/alerts.h"
#include "auth/token.h"
#include "config/listeners.h"
#include "config/setting.h"
#include "config/uploads.h"
#include "pipeline/request.h"
#include "sink/sink.h"
#include "source/source.h"
#include "util/cleanup.h"
#include "util/error.h"
#include "util/log.h"
#include "whisper/compute.h"

// Limits on a file; beyond one it is refused.
#define CONFIG_BYTES_MAX    (1024 * 1024)
#define CONFIG_STREAMS_MAX  10000
#define CONFIG_ALERTS_MAX   1000
#define CONFIG_SINKS_MAX    100
#define CONFIG_DEPTH_MAX    8       // nested mappings and lists; the deepest key needs 4
#define CONFIG_NODES_MAX    250000  // keys and values; 10,000 full streams have 160,000
#define CONFIG_MISTAKES_MAX 100     // that are told
#define CONFIG_NAME_MAX     64      // bytes of a stream's name
#define CONFIG_THREADS_MAX  256
#define CONFIG_ENGINES_MAX  64
#define CONFIG_UPLOADS_MAX  256      // at once
#define CONFIG_WAITING_MAX  100000   // uploads
#define CONFIG_ADDRESS_MAX  1000000  // of any limit per address

// What a setting holds that is found out on the machine: `memory: auto`.
#define CONFIG_AUTO 0

#define CONFIG_URL_EXPECTED "a URL (rtsp://...) or the path of a sound file"

struct stream_config {
        char *name;
        char *url;                     // a relative path was joined to the file's folder
        struct setting_values values;  // over the server's defaults
        enum source_transport transport;
        bool is_looped;  // files only
};

// What the port is encrypted with; both are paths, or both NULL.
struct tls_config {
        char *certificate, *key;
};

// What is kept of what was heard; which streams' is is among the defaults.
struct journal_settings {
        bool has_sessions;                 // clients' text too
        double keep_age, sound_age;        // seconds; 0: for ever
        uint64_t keep_bytes, sound_bytes;  // 0: any number
};

enum auth_mode {
        AUTH_TOKENS,  // once there are any
        AUTH_NONE,    // whoever reaches the port may read and listen
};

// Who may do what. Lists have blanks between their words; NULL: none.
struct auth_config {
        enum auth_mode mode;
        struct token_text *tokens;
        size_t n_tokens;
        char *token_file;  // NULL: the default file
        // Who may come without a token:
        char *from;      // networks
        char *dialects;  // NULL: any
        char *scopes;
};

// Where a setting's value comes from.
enum config_origin {
        CONFIG_FROM_DEFAULT,
        CONFIG_FROM_FILE,
        CONFIG_FROM_ENVIRONMENT,
        CONFIG_FROM_OPTION,
};

// What each setting means: its row in settings.c.
struct config {
        uint8_t came_from[SETTINGS_MAX];  // enum config_origin, in the table's order
        char *listen;
        char *origins, *hosts;  // blanks between them; NULL none
        struct tls_config tls;
        struct listeners_config listeners;
        char *calls;    // that come to listeners.audiosocket: UUID=STREAM and *, blanks between
        char *proxies;  // networks, likewise
        struct auth_config auth;
        // Of one client address; 0: any number.
        int address_connections, address_sessions;
        double address_backlog, token_backlog;  // seconds
        int token_connections, token_sessions;  // of one token; 0: any number
        char *model;
        char *model_dir;  // NULL: the default folder
        int engines;
        int threads;  // of each engine; 0: all cores, shared out among them
        enum compute compute;
        char *source_allow;                // as media_backend_allow() takes it; NULL: none
        char *media;                       // what reads media, as media_backend_new() takes it
        struct request_defaults defaults;  // what streams and clients begin from
        uint64_t memory;                   // bytes; CONFIG_AUTO: config_memory() knows
        bool has_admission;
        char *backlog_folder;                   // NULL: the default folder
        uint64_t backlog_memory, backlog_disk;  // bytes
        struct uploads_config uploads;
        struct transcriptions_config transcriptions;
        char *state_dir;  // NULL: the default folder
        struct journal_settings journal;
        enum log_level log_level;
        enum log_format log_format;
        struct stream_config *streams;
        size_t n_streams;
        struct alert_config *alerts;
        size_t n_alerts;
        struct sink_config *sinks;
        size_t n_sinks;
};

// One thing wrong with a file, a variable or an option.
struct config_mistake {
        int line, column;  // 1-based; 0 when it is not in the file
        char *key;         // dotted path: "streams.kitchen.langauge"; "" for the whole file;
                           // for what is not in the file the variable or option: "--threads"
        char *text;        // what was wrong and what was expected; no secrets
};

struct config_mistakes {
        struct config_mistake *items;
        size_t n;
};

// Read `path` (NULL: defaults and environment only). All mistakes are found, not just the
// first, and told in the order of their places: -EINVAL and *ret_mistakes filled. A file that
// cannot be read is one mistake at 1:1.
int config_load(struct config **ret, const char *path, struct config_mistakes *ret_mistakes);

// Read a configuration from memory as config_load() does, for tests and fuzzing: no environment
// but for ${NAME}, and relative file paths stay as they are.
int config_parse(struct config **ret, const char *text, size_t n,
                 struct config_mistakes *ret_mistakes);

// Override one setting, by its name in the table, with what the command line says for it.
// `option` ("--listen") names it in a mistake, which is added to *mistakes and gives -EINVAL.
int config_override(struct config *config, const char *name, const char *value,
                    const char *option, struct config_mistakes *mistakes);

// What holds for one stream: the server's defaults with the stream's own values over them.
// request_defaults_deinit() when done.
struct request_defaults config_stream_defaults(const struct config *config,
                                               const struct stream_config *stream);

// Bytes that peers can make the server keep. Automatically: an eighth of what the process may
// have, at most 256 MB.
size_t config_memory(const struct config *config);

// Bytes of the backlog's audio that are kept in memory: at most half of config_memory(), which
// leaves the rest to messages.
size_t config_backlog_memory(const struct config *config);

// Files that are decoded at a time.
unsigned config_uploads_at_once(const struct config *config);

// The folder for what outlives the process: state_dir, else $XDG_STATE_HOME/eavesdrop, else
// ~/.local/state/eavesdrop, else /var/tmp/eavesdrop. The caller frees it.
char *config_state_dir(const struct config *config);

// Where clients of that dialect come, by the setting listeners.NAME; lent. NULL: nowhere.
const char *config_listener(const struct config *config, const char *dialect);

// The token file: auth.token_file, else the one in the state folder. The caller frees it.
char *config_token_file(const struct config *config);

// Where a server is reached by this machine's programs: the unix socket in $XDG_RUNTIME_DIR
// (NULL: there is no such folder), which is that of the first server that runs here, and the
// one in the state folder, which others take. The caller frees them.
char *config_runtime_socket(void);
char *config_state_socket(const struct config *config);

struct config *config_free(struct config *config);

// The mistake as a line for people, without a newline; the caller frees it:
//     cameras.yaml:3:7: streams.kitchen.langauge: unknown key; did you mean "language"?
char *config_mistake_format(const struct config_mistake *mistake, const char *path);

void config_mistakes_deinit(struct config_mistakes *mistakes);

DEFINE_CLEANUP(struct config *, config_free);
