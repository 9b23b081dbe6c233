#pragma once
// Running: a server as a verb talks to it: the one that runs on this machine, by its unix
// socket, or one elsewhere, by its address.
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

// The server at an address, "https://cameras.example:9090"; `token` (NULL: none) goes with each
// request, and `authority` (NULL: the system's) is a file of certificates that are trusted. It
// is not asked yet. -EINVAL with words for what is no such address.
int running_elsewhere(struct running **ret, const char *url, const char *token,
                      const char *authority, struct error *error);

struct running_answer {
        long status;  // of HTTP
        char *body;   // zero-terminated
};

// Send a request, with a body of JSON (NULL: none), and wait for its answer, however long it
// takes. running_answer_deinit() it.
int running_ask(const struct running *running, const char *method, const char *target,
                const char *body, struct running_answer *ret, struct error *error);

// What an answer that is no success says was wrong, in *error; returns -EREMOTEIO.
int running_refused(const struct running_answer *answer, struct error *error);

void running_answer_deinit(struct running_answer *answer);

// NULL is fine. Returns NULL.
struct running *running_free(struct running *running);

DEFINE_CLEANUP(struct running *, running_free);
