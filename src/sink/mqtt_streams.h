#pragma once
// MQTT streams: which streams a sink's broker was told of, and how they are: what has to be
// said again to a broker that was away, and taken back when a stream goes.
//
// Threads: any one at a time.
// Memory:  owns its texts.

#include <stdbool.h>
#include <stddef.h>

enum mqtt_presence {
        MQTT_STREAM_HERE,
        MQTT_STREAM_GONE,     // what was said of it is to be taken back
        MQTT_STREAM_SUSPECT,  // the broker remembers it; we do not know it, yet or any more
};

struct mqtt_stream {
        char *name;
        enum mqtt_presence presence;
        bool is_session;  // nothing of it is retained or announced
        bool is_online, is_speaking;
};

struct mqtt_streams {
        struct mqtt_stream *all;
        size_t n, capacity;
};

// The stream of that name, or NULL. Valid until one is added or removed.
struct mqtt_stream *mqtt_streams_find(struct mqtt_streams *streams, const char *name);

// The stream of that name, which is added if it is not there.
struct mqtt_stream *mqtt_streams_add(struct mqtt_streams *streams, const char *name);

// Forget those that are gone.
void mqtt_streams_forget_gone(struct mqtt_streams *streams);

// Whether anybody speaks.
bool mqtt_streams_are_speaking(const struct mqtt_streams *streams);

// The announcement of those that are here and, `with_gone`, of those that go, to Home Assistant
// (home_assistant_payload()). The caller frees it.
char *mqtt_streams_announce(const struct mqtt_streams *streams, const char *prefix,
                            const char *device, bool with_gone);

void mqtt_streams_deinit(struct mqtt_streams *streams);
