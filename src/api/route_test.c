// Which function answers which request.
#include "api/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"

static const struct route routes[] = {
        {"GET", "/", ROUTE_OPEN, NULL},
        {"GET", "/streams", ROUTE_OPEN, NULL},
        {"POST", "/streams", ROUTE_MANAGE, NULL},
        {"GET", "/streams/first", ROUTE_OPEN, NULL},
        {"GET", "/streams/{name}", ROUTE_OPEN, NULL},
        {"DELETE", "/streams/{name}", ROUTE_MANAGE, NULL},
        {"POST", "/streams/{name}/pause", ROUTE_MANAGE, NULL},
        {"GET", "/streams/{name}/clips/{id}", ROUTE_OPEN, NULL},
        {0},
};

static void each_request_finds_its_row(void **state) {
        static const struct {
                const char *method, *path, *pattern;
                const char *parts[ROUTE_PARTS_MAX];
        } cases[] = {
                {"GET", "/", "/", {NULL}},
                {"HEAD", "/", "/", {NULL}},
                {"GET", "/streams", "/streams", {NULL}},
                {"POST", "/streams", "/streams", {NULL}},
                {"GET", "/streams/hall", "/streams/{name}", {"hall"}},
                {"HEAD", "/streams/hall", "/streams/{name}", {"hall"}},
                {"DELETE", "/streams/hall", "/streams/{name}", {"hall"}},
                {"GET", "/streams/first", "/streams/first", {NULL}},
                {"DELETE", "/streams/first", NULL, {NULL}},
                {"GET", "/streams/{name}", "/streams/{name}", {"{name}"}},
                {"GET", "/streams/a b?c", "/streams/{name}", {"a b?c"}},
                {"POST", "/streams/hall/pause", "/streams/{name}/pause", {"hall"}},
                {"POST",
                 "/streams/a\xff"
                 "b/pause",
                 "/streams/{name}/pause",
                 {"a/b"}},
                {"GET", "/streams/\xff", "/streams/{name}", {"/"}},
                {"GET",
                 "/streams\xff"
                 "a",
                 NULL,
                 {NULL}},
                {"GET", "/streams/x/clips/7", "/streams/{name}/clips/{id}", {"x", "7"}},
                {"GET", "/streams/", NULL, {NULL}},
                {"GET", "/streams//", NULL, {NULL}},
                {"POST", "/streams//pause", NULL, {NULL}},
                {"GET", "/streams/hall/", NULL, {NULL}},
                {"GET", "/streams/hall/pause", NULL, {NULL}},
                {"POST", "/streams/a/b/pause", NULL, {NULL}},
                {"GET", "/streams/x/clips/", NULL, {NULL}},
                {"GET", "/stream", NULL, {NULL}},
                {"GET", "/streamsx", NULL, {NULL}},
                {"GET", "", NULL, {NULL}},
                {"GET", "*", NULL, {NULL}},
                {"get", "/streams", NULL, {NULL}},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct route_parts parts;
                const struct route *route =
                        route_find(routes, cases[i].method, cases[i].path, &parts);
                size_t n = 0;

                if (!route != !cases[i].pattern ||
                    (route && strcmp(route->pattern, cases[i].pattern) != 0))
                        fail_msg("%s %s goes to %s", cases[i].method, cases[i].path,
                                 route ? route->pattern : "nobody");
                for (; n < ROUTE_PARTS_MAX && cases[i].parts[n]; n++) {
                        assert_true(n < parts.n);
                        assert_string_equal(parts.texts[n], cases[i].parts[n]);
                }
                assert_int_equal(parts.n, n);
                route_parts_deinit(&parts);
        }
}

static void a_path_tells_its_methods(void **state) {
        static const struct {
                const char *path, *methods;
        } cases[] = {
                {"/", "GET, HEAD"},
                {"/streams", "GET, HEAD, POST"},
                {"/streams/hall", "GET, HEAD, DELETE"},
                {"/streams/hall/pause", "POST"},
                {"/streams/", NULL},
                {"/other", NULL},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(mem_freep) char *methods = route_methods(routes, cases[i].path);

                if (cases[i].methods)
                        assert_string_equal(methods, cases[i].methods);
                else
                        assert_null(methods);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_request_finds_its_row),
                cmocka_unit_test(a_path_tells_its_methods),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
