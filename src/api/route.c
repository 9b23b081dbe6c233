#include "api/route.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "net/http_request.h"
#include "util/mem.h"

char *route_text(const char *path, size_t n) {
        char *text = xcalloc(n + 1, 1);

        for (size_t i = 0; i < n; i++)
                text[i] = (char)(path[i] == HTTP_PATH_SLASH ? '/' : path[i]);
        return text;
}

static void part_add(struct route_parts *parts, const char *text, size_t n) {
        assert(parts->n < ROUTE_PARTS_MAX);
        parts->texts[parts->n++] = route_text(text, n);
}

// `parts` NULL: nobody wants to know them.
static bool pattern_fits(const char *pattern, const char *path, struct route_parts *parts) {
        while (*pattern) {
                size_t n = strcspn(path, "/");

                if (*pattern != '{') {
                        if (*pattern++ != *path++)
                                return false;
                        continue;
                }
                if (!n)
                        return false;
                if (parts)
                        part_add(parts, path, n);
                path += n;
                pattern = strchr(pattern, '}') + 1;
        }
        return *path == '\0';
}

static bool route_takes(const struct route *route, const char *method) {
        return strcmp(route->method, strcmp(method, "HEAD") == 0 ? "GET" : method) == 0;
}

// The rows of a path are those of the first pattern that fits it, whatever their methods.
static const char *pattern_find(const struct route *routes, const char *path) {
        while (routes->method && !pattern_fits(routes->pattern, path, NULL))
                routes++;
        return routes->pattern;
}

const struct route *route_find(const struct route *routes, const char *method, const char *path,
                               struct route_parts *ret_parts) {
        const char *pattern = pattern_find(routes, path);

        *ret_parts = (struct route_parts){0};
        for (const struct route *route = routes; pattern && route->method; route++) {
                if (!route_takes(route, method) || strcmp(route->pattern, pattern) != 0)
                        continue;
                (void)pattern_fits(route->pattern, path, ret_parts);
                return route;
        }
        return NULL;
}

char *route_methods(const struct route *routes, const char *path) {
        const char *pattern = pattern_find(routes, path);
        char *methods = NULL;

        for (const struct route *route = routes; pattern && route->method; route++) {
                CLEANUP(mem_freep) char *before = NULL;

                if (strcmp(route->pattern, pattern) != 0)
                        continue;
                before = methods;
                methods = xasprintf("%s%s%s", before ? before : "", before ? ", " : "",
                                    route_takes(route, "HEAD") ? "GET, HEAD" : route->method);
        }
        return methods;
}

void route_parts_deinit(struct route_parts *parts) {
        for (size_t i = 0; i < parts->n; i++)
                free(parts->texts[i]);
        *parts = (struct route_parts){0};
}
