// What Home Assistant is told, field by field, against the rules of its MQTT discovery.
#include "sink/home_assistant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "util/mem.h"

static json_t *announce(const struct home_assistant_stream *streams, size_t n) {
        CLEANUP(mem_freep)
        char *payload = home_assistant_payload("eavesdrop", "eavesdrop_a1b2", streams, n);
        json_t *root = json_loads(payload, JSON_REJECT_DUPLICATES, NULL);

        assert_non_null(root);
        return root;
}

// The whole of it, as it is published for a stream "porch".
static void a_stream_is_one_device_with_four_entities(void **state) {
        static const char expected[] =
                "{'device':{'identifiers':['eavesdrop_a1b2'],'name':'Eavesdrop',"
                "'manufacturer':'Eavesdrop','sw_version':'" EAVESDROP_VERSION "'},"
                "'origin':{'name':'eavesdrop','sw_version':'" EAVESDROP_VERSION "'},"
                "'availability_topic':'eavesdrop/status','qos':1,'components':{"
                "'porch_text':{'platform':'sensor','unique_id':'eavesdrop_a1b2_porch_text',"
                "'name':'Porch transcript','state_topic':'eavesdrop/porch/final',"
                "'value_template':'{{ value_json.text[:250] }}',"
                "'json_attributes_topic':'eavesdrop/porch/final',"
                "'icon':'mdi:text-recognition'},"
                "'porch_speech':{'platform':'binary_sensor',"
                "'unique_id':'eavesdrop_a1b2_porch_speech','name':'Porch speech',"
                "'device_class':'sound','state_topic':'eavesdrop/porch/speech','off_delay':30},"
                "'porch_utt':{'platform':'event','unique_id':'eavesdrop_a1b2_porch_utt',"
                "'name':'Porch utterance','event_types':['utterance','keyword'],"
                "'state_topic':'eavesdrop/porch/event'},"
                "'porch_conn':{'platform':'binary_sensor',"
                "'unique_id':'eavesdrop_a1b2_porch_conn','name':'Porch stream',"
                "'device_class':'connectivity','entity_category':'diagnostic',"
                "'state_topic':'eavesdrop/porch/online'}}}";
        CLEANUP(mem_freep) char *text = xstrdup(expected);
        json_t *root = announce(&(struct home_assistant_stream){"porch", false}, 1);
        json_t *wanted;

        (void)state;
        for (char *quote = text; (quote = strchr(quote, '\'')) != NULL;)
                *quote = '"';
        wanted = json_loads(text, 0, NULL);
        assert_non_null(wanted);
        assert_true(json_equal(root, wanted));
        json_decref(wanted);
        json_decref(root);
}

static bool is_among(const char *key, const char *const *keys) {
        for (; *keys; keys++)
                if (strcmp(key, *keys) == 0)
                        return true;
        return false;
}

static bool is_id(const char *text) {
        return *text != '\0' && text[strspn(text, "abcdefghijklmnopqrstuvwxyz"
                                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                  "0123456789_-")] == '\0';
}

// An unknown key at the top refuses the whole announcement; ids have few letters, and none is
// another's; what is required is there.
static void any_names_are_announced_by_the_rules(void **state) {
        static const char *const top[] = {"device", "origin",     "availability_topic",
                                          "qos",    "components", NULL};
        static const char *const platforms[] = {"sensor", "binary_sensor", "event", NULL};
        static const struct home_assistant_stream streams[] = {
                {"porch", false},
                {"Porch", false},
                {"", false},
                {"a/b", false},
                {"a+b", false},
                {"a_b", false},
                {"a b", false},
                {"\xe7\x8e\x84\xe9\x96\xa2", false},
                {"\xe7\x8e\x84\xe9\x9f\xb3", false},
                {"broken \xff", false},
                {"line\nbreak", false},
                {"looks_0123456789abcdef", false},
                {"porch_text", false},
        };
        const size_t n = sizeof(streams) / sizeof(streams[0]);
        json_t *root = announce(streams, n);
        json_t *seen = json_object(), *component;
        const char *key;
        json_t *value;

        (void)state;
        json_object_foreach(root, key, value) assert_true(is_among(key, top));
        assert_int_equal(json_array_size(json_object_get(json_object_get(root, "device"),
                                                         "identifiers")),
                         1);
        assert_true(json_is_string(json_object_get(json_object_get(root, "origin"), "name")));
        // None has overwritten another.
        assert_int_equal(json_object_size(json_object_get(root, "components")), 4 * n);
        json_object_foreach(json_object_get(root, "components"), key, component) {
                const char *id = json_string_value(json_object_get(component, "unique_id"));
                const char *topic =
                        json_string_value(json_object_get(component, "state_topic"));

                assert_true(is_id(key));
                assert_true(is_among(json_string_value(json_object_get(component, "platform")),
                                     platforms));
                assert_true(is_id(id));
                assert_null(json_object_get(seen, id));
                json_object_set_new(seen, id, json_true());
                assert_null(strpbrk(topic, "+#"));
                assert_memory_equal(topic, "eavesdrop/", 10);
        }
        assert_non_null(json_object_get(seen, "eavesdrop_a1b2_porch_text"));
        json_decref(seen);
        json_decref(root);
}

// Whoever goes is there with its platform alone; then it is left out.
static void a_stream_that_goes_is_taken_back(void **state) {
        const struct home_assistant_stream streams[] = {{"porch", true}, {"garage", false}};
        json_t *root = announce(streams, 2);
        json_t *components = json_object_get(root, "components");
        json_t *gone = json_object_get(components, "porch_text");

        (void)state;
        assert_int_equal(json_object_size(components), 8);
        assert_int_equal(json_object_size(gone), 1);
        assert_string_equal(json_string_value(json_object_get(gone, "platform")), "sensor");
        assert_int_equal(json_object_size(json_object_get(components, "porch_utt")), 1);
        assert_true(json_object_size(json_object_get(components, "garage_text")) > 1);
        json_decref(root);
        assert_null(home_assistant_payload("eavesdrop", "eavesdrop_a1b2", streams, 0));
}

static void a_device_is_the_same_at_each_start(void **state) {
        CLEANUP(mem_freep) char *device = home_assistant_device("eavesdrop");
        CLEANUP(mem_freep) char *other = home_assistant_device("eavesdrop2");
        CLEANUP(mem_freep) char *topic = home_assistant_topic("homeassistant", device);

        (void)state;
        assert_string_equal(device, "eavesdrop_83df311e");
        assert_string_not_equal(device, other);
        assert_string_equal(topic, "homeassistant/device/eavesdrop_83df311e/config");
        assert_true(home_assistant_is_birth("online"));
        assert_false(home_assistant_is_birth("offline"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_stream_is_one_device_with_four_entities),
                cmocka_unit_test(any_names_are_announced_by_the_rules),
                cmocka_unit_test(a_stream_that_goes_is_taken_back),
                cmocka_unit_test(a_device_is_the_same_at_each_start),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
