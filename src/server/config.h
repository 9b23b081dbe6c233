#pragma once
// Config: the YAML file and the environment, as one checked, read-only struct.
//
// Precedence: command line, then environment EAVESDROP_*, then file, then defaults. What each
// key means, its unit, default and variable: docs/configuration.md.
//
// Threads: made on the main thread before anything starts; read-only afterwards.
// Memory:  everything in it belongs to the config; config_free().

#include <stdbool.h>
#include <stddef.h>

#include "decode/job.h"
#include "decode/option_table.h"
#include "source/source.h"
#include "util/cleanup.h"
#include "util/error.h"
#include "util/log.h"
#include "whisper/compute.h"

// Limits on a file; beyond one it is refused.
#define CONFIG_BYTES_MAX    (1024 * 1024)
#define CONFIG_STREAMS_MAX  10000
#define CONFIG_DEPTH_MAX    8       // nested mappings and lists; the deepest key needs 4
#define CONFIG_NODES_MAX    250000  // keys and values; 10,000 full streams have 160,000
#define CONFIG_MISTAKES_MAX 100     // that are told
#define CONFIG_NAME_MAX     64      // bytes of a stream's name
#define CONFIG_THREADS_MAX  256
#define CONFIG_ENGINES_MAX  64
#define CONFIG_UPLOADS_MAX  256      // at once
#define CONFIG_WAITING_MAX  100000   // uploads
#define CONFIG_ADDRESS_MAX  1000000  // of any limit per address

// `memory: auto` is this part of what the process may have, and at most so much.
#define CONFIG_MEMORY_SHARE 8
#define CONFIG_MEMORY_AUTO  ((size_t)256000000)

// The folder for the backlog where none is named: $XDG_STATE_HOME/eavesdrop, else
// ~/.local/state/eavesdrop, else /var/tmp/eavesdrop. The caller frees it.
char *config_default_backlog_folder(void);

struct stream_config {
        char *name;
        char *url;       // a relative file path was joined to the configuration file's folder
        char *language;  // NULL: the server's; "" detects
        enum decode_task task;
        char *prompt;                   // NULL none
        char *hotwords;                 // joined with spaces; NULL none
        struct decode_wishes decoding;  // over the server's; those before go first
        float pause;                    // seconds; 0: the server's
        float window_max;               // likewise
        enum source_transport transport;
        bool is_looped;  // `loop: true`, files only
};

// What clients may upload.
struct uploads_config {
        int at_once;       // files that are decoded at a time; 0: one per core
        int waiting;       // and that wait for that
        uint64_t size;     // bytes of one
        uint64_t seconds;  // of its sound
};

struct config {
        char *listen;   // "127.0.0.1:9090"
        char *origins;  // of foreign pages that are let in, blanks between; NULL none
        char *hosts;    // further names of this server, likewise
        // Of one client address; 0: any number.
        int address_connections, address_sessions;
        int address_backlog;             // seconds of sound that is not yet text
        char *model;                     // "base", or a path
        char *model_dir;                 // NULL: the default folder
        char *language;                  // NULL detects
        int engines;                     // that decode side by side
        int threads;                     // of each; 0: all cores, shared out among them
        enum compute compute;            // of the model's products
        struct decode_options decoding;  // what jobs begin from, with the filters' limits
        float pause;                     // seconds without speech that end a window
        float window_max;                // seconds that a window may be long
        size_t memory;                   // bytes that peers can make the server keep
        bool has_admission;              // new clients are sent away while text comes late
        char *backlog_folder;            // for the spool; NULL: the default folder
        unsigned backlog_memory;  // MB of the backlog's sound before it goes to disk; half of
                                  // `memory` at most
        unsigned backlog_disk;    // MB there
        struct uploads_config uploads;
        enum log_level log_level;
        enum log_format log_format;
        struct stream_config *streams;
        size_t n_streams;
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

// The same from memory, for tests and fuzzing: no environment but for ${NAME}, and relative
// file paths stay as they are.
int config_parse(struct config **ret, const char *text, size_t n,
                 struct config_mistakes *ret_mistakes);

// Override one server-wide key, named as in the file ("listen", "decoding.beam_size"), with
// what the command line says for it. `option` ("--listen") names it in a mistake, which is
// added to *mistakes and gives -EINVAL.
int config_override(struct config *config, const char *key, const char *value,
                    const char *option, struct config_mistakes *mistakes);

struct config *config_free(struct config *config);

// The mistake as a line for people, without a newline; the caller frees it:
//     cameras.yaml:3:7: streams.kitchen.langauge: unknown key; did you mean "language"?
char *config_mistake_format(const struct config_mistake *mistake, const char *path);

void config_mistakes_deinit(struct config_mistakes *mistakes);

DEFINE_CLEANUP(struct config *, config_free);
