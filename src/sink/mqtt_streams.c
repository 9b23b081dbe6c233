#include "sink/mqtt_streams.h"

#include <stdlib.h>
#include <string.h>

#include "sink/home_assistant.h"
#include "util/array.h"
#include "util/mem.h"

struct mqtt_stream *mqtt_streams_find(struct mqtt_streams *streams, const char *name) {
        for (size_t i = 0; i < streams->n; i++)
                if (strcmp(streams->all[i].name, name) == 0)
                        return &streams->all[i];
        return NULL;
}

struct mqtt_stream *mqtt_streams_add(struct mqtt_streams *streams, const char *name) {
        struct mqtt_stream *stream = mqtt_streams_find(streams, name);

        if (stream)
                return stream;
        streams->all =
                array_grow(streams->all, streams->n, &streams->capacity, sizeof(*streams->all));
        stream = &streams->all[streams->n++];
        *stream = (struct mqtt_stream){.name = xstrdup(name)};
        return stream;
}

void mqtt_streams_forget_gone(struct mqtt_streams *streams) {
        size_t n = 0;

        for (size_t i = 0; i < streams->n; i++) {
                if (streams->all[i].presence == MQTT_STREAM_GONE)
                        free(streams->all[i].name);
                else
                        streams->all[n++] = streams->all[i];
        }
        streams->n = n;
}

bool mqtt_streams_are_speaking(const struct mqtt_streams *streams) {
        for (size_t i = 0; i < streams->n; i++)
                if (streams->all[i].is_speaking)
                        return true;
        return false;
}

char *mqtt_streams_announce(const struct mqtt_streams *streams, const char *prefix,
                            const char *device, bool with_gone) {
        struct home_assistant_stream *shown = xcalloc(streams->n + 1, sizeof(*shown));
        size_t n = 0;
        char *payload;

        for (size_t i = 0; i < streams->n; i++) {
                const struct mqtt_stream *stream = &streams->all[i];
                bool is_gone = stream->presence == MQTT_STREAM_GONE;

                if (!stream->is_session &&
                    (stream->presence == MQTT_STREAM_HERE || (is_gone && with_gone)))
                        shown[n++] = (struct home_assistant_stream){stream->name, is_gone};
        }
        payload = home_assistant_payload(prefix, device, shown, n);
        free(shown);
        return payload;
}

void mqtt_streams_deinit(struct mqtt_streams *streams) {
        for (size_t i = 0; i < streams->n; i++)
                free(streams->all[i].name);
        free(streams->all);
        *streams = (struct mqtt_streams){0};
}
