#include "dialect/rest.h"

#include <stdlib.h>
#include <string.h>

#include "auth/principal.h"
#include "net/exchange.h"
#include "util/log.h"
#include "util/mem.h"

// For how long a browser need not ask again what a page's script may ask.
#define PREFLIGHT_SECONDS 600

// Whoever is told to come back later than this is not to come by itself: clients that retry do
// it within a minute, whatever they are told.
#define RETRY_MOST (60 * NSEC_PER_SEC)

// When to come back to a server that has no connection left.
#define RETRY_NET (10 * NSEC_PER_SEC)

// --- paths -----------------------------------------------------------------------------------

// *ret_part is what stands for the path's name; NULL: it has none.
static bool path_fits(const char *pattern, const char *path, const char **ret_part) {
        const char *name = strchr(pattern, '{');
        size_t n = name ? (size_t)(name - pattern) : strlen(pattern);

        *ret_part = name ? path + n : NULL;
        if (strncmp(pattern, path, n) != 0)
                return false;
        return name ? path[n] != '\0' : strcmp(path + n, "") == 0 || strcmp(path + n, "/") == 0;
}

static bool method_fits(const struct rest_route *route, const char *method) {
        return strcmp(route->method, strcmp(method, "HEAD") == 0 ? "GET" : method) == 0;
}

// NULL: the dialect has nothing there with that method. *ret_has_path: it has with others.
static const struct rest_route *route_find(const struct rest_dialect *dialect,
                                           const struct http_request *request,
                                           const char **ret_part, bool *ret_has_path) {
        *ret_has_path = false;
        for (const struct rest_route *route = dialect->routes; route->method; route++) {
                if (!path_fits(route->path, request->path, ret_part))
                        continue;
                *ret_has_path = true;
                if (method_fits(route, request->method))
                        return route;
        }
        return NULL;
}

static char *methods_find(const struct rest_dialect *dialect, const char *path) {
        char *methods = NULL;
        const char *part;

        for (const struct rest_route *route = dialect->routes; route->method; route++) {
                CLEANUP(mem_freep) char *before = NULL;

                if (!path_fits(route->path, path, &part))
                        continue;
                before = methods;
                methods = xasprintf("%s%s%s", before ? before : "", before ? ", " : "",
                                    method_fits(route, "HEAD") ? "GET, HEAD" : route->method);
        }
        return methods;
}

// --- refusals --------------------------------------------------------------------------------

char *rest_retry_headers(const struct rest_refusal *refusal, const char *more) {
        if (refusal->status != 429 && refusal->status != 503)
                return xasprintf("%s", more);
        if (!refusal->retry)
                return xasprintf("x-should-retry: false\r\n%s", more);
        return xasprintf("Retry-After: %.0f\r\nx-should-retry: %s\r\n%s",
                         (double)refusal->retry / NSEC_PER_SEC,
                         refusal->retry <= RETRY_MOST ? "true" : "false", more);
}

static void method_refuse(const struct rest_dialect *dialect, struct exchange *exchange) {
        CLEANUP(mem_freep)
        char *methods = methods_find(dialect, exchange_request(exchange)->path);
        const struct rest_refusal refusal = {
                .status = 405, .words = "not with this method", .allow = methods};

        dialect->refuse(exchange, &refusal);
}

// Whoever has no token, or one that may not.
static void scope_refuse(const struct rest_dialect *dialect, struct exchange *exchange) {
        const struct principal *principal = exchange_request(exchange)->principal;
        bool is_stranger = !principal || principal->stranger;
        CLEANUP(mem_freep)
        char *words =
                is_stranger
                        ? xasprintf("%s (dialect %s)",
                                    principal ? principal->stranger : "this needs a token",
                                    dialect->name)
                        : xasprintf("the token '%s' has not the scope listen", principal->name);
        const struct rest_refusal refusal = {.status = is_stranger ? 401 : 403, .words = words};

        dialect->refuse(exchange, &refusal);
}

static bool route_admits(const struct rest_dialect *dialect, const struct rest_route *route,
                         const struct principal *principal) {
        return !route->scope || (principal_may(principal, route->scope) &&
                                 principal_may_speak(principal, dialect->name));
}

// --- pages of other servers ------------------------------------------------------------------

// What a browser asks for a page whose scripts may read the answer, before it asks what the
// page wants.
static bool is_preflight(const struct http_request *request) {
        return request->page && strcmp(request->method, "OPTIONS") == 0 &&
               http_request_header(request, "Access-Control-Request-Method");
}

// Libraries for browsers send headers of their own.
static void preflight_answer(const struct rest_dialect *dialect, struct exchange *exchange) {
        const struct http_request *request = exchange_request(exchange);
        const char *asked = http_request_header(request, "Access-Control-Request-Headers");
        CLEANUP(mem_freep) char *methods = methods_find(dialect, request->path);
        CLEANUP(mem_freep)
        char *headers = xasprintf("Access-Control-Allow-Methods: %s\r\n"
                                  "Access-Control-Allow-Headers: %s\r\n"
                                  "Access-Control-Max-Age: %d\r\n",
                                  methods, asked ? asked : "Authorization, Content-Type",
                                  PREFLIGHT_SECONDS);

        exchange_reply(exchange, &(struct http_response){.status = 204, .headers = headers});
}

// --- answering -------------------------------------------------------------------------------

static void dialect_answer(const struct rest_dialect *dialect, const struct rest_route *route,
                           const struct rest_place *place, struct exchange *exchange,
                           const char *part) {
        const struct http_request *request = exchange_request(exchange);

        if (is_preflight(request))
                preflight_answer(dialect, exchange);
        else if (!route)
                method_refuse(dialect, exchange);
        else if (!route_admits(dialect, route, request->principal))
                scope_refuse(dialect, exchange);
        else
                route->answer(place, exchange, part);
}

// NULL: none has the path.
static const struct rest_dialect *dialect_find(const struct rest_dialect *const *dialects,
                                               const char *path) {
        const char *part;

        for (; *dialects; dialects++)
                for (const struct rest_route *route = (*dialects)->routes; route->method;
                     route++)
                        if (path_fits(route->path, path, &part))
                                return *dialects;
        return NULL;
}

bool rest_has_path(const struct rest_dialect *const *dialects, const char *path) {
        return dialect_find(dialects, path);
}

bool rest_phrase(const struct rest_dialect *const *dialects, const struct http_request *request,
                 int status, const char *words, struct http_phrase *phrase) {
        const struct rest_dialect *dialect = dialect_find(dialects, request->path);
        const struct rest_refusal refusal = {.status = status,
                                             .words = words,
                                             .retry = status == 429 || status == 503 ? RETRY_NET
                                                                                     : 0};

        if (!dialect || !dialect->phrase)
                return false;
        dialect->phrase(&refusal, phrase);
        return true;
}

bool rest_answer(const struct rest_dialect *const *dialects, const struct rest_place *place,
                 struct exchange *exchange) {
        for (; *dialects; dialects++) {
                const char *part;
                bool has_path;
                const struct rest_route *route =
                        route_find(*dialects, exchange_request(exchange), &part, &has_path);

                if (!has_path)
                        continue;
                dialect_answer(*dialects, route, place, exchange, part);
                return true;
        }
        return false;
}
