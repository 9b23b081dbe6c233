// The API's description against what is answered: each route is in it as it is, and no other.
#include "api/openapi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "api/api.h"
#include "api/route.h"
#include "config/schema.h"
#include "util/mem.h"

static const char *const scopes[] = {
        [ROUTE_OPEN] = "open",     [ROUTE_READ] = "read",     [ROUTE_READ_ALL] = "read-all",
        [ROUTE_LISTEN] = "listen", [ROUTE_MANAGE] = "manage",
};

static int setup(void **state) {
        json_error_t error;
        size_t n;
        const char *text = openapi_text(&n);
        json_t *json = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);

        if (!json)
                fail_msg("openapi.json:%d: %s", error.line, error.text);
        assert_int_equal(strlen(text), n);
        *state = json;
        return 0;
}

static int teardown(void **state) {
        json_decref(*state);
        return 0;
}

static const char *text_of(const json_t *json, const char *name) {
        const char *text = json_string_value(json_object_get(json, name));

        return text ? text : "";
}

// The operation of a route; NULL: it is not described.
static const json_t *operation_of(const json_t *description, const struct route *route) {
        char method[8] = "";

        for (size_t i = 0; route->method[i] && i < sizeof(method) - 1; i++)
                method[i] = (char)(route->method[i] - 'A' + 'a');
        return json_object_get(
                json_object_get(json_object_get(description, "paths"), route->pattern), method);
}

// What a "$ref" within the document points at; NULL: nothing.
static const json_t *target_of(const json_t *description, const char *reference) {
        CLEANUP(mem_freep) char *copy = xstrdup(reference);
        char *rest = copy;
        const char *part = strsep(&rest, "/");
        const json_t *at = strcmp(part, "#") == 0 ? description : NULL;

        while (at && (part = strsep(&rest, "/")))
                at = json_object_get(at, part);
        return at;
}

static const json_t *resolved(const json_t *description, const json_t *json) {
        const char *reference = text_of(json, "$ref");

        return reference[0] ? target_of(description, reference) : json;
}

static bool has_path_parameter(const json_t *description, const json_t *path,
                               const char *name) {
        json_t *item;
        size_t i;

        json_array_foreach(json_object_get(path, "parameters"), i, item) {
                const json_t *parameter = resolved(description, item);

                if (strcmp(text_of(parameter, "name"), name) == 0 &&
                    strcmp(text_of(parameter, "in"), "path") == 0)
                        return true;
        }
        return false;
}

// --- the tests -------------------------------------------------------------------------------

static void each_route_is_described_with_its_scope(void **state) {
        for (const struct route *route = api_routes(); route->method; route++) {
                const json_t *operation = operation_of(*state, route);
                const json_t *answers = json_object_get(operation, "responses");
                bool is_open = route->scope == ROUTE_OPEN;

                if (!operation)
                        fail_msg("%s %s is not in openapi.json", route->method, route->pattern);
                if (strcmp(text_of(operation, "x-scope"), scopes[route->scope]) != 0)
                        fail_msg("%s %s: x-scope is to be %s", route->method, route->pattern,
                                 scopes[route->scope]);
                if (json_is_array(json_object_get(operation, "security")) != is_open)
                        fail_msg("%s %s: \"security\": [] is for what is open", route->method,
                                 route->pattern);
                if (!is_open &&
                    (!json_object_get(answers, "401") || !json_object_get(answers, "403")))
                        fail_msg("%s %s: 401 and 403 are answers, too", route->method,
                                 route->pattern);
        }
}

static void nothing_else_is_described(void **state) {
        size_t n_routes = 0, n_operations = 0;
        const char *pattern, *member;
        json_t *path, *value;

        for (const struct route *route = api_routes(); route->method; route++)
                n_routes++;
        json_object_foreach(json_object_get(*state, "paths"), pattern, path) {
                json_object_foreach(path, member, value) {
                        n_operations += json_is_object(value);
                }
        }
        assert_int_equal(n_operations, n_routes);
}

static void the_names_in_paths_are_parameters(void **state) {
        const char *pattern;
        json_t *path;

        json_object_foreach(json_object_get(*state, "paths"), pattern, path) {
                for (const char *at = strchr(pattern, '{'); at; at = strchr(at + 1, '{')) {
                        CLEANUP(mem_freep)
                        char *name = xasprintf("%.*s", (int)strcspn(at + 1, "}"), at + 1);

                        if (!has_path_parameter(*state, path, name))
                                fail_msg("%s: {%s} is no parameter", pattern, name);
                }
        }
}

static void references_check(const json_t *description, json_t *json) {
        const char *member;
        json_t *value;
        size_t i;

        if (text_of(json, "$ref")[0] && !target_of(description, text_of(json, "$ref")))
                fail_msg("%s is not in openapi.json", text_of(json, "$ref"));
        json_object_foreach(json, member, value) references_check(description, value);
        json_array_foreach(json, i, value) references_check(description, value);
}

static void what_is_referred_to_is_there(void **state) {
        references_check(*state, *state);
}

static void it_is_of_this_version(void **state) {
        assert_string_equal(text_of(json_object_get(*state, "info"), "version"),
                            EAVESDROP_VERSION);
}

// Both have the same members, but those that the description has besides.
static void members_compare(const json_t *described, const json_t *settings, size_t n_besides) {
        const char *name;
        json_t *value;

        assert_non_null(settings);
        json_object_foreach((json_t *)(uintptr_t)settings, name, value) {
                if (!json_object_get(described, name))
                        fail_msg("the setting %s is not in openapi.json", name);
        }
        assert_int_equal(json_object_size(described), json_object_size(settings) + n_besides);
}

// A stream has the file's keys, and its name; where the file may have a mapping or a switch,
// the mapping is the first of "anyOf".
static void a_stream_has_the_settings_of_the_file(void **state) {
        CLEANUP(mem_freep) char *schema = config_schema();
        json_t *json = json_loads(schema, 0, NULL);
        const json_t *settings = target_of(json, "#/$defs/stream/properties");
        const json_t *decoding = json_object_get(settings, "decoding");
        const json_t *choices = json_object_get(decoding, "anyOf");

        assert_non_null(json);
        members_compare(target_of(*state, "#/components/schemas/StreamWish/properties"),
                        settings, 1);
        members_compare(target_of(*state, "#/components/schemas/StreamPatch/properties"),
                        settings, 1);
        members_compare(
                target_of(*state, "#/components/schemas/Decoding/properties"),
                json_object_get(choices ? json_array_get(choices, 0) : decoding, "properties"),
                0);
        json_decref(json);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_route_is_described_with_its_scope),
                cmocka_unit_test(nothing_else_is_described),
                cmocka_unit_test(the_names_in_paths_are_parameters),
                cmocka_unit_test(what_is_referred_to_is_there),
                cmocka_unit_test(it_is_of_this_version),
                cmocka_unit_test(a_stream_has_the_settings_of_the_file),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
