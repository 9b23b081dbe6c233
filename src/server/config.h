#pragma once
// Config: the YAML file and the environment, as one checked, read-only struct.
//
// Precedence: command line, then environment EAVESDROP_*, then file, then defaults.
//
// Threads: made on the main thread before anything starts; read-only afterwards.
// Memory:  everything in it belongs to the config; config_free().

#include <stdbool.h>
#include <stddef.h>

#include "decode/job.h"
#include "source/source.h"
#include "util/error.h"
#include "util/log.h"

struct stream_config {
        char *name;
        char *url;
        char *language;  // NULL: the server's
        enum decode_task task;
        char *prompt;    // NULL none
        char *hotwords;  // joined with spaces; NULL none
        enum source_transport transport;
        bool is_looped;  // `loop: true`, files only
};

struct config {
        char *listen;     // "127.0.0.1:9090"
        char *model;      // "base", or a path
        char *model_dir;  // NULL: the default folder
        char *language;   // NULL detects
        int threads;      // per engine; 0: all cores
        enum log_level log_level;
        enum log_format log_format;
        struct stream_config *streams;
        size_t n_streams;
};

// One thing wrong with a file.
struct config_mistake {
        int line, column;  // 1-based
        char *key;         // dotted path: "streams.kitchen.langauge"; "" for the whole file
        char *text;        // what was wrong and what was expected
};

struct config_mistakes {
        struct config_mistake *items;
        size_t n;
};

// Read `path` (NULL: defaults and environment only). All mistakes are found, not just the
// first: -EINVAL and *ret_mistakes filled. A file that cannot be read is one mistake at 1:1.
int config_load(struct config **ret, const char *path, struct config_mistakes *ret_mistakes);

// The same from memory, for tests and fuzzing.
int config_parse(struct config **ret, const char *text, size_t n,
                 struct config_mistakes *ret_mistakes);

struct config *config_free(struct config *config);
void config_mistakes_deinit(struct config_mistakes *mistakes);
