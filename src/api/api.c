#include "api/api.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/alerts_page.h"
#include "api/captions.h"
#include "api/discoveries.h"
#include "api/events.h"
#include "api/forgetting.h"
#include "api/listen.h"
#include "api/me.h"
#include "api/openapi.h"
#include "api/own_authority.h"
#include "api/parameters.h"
#include "api/probes.h"
#include "api/problem.h"
#include "api/reading.h"
#include "api/reply.h"
#include "api/route.h"
#include "api/route_answer.h"
#include "api/rows.h"
#include "api/sessions.h"
#include "api/sound.h"
#include "api/status.h"
#include "api/streams.h"
#include "api/timeline.h"
#include "api/tokens_page.h"
#include "api/transcribing.h"
#include "api/transcriptions_page.h"
#include "api/trials.h"
#include "api/web.h"
#include "auth/principal.h"
#include "util/mem.h"
#include "util/metrics.h"

// The metrics page is made anew for who asks so long after it was made last; it takes a
// millisecond, and anybody may ask again and again.
#define API_METRICS_AGE NSEC_PER_SEC

struct api {
        struct loop *loop;
        void (*describe)(const void *context, struct api_view *ret);
        const void *context;
        char *metrics;  // the last metrics page; lent to its answers
        size_t n_metrics;
        nsec_t metrics_at;  // when it was made
        struct probes *probes;
        struct discoveries *discoveries;
        struct forgettings *forgettings;
        struct status *status;
        struct readings *readings;
        struct streams *streams;
        struct alerts_page *alerts_page;
        struct trials *trials;
        struct hub *hub;
        struct events *events;
        struct web *web;
};

static struct api_view api_view(const struct api *api) {
        struct api_view view = {0};

        api->describe(api->context, &view);
        return view;
}

// --- the pages -------------------------------------------------------------------------------

static void page_get(struct api *api, struct exchange *exchange,
                     const struct route_parts *parts) {
        (void)parts;
        web_answer_page(api->web, exchange);
}

static void page_file_get(struct api *api, struct exchange *exchange,
                          const struct route_parts *parts) {
        web_answer_file(api->web, exchange, parts->texts[0]);
}

static void me_get(struct api *api, struct exchange *exchange,
                   const struct route_parts *parts) {
        (void)parts;
        if (parameters_none(exchange))
                me_answer(exchange, own_authority_path(api_view(api).identity));
}

static void authority_get(struct api *api, struct exchange *exchange,
                          const struct route_parts *parts) {
        (void)parts;
        own_authority_answer(exchange, api_view(api).identity);
}

static void health_get(struct api *api, struct exchange *exchange,
                       const struct route_parts *parts) {
        (void)parts;
        if (api_view(api).is_stopping)
                reply_text(exchange, 503, "stopping\n", NULL);
        else
                reply_text(exchange, 200, "ok\n", NULL);
}

// The port is open only once the model is loaded and the engines are; what is left to ask is
// whether they take one more client's jobs.
static void readiness_get(struct api *api, struct exchange *exchange,
                          const struct route_parts *parts) {
        struct api_view view = api_view(api);

        (void)parts;
        if (view.is_stopping)
                reply_text(exchange, 503, "stopping\n", NULL);
        else if (view.busy)
                reply_text(exchange, 503, view.busy, NULL);
        else if (view.trouble)
                reply_text(exchange, 200, view.trouble, NULL);
        else
                reply_text(exchange, 200, "ready\n", NULL);
}

static void openapi_get(struct api *api, struct exchange *exchange,
                        const struct route_parts *parts) {
        (void)api;
        (void)parts;
        openapi_answer(exchange);
}

