// The JSON Schema has every setting, where the file has it.
#include "config/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "config/setting.h"
#include "util/mem.h"

static json_t *schema_read(void) {
        CLEANUP(mem_freep) char *text = config_schema();
        json_error_t error;
        json_t *schema = json_loads(text, JSON_REJECT_DUPLICATES, &error);

        if (!schema)
                fail_msg("line %d: %s", error.line, error.text);
        return schema;
}

// The members of a mapping, or of a section that may be one.
static json_t *members(json_t *object) {
        json_t *types = json_object_get(object, "anyOf");
        json_t *mapping = types ? json_array_get(types, 0) : object;

        assert_true(json_is_false(json_object_get(mapping, "additionalProperties")));
        return json_object_get(mapping, "properties");
}

static json_t *property_find(json_t *mapping, const char *name) {
        CLEANUP(mem_freep) char *copy = xstrdup(name);
        char *rest = copy;
        json_t *property = mapping;

        while (rest)
                property = json_object_get(members(property), strsep(&rest, "."));
        return property;
}

static void expect_property(json_t *mapping, const struct setting *row) {
        json_t *property = property_find(mapping, row->name);
        json_t *preset = json_object_get(property, "default");

        if (!property || !preset)
                fail_msg("%s: not there, or without a default", row->name);
        assert_string_equal(json_string_value(json_object_get(property, "description")),
                            row->help);
        assert_int_equal(json_is_null(preset), !row->preset && row->kind != SETTING_SECTION);
        if (json_is_true(json_object_get(property, "x-restart")) != setting_needs_restart(row))
                fail_msg("%s: x-restart is wrong", row->name);
}

static void every_setting_is_described(void **state) {
        json_t *schema = schema_read();
        json_t *definitions = json_object_get(schema, "$defs");

        (void)state;
        for (const struct setting *row = setting_table; row->name; row++) {
                if (row->applies & SETTING_SERVER)
                        expect_property(schema, row);
                if (row->applies & SETTING_STREAM)
                        expect_property(json_object_get(definitions, "stream"), row);
                if (row->applies & SETTING_ALERT)
                        expect_property(json_object_get(definitions, "alert"), row);
                if (row->applies & SETTING_SINK)
                        expect_property(json_object_get(definitions, "sink"), row);
                if (row->applies & SETTING_TOKEN)
                        expect_property(json_object_get(definitions, "token"), row);
        }
        json_decref(schema);
}

static void settings_say_how_else_they_are_set(void **state) {
        json_t *schema = schema_read();
        json_t *property = property_find(schema, "log.level");

        (void)state;
        assert_string_equal(json_string_value(json_object_get(property, "x-environment")),
                            "EAVESDROP_LOG_LEVEL");
        assert_string_equal(
                json_string_value(json_array_get(json_object_get(property, "x-options"), 0)),
                "serve --log-level");
        assert_string_equal(json_string_value(json_object_get(property, "x-expected")),
                            "debug, info, warning or error");
        json_decref(schema);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_setting_is_described),
                cmocka_unit_test(settings_say_how_else_they_are_set),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
