#include "api/api.h"

#include <stdlib.h>
#include <string.h>

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
};

static struct api_view api_view(const struct api *api) {
        struct api_view view = {0};

        api->describe(api->context, &view);
        return view;
}

static void text_answer(struct http_response *ret, int status, const char *body) {
        *ret = (struct http_response){
                .status = status,
                .content_type = "text/plain; charset=utf-8",
                .body = body,
                .body_length = strlen(body),
        };
}

// --- the pages -------------------------------------------------------------------------------

static void root_answer(struct api *api, struct http_response *ret) {
        (void)api;
        text_answer(ret, 200,
                    "eavesdrop: connect a WebSocket client here (docs/protocols.md)\n");
}

static void health_answer(struct api *api, struct http_response *ret) {
        if (api_view(api).is_stopping)
                text_answer(ret, 503, "stopping\n");
        else
                text_answer(ret, 200, "ok\n");
}

// The port is open only once the model is loaded and the engines are; what is left to ask is
// whether they take one more client's jobs.
static void readiness_answer(struct api *api, struct http_response *ret) {
        struct api_view view = api_view(api);

        if (view.is_stopping)
                text_answer(ret, 503, "stopping\n");
        else if (view.busy)
                text_answer(ret, 503, view.busy);
        else
                text_answer(ret, 200, "ready\n");
}

static void metrics_answer(struct api *api, struct http_response *ret) {
        if (!api->metrics || loop_now(api->loop) - api->metrics_at >= API_METRICS_AGE) {
                struct api_view view = api_view(api);

                free(api->metrics);
                api->metrics = metrics_page(&view.figures, &api->n_metrics);
                api->metrics_at = loop_now(api->loop);
        }
        *ret = (struct http_response){
                .status = 200,
                .content_type = METRICS_CONTENT_TYPE,
                .body = api->metrics,
                .body_length = api->n_metrics,
        };
}

// --- the table -------------------------------------------------------------------------------

static const struct route {
        const char *path;
        void (*answer)(struct api *api, struct http_response *ret);
} routes[] = {
        {"/", root_answer},
        {"/healthz", health_answer},
        {"/readyz", readiness_answer},
        {"/metrics", metrics_answer},
};

void api_answer(struct api *api, const struct http_request *request,
                struct http_response *ret) {
        for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
                if (strcmp(request->path, routes[i].path) == 0) {
                        routes[i].answer(api, ret);
                        return;
                }
        text_answer(ret, 404, "not found\n");
}

// --- life ------------------------------------------------------------------------------------

struct api *api_new(struct loop *loop,
                    void (*describe)(const void *context, struct api_view *ret),
                    const void *context) {
        struct api *api = xnew(struct api);

        api->loop = loop;
        api->describe = describe;
        api->context = context;
        return api;
}

struct api *api_free(struct api *api) {
        if (api)
                free(api->metrics);
        return mem_free(api);
}