static void metrics_get(struct api *api, struct exchange *exchange,
                        const struct route_parts *parts) {
        struct http_response response = {.status = 200, .content_type = METRICS_CONTENT_TYPE};

        (void)parts;
        if (!api->metrics || loop_now(api->loop) - api->metrics_at >= API_METRICS_AGE) {
                struct api_view view = api_view(api);

                free(api->metrics);
                api->metrics = metrics_page(&view.figures, &api->n_metrics);
                api->metrics_at = loop_now(api->loop);
        }
        response.body = api->metrics;
        response.body_length = api->n_metrics;
        exchange_reply(exchange, &response);
}

// Whose server this is, for programs on this machine that look for the one of a state folder.
static void server_get(struct api *api, struct exchange *exchange,
                       const struct route_parts *parts) {
        struct api_view view = api_view(api);

        (void)parts;
        if (!parameters_none(exchange))
                return;
        reply_json(exchange, 200,
                   json_pack("{sssiss}", "version", EAVESDROP_VERSION, "process", (int)getpid(),
                             "state_dir", view.kept.folder),
                   NULL);
}

static void tokens_post(struct api *api, struct exchange *exchange,
                        const struct route_parts *parts) {
        (void)parts;
        if (parameters_none(exchange))
                tokens_page_reload(exchange, api_view(api).tokens);
}

static void probe_post(struct api *api, struct exchange *exchange,
                       const struct route_parts *parts) {
        struct api_view view = api_view(api);

        (void)parts;
        if (parameters_none(exchange))
                probes_answer(api->probes, view.media, exchange);
}

static void discover_post(struct api *api, struct exchange *exchange,
                          const struct route_parts *parts) {
        (void)parts;
        discoveries_answer(api->discoveries, exchange);
}

static void listen_get(struct api *api, struct exchange *exchange,
                       const struct route_parts *parts) {
        (void)parts;
        listen_answer(exchange, api->hub);
}

static void events_get(struct api *api, struct exchange *exchange,
                       const struct route_parts *parts) {
        (void)parts;
        if (api_view(api).is_stopping)
                problem_refuse(exchange, 503, NULL, "the server is stopping");
        else
                events_answer(api->events, exchange);
}

static void transcriptions_any(struct api *api, struct exchange *exchange,
                               const struct route_parts *parts) {
        transcriptions_page_answer(exchange, api->hub, api_view(api).transcriptions,
                                   parts->n ? parts->texts[0] : NULL);
}

static void segments_delete(struct api *api, struct exchange *exchange,
                            const struct route_parts *parts) {
        struct api_view view = api_view(api);

        forgettings_answer(api->forgettings, exchange, &view.kept,
                           parts->n ? parts->texts[0] : NULL);
}

static void status_get(struct api *api, struct exchange *exchange,
                       const struct route_parts *parts) {
        struct api_view view = api_view(api);

        (void)parts;
        status_answer(api->status, exchange, &view);
}

static void status_history_get(struct api *api, struct exchange *exchange,
                               const struct route_parts *parts) {
        (void)parts;
        status_answer_history(api->status, exchange);
}

static void config_get(struct api *api, struct exchange *exchange,
                       const struct route_parts *parts) {
        (void)parts;
        if (parameters_none(exchange))
                reply_json(exchange, 200, api_view(api).configuration(api->context), NULL);
}

static void sessions_get(struct api *api, struct exchange *exchange,
                         const struct route_parts *parts) {
        (void)parts;
        sessions_answer(exchange, api_view(api).figures.hub);
}

static void session_delete(struct api *api, struct exchange *exchange,
                           const struct route_parts *parts) {
        sessions_dismiss(exchange, api_view(api).figures.hub, parts->texts[0]);
}

static struct reading_place reading_place(const struct api *api) {
        struct api_view view = api_view(api);

        return (struct reading_place){
                .loop = api->loop,
                .hub = view.figures.hub,
                .journal = view.kept.journal,
                .archive = view.kept.archive,
                .is_stopping = view.is_stopping,
        };
}

