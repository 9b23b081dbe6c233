#pragma once
// Session rig: a port at which sessions are opened, on a hub rig, and a client of it. Only in
// tests.
//
// Threads: main thread.

#include "dialect/dialects.h"
#include "dialect/session.h"
#include "net/listener.h"
#include "net/raw.h"
#include "pipeline/hub_rig.h"

#define SESSION_RIG_BYTES 65536  // of what the client is sent that are looked at together

struct session_rig {
        struct hub_rig *hub;  // its hub is NULL where the network is not there
        struct listener *listener;
        struct listener *raw_listener;          // for connections that are no HTTP
        const struct dialect *const *dialects;  // that clients may have
        const struct principal *principal;      // that they are
        int fd;                                 // of the client; -1: none
        char *bytes;  // that it was sent and that were not expected yet
        size_t n_bytes;
};

int session_rig_setup(void **state);
int session_rig_teardown(void **state);

// The rig, or the test is skipped.
struct session_rig *session_rig_need(void **state);

// Connect the client, in the place of the one there is, and ask for a WebSocket at
// "/PATH?QUERY". The system keeps `room` bytes of what it is sent for it; 0: as many as it
// likes.
void session_rig_connect(struct session_rig *rig, const char *target, int room);

// It goes without a word.
void session_rig_disconnect(struct session_rig *rig);

// Connect the client, in the place of the one there is, without HTTP: it is of the first of the
// rig's dialects.
void session_rig_connect_raw(struct session_rig *rig);

// The client sends bytes, to be followed by nothing more if `is_end`.
void session_rig_send_bytes(struct session_rig *rig, const void *bytes, size_t n, bool is_end);

// The client says a text, of at most 65535 bytes.
void session_rig_send(struct session_rig *rig, const char *text);

// Turn the loop until the client has been sent these bytes; what came before them is forgotten.
// The test fails when they do not come.
void session_rig_expect(struct session_rig *rig, const char *bytes);

// Turn the loop until the client is hung up on; the test fails when it is not.
void session_rig_expect_end(struct session_rig *rig);
