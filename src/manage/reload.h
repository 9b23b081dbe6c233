#pragma once
// Reload: the configuration is read again while the server runs, and what changed in it is put
// into force. What is wrong with it changes nothing.
//
// Threads: loop thread only; the file is read on another.
// Memory:  the configuration in force is lent to many: the one of the start outlives the
// server,
//          a later one is freed once the next is in its place.

#include <jansson.h>

#include "config/config.h"
#include "manage/pulled.h"
#include "manage/rules.h"
#include "pipeline/hub.h"
#include "util/loop.h"

struct reload;

struct reload_parts {
        struct loop *loop;
        struct hub *hub;
        struct pulled *pulled;
        struct rules *rules;
        const struct config *config;  // that the server was started with
        // Read it as it was read at the start, on any thread, one at a time: 0, or -EINVAL and
        // the mistakes, a line each, which the caller frees. NULL: it cannot be read again.
        int (*load)(const void *context, struct config **ret, char **ret_mistakes);
        const char *unloadable;  // why, where `load` is NULL
        const void *context;
        // What the configuration names is to be read again, such as the certificate, and its
        // settings that are somebody else's put into force. It outlives the next call. It is
        // the one that was there before where no other was read, or it has mistakes. What does
        // not work stays as it was, and is said in words (texts) put into `warnings`.
        void (*on_config)(void *owner, const struct config *config, json_t *warnings);
        void *owner;
};

// What came of it; lent during the call.
struct reload_result {
        int status;          // as HTTP has it: 200; 400: mistakes; 409: it cannot be; 503
        const char *detail;  // what was wrong, for people
        // {"added": [names of streams], "changed": [...], "removed": [...],
        // "needs_restart": [names of settings], "warnings": [texts]}; NULL: nothing of the
        // configuration was changed.
        json_t *changes;
};

struct reload *reload_new(const struct reload_parts *parts);

// Behind the streams and the hub, which have the configuration. Whoever has asked and was not
// told is not called. NULL is fine. Returns NULL.
struct reload *reload_free(struct reload *reload);

// Read the configuration, and tell, later than this returns, what came of it; the log is told
// in any case. What is asked for while it is being read is answered by reading it once more.
void reload_ask(struct reload *reload,
                void (*on_done)(void *context, const struct reload_result *result),
                void *context);

// Nobody is told any more, and nothing is changed: the server stops.
void reload_stop(struct reload *reload);

// The configuration that was read last without mistakes.
const struct config *reload_config(const struct reload *reload);
