#pragma once
// Server: the composition root. Owns the scheduler, the listener, the pulled streams and the
// sessions of all clients.
//
// Threads: loop thread only.

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "decode/engine.h"
#include "util/error.h"
#include "util/loop.h"
#include "vad/silero.h"

struct server;

// What it runs on; all of it outlives the server.
struct server_parts {
        struct loop *loop;
        const struct config *config;
        const struct engine_ops *engine;
        const void *model;
        unsigned n_engines;
        const struct vad_model *vad;
        // Whether the model can do this: 0, or -EINVAL with the words. "" is no language in
        // particular.
        int (*check_model)(const void *context, const char *language, enum decode_task task,
                           struct error *error);
        // Read the configuration again, as struct reload_parts has it.
        int (*load)(const void *context, struct config **ret, char **ret_mistakes);
        const char *unloadable;
        void (*on_reloaded)(void *context);  // what server_reload() began is over
        void (*on_stopped)(void *context);   // server_stop() has come to its end
        void *context;
};

// Bind the port, then start every stream of the config. Nothing is started when the port cannot
// be had.
int server_open(struct server **ret, const struct server_parts *parts, struct error *error);

// Stop with grace: no new clients, the backlog is decoded and delivered (at most
// SERVER_GRACE), clients are told; then on_stopped.
void server_stop(struct server *server);

#define SERVER_GRACE (20 * NSEC_PER_SEC)

// Drop everything at once and free. NULL is fine. Returns NULL.
struct server *server_close(struct server *server);

// Files that were renamed, such as those of sinks, are opened anew, and the configuration, the
// tokens and the certificate are read again; what came of it is logged (manage/reload.h).
// Later than this returns on_reloaded is called, once for each call.
void server_reload(struct server *server);

// The port in use.
int server_port(const struct server *server);
