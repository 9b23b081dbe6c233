#pragma once
// REST rig: a port that answers as a dialect of the test's own does ("/hear" takes files,
// "/names/{name}" echoes), on a desk (transcriptions_rig.h), and a client of it. Only in tests.
//
// Threads: main thread.

#include "dialect/rest_hearing.h"
#include "net/listener.h"
#include "transcription/transcriptions_rig.h"

struct rest_rig {
        struct desk *desk;
        struct scratches *scratches;
        struct listener *listener;
        struct rest_place place;
        const struct principal *principal;  // who asks
        int fd;                             // of the client; -1: none
        char bytes[8192];                   // that it was sent
        size_t n_bytes;
};

// What the dialect does, and has seen.
struct rest_echo {
        bool streams, is_closed;
        size_t n_flood;  // bytes of a long answer
        char fields[64];
};
extern struct rest_echo rest_rig_echo;

int rest_rig_setup(void **state);
int rest_rig_teardown(void **state);

// The rig, or the test is skipped.
struct rest_rig *rest_rig_need(void **state);

// Connect the client, in the place of the one there is.
void rest_rig_connect(struct rest_rig *rig);

// Let a moment pass.
void rest_rig_turn(struct rest_rig *rig);

void rest_rig_send(struct rest_rig *rig, const char *bytes, size_t n);
void rest_rig_say(struct rest_rig *rig, const char *text);

// Until the client has been told this, and what came with it.
void rest_rig_expect(struct rest_rig *rig, const char *words);

// A new connection, and a request to "/hear" whose body is announced to be so long; one with
// its body; and one with the desk's recording.
void rest_rig_ask(struct rest_rig *rig, const char *type, size_t n_body);
void rest_rig_post(struct rest_rig *rig, const char *type, const char *body, size_t n);
void rest_rig_post_talk(struct rest_rig *rig);

size_t rest_rig_sessions(const struct rest_rig *rig);

// Nothing is left of any request.
void rest_rig_expect_nothing_left(struct rest_rig *rig);
