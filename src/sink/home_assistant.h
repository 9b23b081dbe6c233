#pragma once
// Home Assistant: how its MQTT discovery is told of our streams. One device with four entities
// for each stream: what was said last (sensor), whether somebody speaks (binary sensor), each
// utterance and alert (event), and whether the stream is connected (binary sensor).
//
// An entity that goes is announced once as its platform alone, then left out: whoever is left
// out at once stays. A device without streams is taken back with an empty message.
//
// Threads: any; no state.

#include <stdbool.h>
#include <stddef.h>

// What the "event_type" of a message under PREFIX/STREAM/event may be.
#define HOME_ASSISTANT_UTTERANCE "utterance"
#define HOME_ASSISTANT_KEYWORD   "keyword"

// Seconds without a further "ON" after which Home Assistant takes speech for ended.
#define HOME_ASSISTANT_OFF_DELAY 30

struct home_assistant_stream {
        const char *name;
        bool is_gone;  // its entities are to be taken back
};

// "eavesdrop_1a2b3c4d": the device of a server whose topics begin so; the same at each start.
// The caller frees it.
char *home_assistant_device(const char *prefix);

// "homeassistant/device/DEVICE/config": where it is announced, as a retained message. The
// caller frees it.
char *home_assistant_topic(const char *discovery_prefix, const char *device);

// The announcement. NULL when there is nothing to announce: then an empty message is. The
// caller frees it.
char *home_assistant_payload(const char *prefix, const char *device,
                             const struct home_assistant_stream *streams, size_t n);

// Of a message under "homeassistant/status": Home Assistant has just started.
bool home_assistant_is_birth(const char *payload);