static void segments_get(struct api *api, struct exchange *exchange,
                         const struct route_parts *parts) {
        struct reading_place place = reading_place(api);

        rows_answer(api->readings, exchange, &place, ROWS_HISTORY,
                    parts->n ? parts->texts[0] : NULL);
}

static void segment_get(struct api *api, struct exchange *exchange,
                        const struct route_parts *parts) {
        struct reading_place place = reading_place(api);

        rows_answer_one(api->readings, exchange, &place, parts->texts[0]);
}

static void segment_sound_get(struct api *api, struct exchange *exchange,
                              const struct route_parts *parts) {
        struct reading_place place = reading_place(api);

        sound_answer_segment(api->readings, exchange, &place, parts->texts[0]);
}

static void sound_get(struct api *api, struct exchange *exchange,
                      const struct route_parts *parts) {
        struct reading_place place = reading_place(api);

        sound_answer(api->readings, exchange, &place, parts->texts[0]);
}

static void timeline_get(struct api *api, struct exchange *exchange,
                         const struct route_parts *parts) {
        struct reading_place place = reading_place(api);

        timeline_answer(api->readings, exchange, &place, parts->texts[0]);
}

// In the form that the path ends with; of ".txt" no writer knows the name.
static void captions_get(struct api *api, struct exchange *exchange,
                         const struct route_parts *parts) {
        struct reading_place place = reading_place(api);
        enum transcript_format format = TRANSCRIPT_TEXT;

        (void)transcript_writer_format(strrchr(exchange_request(exchange)->path, '.') + 1,
                                       &format);
        captions_answer(api->readings, exchange, &place, format, parts->texts[0]);
}

static void search_get(struct api *api, struct exchange *exchange,
                       const struct route_parts *parts) {
        struct reading_place place = reading_place(api);

        (void)parts;
        rows_answer(api->readings, exchange, &place, ROWS_FOUND, NULL);
}

static void alerts_fired_get(struct api *api, struct exchange *exchange,
                             const struct route_parts *parts) {
        struct reading_place place = reading_place(api);

        (void)parts;
        rows_answer(api->readings, exchange, &place, ROWS_ALERTS, NULL);
}

// --- alerts ----------------------------------------------------------------------------------

static void alerts_any(struct api *api, struct exchange *exchange,
                       const struct route_parts *parts) {
        struct api_view view = api_view(api);
        struct alerts_place place = {view.rules, view.state, view.figures.alerts,
                                     view.is_stopping};

        alerts_page_answer(api->alerts_page, exchange, &place,
                           parts->n ? parts->texts[0] : NULL);
}

static void alerts_test_post(struct api *api, struct exchange *exchange,
                             const struct route_parts *parts) {
        struct reading_place place = reading_place(api);

        (void)parts;
        trials_answer(api->trials, api->readings, exchange, &place);
}

// --- streams ---------------------------------------------------------------------------------

static struct streams_place streams_place(const struct api *api) {
        struct api_view view = api_view(api);

        return (struct streams_place){api->hub, view.pulled, view.state, view.reload,
                                      view.is_stopping};
}

static void streams_any(struct api *api, struct exchange *exchange,
                        const struct route_parts *parts) {
        struct streams_place place = streams_place(api);

        streams_answer(api->streams, exchange, &place, parts->n ? parts->texts[0] : NULL);
}

static void pause_post(struct api *api, struct exchange *exchange,
                       const struct route_parts *parts) {
        struct streams_place place = streams_place(api);

        streams_pause(api->streams, exchange, &place, parts->texts[0]);
}

static void resume_post(struct api *api, struct exchange *exchange,
                        const struct route_parts *parts) {
        struct streams_place place = streams_place(api);

        streams_resume(api->streams, exchange, &place, parts->texts[0]);
}

static void restart_post(struct api *api, struct exchange *exchange,
                         const struct route_parts *parts) {
        struct streams_place place = streams_place(api);

        streams_restart(api->streams, exchange, &place, parts->texts[0]);
}

