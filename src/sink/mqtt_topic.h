#pragma once
// MQTT topics: PREFIX/STREAM/WHAT, where a stream may have any name.
//
// A name becomes one level of a topic: what MQTT or a broker forbids in one ('+', '#', '/',
// control characters, what is no character) and '%' itself are percent-encoded; a name without
// any character is "%00", which no other name becomes. So no two streams share a topic, and
// most names stay as they are.
//
// Threads: any; no state.

#include <stddef.h>

#include "util/error.h"

// The name as a level of a topic. The caller frees it.
char *mqtt_topic_level(const char *name);

// The name that has become this level (`n` bytes); NULL if none would. The caller frees it.
char *mqtt_topic_name(const char *level, size_t n);

// PREFIX/STREAM/WHAT. The caller frees it.
char *mqtt_topic_of(const char *prefix, const char *stream, const char *what);

// The stream of a topic PREFIX/STREAM/WHAT; NULL if it is none. The caller frees it.
char *mqtt_topic_stream(const char *prefix, const char *what, const char *topic);

// Whether topics may begin so; `key` names it in the words of -EINVAL.
int mqtt_topic_check_prefix(const char *prefix, const char *key, struct error *error);
