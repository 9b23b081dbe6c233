#include "api/route_answer.h"

#include <stdlib.h>
#include <string.h>

#include "api/problem.h"
#include "api/reply.h"
#include "api/route.h"
#include "auth/principal.h"
#include "net/exchange.h"
#include "util/mem.h"

// For how long a browser need not ask again what a page's script may ask.
#define PREFLIGHT_SECONDS 600

// Where the paths for programs begin.
#define API_PREFIX "/api/"

// --- refusals --------------------------------------------------------------------------------

// Pages are for people and probes, and say so in a line of text; the rest is for programs.
static void path_refuse(struct exchange *exchange, int status, const char *detail,
                        const char *headers) {
        const char *path = exchange_request(exchange)->path;
        struct problem problem = {.status = status, .detail = detail, .headers = headers};
        CLEANUP(mem_freep) char *line = NULL;

        if (strncmp(path, API_PREFIX, strlen(API_PREFIX)) == 0) {
                problem_reply(exchange, &problem);
                return;
        }
        line = xasprintf("%s\n", detail);
        reply_text(exchange, status, line, headers);
}

// Nothing answers: there is nothing at the path, or not with that method.
static void nothing_refuse(const struct route *routes, struct exchange *exchange) {
        CLEANUP(mem_freep)
        char *methods = route_methods(routes, exchange_request(exchange)->path);
        CLEANUP(mem_freep) char *headers = NULL;

        if (!methods) {
                path_refuse(exchange, 404, "not found", NULL);
                return;
        }
        headers = xasprintf("Allow: %s\r\n", methods);
        path_refuse(exchange, 405, "not with this method", headers);
}

// --- pages of other servers ------------------------------------------------------------------

// A browser asks whether a page's script may ask what it is about to ask (a preflight of CORS);
// without the token, which stands in what will be asked. Other pages' are answered as anything
// that there is not: without leave.
static bool is_preflight(const struct http_request *request) {
        return request->page && strcmp(request->method, "OPTIONS") == 0 &&
               http_request_header(request, "Access-Control-Request-Method");
}

// False: there is nothing at the path.
static bool preflight_answer(const struct route *routes, struct exchange *exchange) {
        CLEANUP(mem_freep)
        char *methods = route_methods(routes, exchange_request(exchange)->path);
        CLEANUP(mem_freep) char *headers = NULL;

        if (!methods)
                return false;
        headers = xasprintf("Access-Control-Allow-Methods: %s\r\n"
                            "Access-Control-Allow-Headers: Authorization, Content-Type, "
                            "If-None-Match, If-Range, Last-Event-ID, Range\r\n"
                            "Access-Control-Max-Age: %d\r\n",
                            methods, PREFLIGHT_SECONDS);
        exchange_reply(exchange, &(struct http_response){.status = 204, .headers = headers});
        return true;
}

// --- answering -------------------------------------------------------------------------------

static bool route_admits(const struct route *route, const struct principal *principal) {
        switch (route->scope) {
        case ROUTE_OPEN:
                return true;
        case ROUTE_READ:
                return principal_may_ask(principal, SCOPE_READ);
        case ROUTE_READ_ALL:
                return principal_may_ask(principal, SCOPE_READ) &&
                       principal_may_read(principal, NULL);
        case ROUTE_LISTEN:
                return principal_may_ask(principal, SCOPE_LISTEN);
        case ROUTE_MANAGE:
                return principal_may_ask(principal, SCOPE_MANAGE);
        }
        return false;
}

static void route_refuse(struct exchange *exchange, const struct route *route) {
        static const char *const scopes[] = {
                [ROUTE_READ] = "read",
                [ROUTE_READ_ALL] = "read of all streams",
                [ROUTE_LISTEN] = "listen",
                [ROUTE_MANAGE] = "manage",
        };
        const struct principal *principal = exchange_request(exchange)->principal;
        bool is_stranger = !principal || principal->stranger;
        CLEANUP(mem_freep)
        char *words =
                is_stranger ? xasprintf("%s; it needs the scope %s",
                                        principal ? principal->stranger : "this needs a token",
                                        scopes[route->scope])
                            : xasprintf("the token '%s' has not the scope %s", principal->name,
                                        scopes[route->scope]);

        path_refuse(exchange, is_stranger ? 401 : 403, words, NULL);
}

void route_answer(const struct route *routes, struct api *api, struct exchange *exchange) {
        const struct http_request *request = exchange_request(exchange);
        CLEANUP(route_parts_deinit) struct route_parts parts;
        const struct route *route = route_find(routes, request->method, request->path, &parts);

        if (is_preflight(request) && preflight_answer(routes, exchange))
                return;
        if (!route)
                nothing_refuse(routes, exchange);
        else if (!route_admits(route, request->principal))
                route_refuse(exchange, route);
        else
                route->answer(api, exchange, &parts);
}