static void reload_post(struct api *api, struct exchange *exchange,
                        const struct route_parts *parts) {
        struct streams_place place = streams_place(api);

        (void)parts;
        streams_reload(api->streams, exchange, &place);
}

// --- the table -------------------------------------------------------------------------------

// A path with names in it stands behind those that it would take for them. Each row is an
// operation in openapi.json, which openapi_test.c sees to.
static const struct route routes[] = {
        {"GET", "/", ROUTE_OPEN, page_get},
        {"GET", "/captions/{stream}", ROUTE_OPEN, page_get},
        {"GET", "/s/{id}", ROUTE_OPEN, page_get},
        {"GET", "/web/{file}", ROUTE_OPEN, page_file_get},
        {"GET", AUTHORITY_PATH, ROUTE_OPEN, authority_get},
        {"GET", "/healthz", ROUTE_OPEN, health_get},
        {"GET", "/readyz", ROUTE_OPEN, readiness_get},
        {"GET", "/metrics", ROUTE_READ_ALL, metrics_get},
        {"GET", "/api/v1/me", ROUTE_OPEN, me_get},
        {"GET", "/openapi.json", ROUTE_OPEN, openapi_get},
        {"GET", "/api/v1/openapi.json", ROUTE_OPEN, openapi_get},
        {"GET", "/api/v1/server", ROUTE_MANAGE, server_get},
        {"POST", "/api/v1/tokens/reload", ROUTE_MANAGE, tokens_post},
        {"GET", "/api/v1/status", ROUTE_READ_ALL, status_get},
        {"GET", "/api/v1/status/history", ROUTE_READ_ALL, status_history_get},
        {"GET", "/api/v1/config", ROUTE_MANAGE, config_get},
        {"GET", "/api/v1/sessions", ROUTE_MANAGE, sessions_get},
        {"DELETE", "/api/v1/sessions/{id}", ROUTE_MANAGE, session_delete},
        {"GET", "/api/v1/segments", ROUTE_READ, segments_get},
        {"POST", "/api/v1/probe", ROUTE_MANAGE, probe_post},
        {"POST", "/api/v1/discover", ROUTE_MANAGE, discover_post},
        {"GET", "/api/v1/streams", ROUTE_READ, streams_any},
        {"POST", "/api/v1/streams", ROUTE_MANAGE, streams_any},
        {"GET", "/api/v1/streams/{name}", ROUTE_READ, streams_any},
        {"PATCH", "/api/v1/streams/{name}", ROUTE_MANAGE, streams_any},
        {"DELETE", "/api/v1/streams/{name}", ROUTE_MANAGE, streams_any},
        {"POST", "/api/v1/streams/{name}/pause", ROUTE_MANAGE, pause_post},
        {"POST", "/api/v1/streams/{name}/resume", ROUTE_MANAGE, resume_post},
        {"POST", "/api/v1/streams/{name}/restart", ROUTE_MANAGE, restart_post},
        {"POST", "/api/v1/reload", ROUTE_MANAGE, reload_post},
        {"GET", EVENTS_PATH, ROUTE_READ, events_get},
        {"GET", LISTEN_PATH, ROUTE_LISTEN, listen_get},
        {"DELETE", "/api/v1/segments", ROUTE_MANAGE, segments_delete},
        {"GET", "/api/v1/segments/{id}", ROUTE_READ, segment_get},
        {"GET", "/api/v1/segments/{id}/audio", ROUTE_READ, segment_sound_get},
        {"GET", "/api/v1/streams/{name}/audio", ROUTE_READ, sound_get},
        {"GET", "/api/v1/streams/{name}/timeline", ROUTE_READ, timeline_get},
        {"GET", "/api/v1/streams/{name}/captions.txt", ROUTE_READ, captions_get},
        {"GET", "/api/v1/streams/{name}/captions.srt", ROUTE_READ, captions_get},
        {"GET", "/api/v1/streams/{name}/captions.vtt", ROUTE_READ, captions_get},
        {"GET", "/api/v1/streams/{name}/segments", ROUTE_READ, segments_get},
        {"DELETE", "/api/v1/streams/{name}/segments", ROUTE_MANAGE, segments_delete},
        {"GET", "/api/v1/search", ROUTE_READ, search_get},
        {"GET", "/api/v1/alerts", ROUTE_READ_ALL, alerts_any},
        {"POST", "/api/v1/alerts", ROUTE_MANAGE, alerts_any},
        {"GET", "/api/v1/alerts/fired", ROUTE_READ, alerts_fired_get},
        {"POST", "/api/v1/alerts/test", ROUTE_READ, alerts_test_post},
        {"GET", "/api/v1/alerts/{name}", ROUTE_READ_ALL, alerts_any},
        {"PUT", "/api/v1/alerts/{name}", ROUTE_MANAGE, alerts_any},
        {"DELETE", "/api/v1/alerts/{name}", ROUTE_MANAGE, alerts_any},
        {"GET", TRANSCRIPTIONS_PATH, ROUTE_LISTEN, transcriptions_any},
        {"POST", TRANSCRIPTIONS_PATH, ROUTE_LISTEN, transcriptions_any},
        {"GET", TRANSCRIPTIONS_PATH "/{id}", ROUTE_LISTEN, transcriptions_any},
        {"DELETE", TRANSCRIPTIONS_PATH "/{id}", ROUTE_LISTEN, transcriptions_any},
        {0},
};

