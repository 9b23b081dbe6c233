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

static void text_reply(struct exchange *exchange, int status, const char *text) {
        struct http_response response = {
                .status = status,
                .content_type = "text/plain; charset=utf-8",
                .body = text,
                .body_length = strlen(text),
        };

        exchange_reply(exchange, &response);
}

// --- the pages -------------------------------------------------------------------------------

static void root_get(struct api *api, struct exchange *exchange) {
        (void)api;
        text_reply(exchange, 200,
                   "eavesdrop: connect a WebSocket client here (docs/protocols.md)\n");
}

static void health_get(struct api *api, struct exchange *exchange) {
        if (api_view(api).is_stopping)
                text_reply(exchange, 503, "stopping\n");
        else
                text_reply(exchange, 200, "ok\n");
}

// The port is open only once the model is loaded and the engines are; what is left to ask is
// whether they take one more client's jobs.
static void readiness_get(struct api *api, struct exchange *exchange) {
        struct api_view view = api_view(api);

        if (view.is_stopping)
                text_reply(exchange, 503, "stopping\n");
        else if (view.busy)
                text_reply(exchange, 503, view.busy);
        else
                text_reply(exchange, 200, "ready\n");
}

static void metrics_get(struct api *api, struct exchange *exchange) {
        struct http_response response = {.status = 200, .content_type = METRICS_CONTENT_TYPE};

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

// --- the table -------------------------------------------------------------------------------

static const struct route {
        const char *method;  // "GET" is for HEAD, too, which net/ takes care of
        const char *path;
        void (*answer)(struct api *api, struct exchange *exchange);
} routes[] = {
        {"GET", "/", root_get},
        {"GET", "/healthz", health_get},
        {"GET", "/readyz", readiness_get},
        {"GET", "/metrics", metrics_get},
};

static bool route_takes(const struct route *route, const char *method) {
        return strcmp(route->method, strcmp(method, "HEAD") == 0 ? "GET" : method) == 0;
}

// Say with which methods there is something at the path.
static void method_refuse(const char *path, struct exchange *exchange) {
        CLEANUP(mem_freep) char *methods = NULL;
        CLEANUP(mem_freep) char *headers = NULL;
        struct http_response response = {.status = 405};

        for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
                char *before = methods;

                if (strcmp(path, routes[i].path) != 0)
                        continue;
                methods = xasprintf("%s%s%s", before ? before : "", before ? ", " : "",
                                    route_takes(&routes[i], "HEAD") ? "GET, HEAD"
                                                                    : routes[i].method);
                free(before);
        }
        headers = xasprintf("Allow: %s\r\n", methods);
        response.headers = headers;
        exchange_reply(exchange, &response);
}

void api_answer(struct api *api, struct exchange *exchange) {
        const struct http_request *request = exchange_request(exchange);
        bool is_there = false;

        for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
                if (strcmp(request->path, routes[i].path) != 0)
                        continue;
                is_there = true;
                if (route_takes(&routes[i], request->method)) {
                        routes[i].answer(api, exchange);
                        return;
                }
        }
        if (is_there)
                method_refuse(request->path, exchange);
        else
                text_reply(exchange, 404, "not found\n");
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
