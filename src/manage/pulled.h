#pragma once
// Pulled: the streams that the server fetches, by name: whose they are, the configuration
// file's or the API's, and what was done with them while it runs.
//
// A stream that is removed, paused or changed hears nothing more, and what it had heard becomes
// text all the same (hub_retire()). Those of the API, and all pauses, outlive the process in
// its state (state.h). Where the file has a stream of the same name, the API's is kept and is
// not there: it is shadowed.
//
// Threads: loop thread only.

#include <jansson.h>
#include <stdbool.h>

#include "config/config.h"
#include "manage/refusal.h"
#include "manage/state.h"
#include "pipeline/hub.h"
#include "util/error.h"

struct pulled;
struct pulled_stream;

struct pulled_parts {
        struct hub *hub;
        struct state *state;
        struct media_backend *media;
        const struct config *config;  // in force until pulled_apply()
        // A stream is about to be opened whose text, or whose sound, is to be kept: 0, or what
        // is wrong. May be NULL.
        int (*on_prepare)(void *context, bool has_text, bool has_sound, struct error *error);
        void (*on_idle)(void *context);  // of any stream (stream_listener)
        void *context;
};

// All streams of the configuration and the state. Fails when one of the configuration's cannot
// be had; one of the API's is listed as failed then.
int pulled_open(struct pulled **ret, const struct pulled_parts *parts, struct error *error);

// Before the hub, which closes the streams. NULL is fine. Returns NULL.
struct pulled *pulled_close(struct pulled *pulled);

// --- what there is ---------------------------------------------------------------------------

// All of them, the file's in its order first. NULL: there are no more.
const struct pulled_stream *pulled_first(const struct pulled *pulled);
const struct pulled_stream *pulled_next(const struct pulled_stream *stream);

// NULL: there is none.
const struct pulled_stream *pulled_find(const struct pulled *pulled, const char *name);

size_t pulled_count(const struct pulled *pulled);

const char *pulled_name(const struct pulled_stream *stream);

// All that there is to tell of it (docs/api.md), without secrets; and in the same shape of one
// that a client brings by name, whose owner is "client".
json_t *pulled_json(const struct pulled_stream *stream);
json_t *pulled_json_of_client(const struct hub_stream *stream);

// --- what is done with them ------------------------------------------------------------------

// What is done is in force when these return, and on disk when state_keep() says so. 0, or
// -EINVAL with *ret_refusal.

// A stream of the API: {"name": ..., "url": ..., and other keys of the file}.
int pulled_add(struct pulled *pulled, const json_t *wish, const struct pulled_stream **ret,
               struct refusal *ret_refusal);

// Change the settings of one of the API by a merge patch (RFC 7396). Only what makes it
// another stream has it begin anew.
int pulled_change(struct pulled *pulled, const char *name, const json_t *patch,
                  struct refusal *ret_refusal);

// Of one of the API.
int pulled_remove(struct pulled *pulled, const char *name, struct refusal *ret_refusal);

// Of any. Pausing what is paused changes nothing, and so on.
int pulled_pause(struct pulled *pulled, const char *name, struct refusal *ret_refusal);
int pulled_resume(struct pulled *pulled, const char *name, struct refusal *ret_refusal);

// Of any that is not paused: it begins anew, now.
int pulled_restart(struct pulled *pulled, const char *name, struct refusal *ret_refusal);

// Another configuration, which outlives this or the next call: its streams take the place of
// those of the present one, and what changed begins anew. *ret is {"added": [names], "changed":
// [...], "removed": [...]}. -EINVAL, and nothing has changed, when the model cannot do it.
int pulled_apply(struct pulled *pulled, const struct config *config, json_t **ret,
                 struct error *error);

DEFINE_CLEANUP(struct pulled *, pulled_close);