const struct route *api_routes(void) {
        return routes;
}

void api_answer(struct api *api, struct exchange *exchange) {
        route_answer(routes, api, exchange);
}

void api_tick(struct api *api) {
        readings_look(api->readings);
        if (status_is_due(api->status)) {
                struct api_view view = api_view(api);

                status_tick(api->status, &view);
        }
}

// --- WebSockets ------------------------------------------------------------------------------

bool api_upgrades(const struct api *api, const struct http_request *request) {
        if (strcmp(request->path, EVENTS_PATH) == 0)
                return events_upgrades(request);
        if (strcmp(request->path, LISTEN_PATH) == 0)
                return listen_upgrades(request, api->hub);
        return true;
}

bool api_take(struct api *api, const struct http_request *request, struct websocket *socket) {
        if (strcmp(request->path, EVENTS_PATH) == 0)
                events_take(api->events, request, socket);
        else if (strcmp(request->path, LISTEN_PATH) == 0)
                listen_take(api->hub, request, socket);
        else
                return false;
        return true;
}

// --- life ------------------------------------------------------------------------------------

struct api *api_new(struct loop *loop,
                    void (*describe)(const void *context, struct api_view *ret),
                    const void *context) {
        struct api *api = xnew(struct api);

        api->loop = loop;
        api->describe = describe;
        api->context = context;
        api->probes = probes_new(loop);
        api->discoveries = discoveries_new(loop);
        api->forgettings = forgettings_new();
        api->streams = streams_new();
        api->alerts_page = alerts_page_new();
        api->trials = trials_new();
        api->status = status_new(loop);
        api->readings = readings_new();
        api->web = web_new();
        return api;
}

void api_stop(struct api *api) {
        probes_stop(api->probes);
        streams_stop(api->streams);
        alerts_page_stop(api->alerts_page);
}

void api_set_hub(struct api *api, struct hub *hub) {
        api->hub = hub;
        api->events = events_new(hub);
}

struct api *api_free(struct api *api) {
        if (!api)
                return NULL;
        probes_free(api->probes);
        discoveries_free(api->discoveries);
        events_free(api->events);
        forgettings_free(api->forgettings);
        status_free(api->status);
        readings_free(api->readings);
        trials_free(api->trials);
        alerts_page_free(api->alerts_page);
        streams_free(api->streams);
        web_free(api->web);
        free(api->metrics);
        return mem_free(api);
}
