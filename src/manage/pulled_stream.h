#pragma once
// Pulled stream: one of the pulled streams and the list of them. For manage/ only.
//
// Threads: loop thread only.

#include <sys/queue.h>

#include "config/stream_json.h"
#include "manage/pulled.h"

struct pulled {
        struct pulled_parts parts;
        TAILQ_HEAD(pulled_streams, pulled_stream) streams;
        void *by_name;  // the same as a tree (tsearch(3))
        size_t n;
        // What the state is given: {NAME: settings} of the API's, {NAME: true} of pauses.
        json_t *added, *paused;
};

// What becomes of it when a configuration is applied.
enum pulled_fate { PULLED_STAYS, PULLED_COMES, PULLED_CHANGES, PULLED_GOES };

struct pulled_stream {
        struct pulled *pulled;
        char *name;
        const struct stream_config *file;  // the configuration's; NULL: it has none
        struct stream_config *api;         // the API's; NULL: it has none
        json_t *settings;                  // of that, as they were given
        bool is_paused;
        enum pulled_fate fate;
        struct hub_stream *stream;  // NULL: paused, or it failed
        char *trouble;              // why it failed; NULL: it did not
        nsec_t since;               // wall-clock time since when it is not open
        // What it had before it last began anew, and in all.
        unsigned n_restarts;
        int64_t n_samples;
        uint64_t n_segments;
        char *last_text;  // of the last final segment; NULL: none yet
        nsec_t last_at;   // its end
        TAILQ_ENTRY(pulled_stream) link;
};

// NULL: there is none of that name.
struct pulled_stream *pulled_stream_find(const struct pulled *pulled, const char *name);

// One that is nobody's yet, at the end of the list; and the end of it, once what it had opened
// has ended.
struct pulled_stream *pulled_stream_new(struct pulled *pulled, const char *name);
void pulled_stream_free(struct pulled_stream *stream);

// The settings that hold: the file's go before the API's. NULL: it has none.
const struct stream_config *pulled_stream_config(const struct pulled_stream *stream);

// Open it. Fails with words.
int pulled_stream_begin(struct pulled_stream *stream, struct error *error);

// Open it, unless it is paused. What cannot be had is told of, and listed as failed.
void pulled_stream_try(struct pulled_stream *stream);

// What it heard becomes text; it hears nothing more. `reason`: why, in words.
void pulled_stream_end(struct pulled_stream *stream, const char *reason);

// Both.
void pulled_stream_renew(struct pulled_stream *stream, const char *reason);

// Whether the model can do what that configuration wants of the stream; fails with words.
int pulled_model_check(const struct pulled *pulled, const struct config *config,
                       const struct stream_config *stream, struct error *error);

// What was added and paused has changed.
void pulled_state_tell(struct pulled *pulled);
