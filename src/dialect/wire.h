#pragma once
// Wire: what a session's messages go through. A row of functions for each kind of connection
// that there is; a session has one, and its connection.
//
// Threads: loop thread only.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session_wire {
        // Queue a message (copied): on a WebSocket a text, on a raw connection its bytes.
        void (*send)(void *connection, const char *text, size_t n);
        // Begin to close. What was sent before arrives first; code and reason do only where
        // the protocol has a place for them.
        void (*close)(void *connection, uint16_t code, const char *reason);
        // Stop and start reading.
        void (*read)(void *connection, bool is_wanted);
        // Bytes that wait to be sent.
        size_t (*unsent)(const void *connection);
};

extern const struct session_wire session_wire_websocket;  // of a struct websocket
extern const struct session_wire session_wire_raw;        // of a struct raw
