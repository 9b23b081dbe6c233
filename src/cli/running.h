#pragma once
// Running: the server that runs on this machine, as a verb talks to it by its unix socket.
//
// Threads: main thread.

#include "config/config.h"
#include "util/cleanup.h"
#include "util/error.h"

struct running;

// The server whose state folder is the configuration's. *ret is NULL when none runs. When only
// one with another folder answers, *ret_other is that folder, which the caller frees; else
// NULL. Fails with words when a socket may not be used, or what answers on it is no such
// server.
int running_find(struct running **ret, const struct config *config, char **ret_other,
                 struct error *error);

struct running_answer {
        long status;  // of HTTP
        char *body;   // zero-terminated
};

// Send a request and wait for its answer, however long it takes. running_answer_deinit() it.
int running_ask(const struct running *running, const char *method, const char *target,
                struct running_answer *ret, struct error *error);

// What an answer that is no success says was wrong, in *error; returns -EREMOTEIO.
int running_refused(const struct running_answer *answer, struct error *error);

void running_answer_deinit(struct running_answer *answer);

// NULL is fine. Returns NULL.
struct running *running_free(struct running *running);

DEFINE_CLEANUP(struct running *, running_free);
