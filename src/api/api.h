#pragma once
// API: what the port and the unix socket answer to plain HTTP requests. A page is a function
// and a line of the table of routes (api.c; route.h).
//
// Threads: loop thread only.

#include <jansson.h>
#include <stdbool.h>

#include "api/metrics_page.h"
#include "journal/forget.h"
#include "net/exchange.h"
#include "util/loop.h"

struct api;
struct media_backend;   // source/media_backend.h
struct pulled;          // manage/pulled.h
struct reload;          // manage/reload.h
struct rules;           // manage/rules.h
struct state;           // manage/state.h
struct tokens;          // auth/tokens.h
struct tls_identity;    // net/tls_identity.h
struct transcriptions;  // transcription/transcriptions.h
struct hub;
struct route;  // api/route.h
struct websocket;

// What the pages tell of the server: filled when one is asked for. Strings are lent.
struct api_view {
        bool is_stopping;
        // Why no new client would be taken in now, as a line of text; NULL: one would.
        const char *busy;
        // What does not work while clients are served all the same, likewise; NULL: all does.
        const char *trouble;
        struct metrics_sources figures;
        struct media_backend *media;            // reads what streams fetch
        struct forget_place kept;               // where what is kept is
        struct pulled *pulled;                  // the streams that the server fetches
        struct state *state;                    // where changes of them are kept
        struct rules *rules;                    // the alerts
        struct reload *reload;                  // reads the configuration again
        struct tokens *tokens;                  // that let people in
        struct transcriptions *transcriptions;  // files that clients bring
        // Of the port's encryption; NULL: there is none.
        const struct tls_identity *identity;
        // The configuration in force without its secrets, made anew: {"config", "from"};
        // whoever asks owns it. `context` is the API's own.
        json_t *(*configuration)(const void *context);
};

// `describe` fills *ret, which is all zero, whenever a page needs it. `context` is lent and
// outlives the API.
struct api *api_new(struct loop *loop,
                    void (*describe)(const void *context, struct api_view *ret),
                    const void *context);

// The server is stopping: what keeps a process busy for who asks is ended.
void api_stop(struct api *api);

// Where sound goes, and events come from: lent, and outlives the API. Once, before requests
// come.
void api_set_hub(struct api *api, struct hub *hub);

// Before the journal and the archive are closed. NULL is fine. Returns NULL.
struct api *api_free(struct api *api);

// Once a second, for what is kept of how the server was.
void api_tick(struct api *api);

// Whether a request to upgrade may. True of what is none of the API's; where it is false,
// api_answer() says why not.
bool api_upgrades(const struct api *api, const struct http_request *request);

// Take over a new WebSocket. False: it is none of the API's.
bool api_take(struct api *api, const struct http_request *request, struct websocket *socket);

// Answer a request: with the page of its path, or as route_answer() (route_answer.h) refuses.
void api_answer(struct api *api, struct exchange *exchange);

// All that is answered, which a row without a method ends.
const struct route *api_routes(void);
