#include "sink/home_assistant.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdint.h>
#include <string.h>

#include "sink/mqtt_topic.h"
#include "util/line_text.h"
#include "util/mem.h"

// An id's letters are few; names have any. A name that is an id stays; of others the letters
// that may be are kept for whoever reads, and a hash tells them apart.
#define SLUG_MAX 64

// FNV-1a, which is the same on all machines and in all versions: ids are for ever.
static uint64_t text_hash(const char *text) {
        uint64_t hash = 0xcbf29ce484222325;

        for (; *text; text++)
                hash = (hash ^ (uint8_t)*text) * 0x100000001b3;
        return hash;
}

static bool is_id_letter(char letter) {
        return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
               (letter >= '0' && letter <= '9') || letter == '_' || letter == '-';
}

// The stream in ids. A name that ends as a hash does gets one, too, so that no two share one.
static char *slug_of(const char *stream) {
        const size_t n_hash = 17;  // "_" and 16 digits
        char kept[SLUG_MAX + 1];
        size_t n = 0, length = strlen(stream);
        bool is_id = length > 0 && length <= SLUG_MAX;

        for (size_t i = 0; i < length && n < SLUG_MAX; i++) {
                bool is_letter = is_id_letter(stream[i]);

                is_id = is_id && is_letter;
                kept[n++] = (char)(is_letter ? stream[i] : '_');
        }
        kept[n] = '\0';
        if (is_id && (length < n_hash || stream[length - n_hash] != '_'))
                return xstrdup(stream);
        return xasprintf("%s_%016" PRIx64, kept, text_hash(stream));
}

// "Porch speech".
static char *entity_name(const char *stream, const char *what) {
        CLEANUP(mem_freep) char *shown = line_text_copy(stream);

        shown[0] = (char)toupper((unsigned char)shown[0]);
        return xasprintf("%s %s", shown, what);
}

struct entity {
        const char *id, *platform, *name;
        const char *what;  // the last level of its topic
};

static const struct entity entities[] = {
        {"text", "sensor", "transcript", "final"},
        {"speech", "binary_sensor", "speech", "speech"},
        {"utt", "event", "utterance", "event"},
        {"conn", "binary_sensor", "stream", "online"},
};

// What only one kind of entity has.
static void entity_complete(json_t *component, const struct entity *entity,
                            const char *state_topic) {
        if (strcmp(entity->id, "text") == 0) {
                // A state has 255 characters at most; the whole is an attribute.
                json_object_set_new(component, "value_template",
                                    json_string("{{ value_json.text[:250] }}"));
                json_object_set_new(component, "json_attributes_topic",
                                    json_string(state_topic));
                json_object_set_new(component, "icon", json_string("mdi:text-recognition"));
        } else if (strcmp(entity->id, "speech") == 0) {
                json_object_set_new(component, "device_class", json_string("sound"));
                json_object_set_new(component, "off_delay",
                                    json_integer(HOME_ASSISTANT_OFF_DELAY));
        } else if (strcmp(entity->id, "utt") == 0) {
                json_object_set_new(
                        component, "event_types",
                        json_pack("[ss]", HOME_ASSISTANT_UTTERANCE, HOME_ASSISTANT_KEYWORD));
        } else {
                json_object_set_new(component, "device_class", json_string("connectivity"));
                json_object_set_new(component, "entity_category", json_string("diagnostic"));
        }
}

static void components_add(json_t *components, const char *prefix, const char *device,
                           const struct home_assistant_stream *stream) {
        CLEANUP(mem_freep) char *slug = slug_of(stream->name);

        for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
                const struct entity *entity = &entities[i];
                CLEANUP(mem_freep) char *key = xasprintf("%s_%s", slug, entity->id);
                CLEANUP(mem_freep) char *unique_id = xasprintf("%s_%s", device, key);
                CLEANUP(mem_freep) char *name = entity_name(stream->name, entity->name);
                CLEANUP(mem_freep)
                char *topic = mqtt_topic_of(prefix, stream->name, entity->what);
                json_t *component = json_pack("{ss}", "platform", entity->platform);

                json_object_set_new(components, key, component);
                if (stream->is_gone)
                        continue;
                json_object_set_new(component, "unique_id", json_string(unique_id));
                json_object_set_new(component, "name", json_string(name));
                json_object_set_new(component, "state_topic", json_string(topic));
                entity_complete(component, entity, topic);
        }
}

char *home_assistant_device(const char *prefix) {
        return xasprintf("eavesdrop_%08" PRIx32, (uint32_t)text_hash(prefix));
}

char *home_assistant_topic(const char *discovery_prefix, const char *device) {
        return xasprintf("%s/device/%s/config", discovery_prefix, device);
}

char *home_assistant_payload(const char *prefix, const char *device,
                             const struct home_assistant_stream *streams, size_t n) {
        CLEANUP(mem_freep) char *status = xasprintf("%s/status", prefix);
        json_t *components, *root;
        char *payload;

        if (n == 0)
                return NULL;
        components = json_object();
        for (size_t i = 0; i < n; i++)
                components_add(components, prefix, device, &streams[i]);
        root = json_pack("{s:{s:[s], s:s, s:s, s:s}, s:{s:s, s:s}, s:s, s:i, s:o}",  //
                         "device", "identifiers", device, "name", "Eavesdrop", "manufacturer",
                         "Eavesdrop", "sw_version", EAVESDROP_VERSION,  //
                         "origin", "name", "eavesdrop", "sw_version", EAVESDROP_VERSION,
                         "availability_topic", status, "qos", 1, "components", components);
        payload = json_dumps(root, JSON_COMPACT);
        json_decref(root);
        return payload;
}

bool home_assistant_is_birth(const char *payload) {
        return strcmp(payload, "online") == 0;
}
