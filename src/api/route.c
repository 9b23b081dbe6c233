#include "api/route.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

static void part_add(struct route_parts *parts, const char *text, size_t n) {
        assert(parts->n < ROUTE_PARTS_MAX);
        parts->texts[parts->n] = xcalloc(n + 1, 1);
        memcpy(parts->texts[parts->n++], text, n);
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

const struct route *route_find(const struct route *routes, const char *method, const char *path,
                               struct route_parts *ret_parts) {
        *ret_parts = (struct route_parts){0};
        for (const struct route *route = routes; route->method; route++) {
                if (!route_takes(route, method) || !pattern_fits(route->pattern, path, NULL))
                        continue;
                (void)pattern_fits(route->pattern, path, ret_parts);
                return route;
        }
        return NULL;
}

char *route_methods(const struct route *routes, const char *path) {
        char *methods = NULL;

        for (const struct route *route = routes; route->method; route++) {
                CLEANUP(mem_freep) char *before = NULL;

                if (!pattern_fits(route->pattern, path, NULL))
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
