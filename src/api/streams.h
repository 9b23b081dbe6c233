#pragma once
// Streams: the requests that list, add, change and remove the streams that the server fetches
// (manage/pulled.h), and that have it read its configuration again. What changes something is
// answered once that is on disk.
//
// Threads: loop thread only.

#include <stdbool.h>

struct exchange;
struct hub;
struct pulled;
struct reload;
struct state;
struct streams;

// Of the server whose streams, state and configuration these are.
struct streams_place {
        const struct hub *hub;  // that has those of clients, which are listed, too
        struct pulled *pulled;
        struct state *state;
        struct reload *reload;
        bool is_stopping;  // nothing is changed any more
};

struct streams *streams_new(void);

// Nothing is changed any more, not even by a request whose body is still coming.
void streams_stop(struct streams *streams);

// Whoever waits is forgotten. NULL is fine. Returns NULL.
struct streams *streams_free(struct streams *streams);

// Answer the exchange, by its method. `name` is the stream that it is about, where its path is
// "/api/v1/streams/NAME"; NULL: it is about all, or a new one. What its principal may not read
// is not there.
void streams_answer(struct streams *streams, struct exchange *exchange,
                    const struct streams_place *place, const char *name);

// Each answers the exchange, whose path has what is wanted of the stream behind its name.
void streams_pause(struct streams *streams, struct exchange *exchange,
                   const struct streams_place *place, const char *name);
void streams_resume(struct streams *streams, struct exchange *exchange,
                    const struct streams_place *place, const char *name);
void streams_restart(struct streams *streams, struct exchange *exchange,
                     const struct streams_place *place, const char *name);
void streams_reload(struct streams *streams, struct exchange *exchange,
                    const struct streams_place *place);
