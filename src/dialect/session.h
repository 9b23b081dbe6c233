#pragma once
// Session: one client, from its upgrade or connection to its goodbye, whatever its dialect
// (dialect.h). Here is what dialects ask for: send, refuse, open a stream, feed it, leave.
//
// Threads: loop thread only.
// Memory:  a session is in the hub's list and frees itself when its connection is
//          closed.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/principal.h"
#include "dialect/dialect.h"
#include "dialect/session_channel.h"
#include "dialect/wire.h"
#include "pipeline/hub.h"

// Most recent final segments sent with each message, unless the client asks for another number;
// and the most it may ask for.
#define SESSION_SEGMENTS     10
#define SESSION_SEGMENTS_MAX 500

// Bytes of a text frame, of which the first is the largest: a prompt and hotwords of 16 KiB
// each fit in with every letter of theirs escaped ("\u0416" for two bytes, as Python's JSON
// does), and what a parser makes of it is work for a few milliseconds.
#define SESSION_TEXT_MAX ((size_t)128 * 1024)

// A client that is not set up after this time is sent away.
#define SESSION_SETUP_TIMEOUT (30 * NSEC_PER_SEC)

struct raw;  // net/raw.h

struct session {
        struct hub_session base;  // first: the hub knows the session by it
        struct hub *hub;
        const struct dialect *const *dialects;  // that it may have: dialects.h
        const struct dialect *dialect;          // that it has; NULL: not known yet
        void *state;                            // the dialect's own
        const struct session_wire *wire;        // what it is connected by, and that
        void *connection;                       // connection; NULL: it is closed

        struct session_channel channels[SESSION_CHANNELS_MAX];  // that the client feeds
        unsigned n_channels;
        struct stream *stream;  // the first one's; NULL: none

        bool is_leaving;        // the end was asked for: goodbye once the stream is idle
        uint16_t leaving_code;  // close code of that goodbye
        bool is_closing;        // it was told that it may not stay, or goodbye
        unsigned n_paused;      // channels that are; it is not read from
        bool is_held;           // likewise: its address's backlog is too large
        bool is_failure_told;   // that a window was lost
        struct loop_timer *setup_timer;  // of what is waited for
        const char *overdue;             // the words if that does not come
};

// Take over a new socket, of a client that may have one of these dialects: at least one, and
// NULL at the end.
void session_open(struct hub *hub, const struct dialect *const *dialects,
                  const struct http_request *request, struct websocket *socket);

// Take over a new connection that is none of HTTP's, at a listener of that dialect's own, which
// has on_bytes. Its clients begin at once.
void session_open_raw(struct hub *hub, const struct dialect *const *dialects,
                      const struct http_request *request, struct raw *raw);

// Refuse the client with those words (static) unless this is called again, or it is set up,
// within so long; 0: it may take its time.
void session_await(struct session *session, nsec_t patience, const char *words);

// The client is set up.
void session_started(struct session *session, const char *about);

// Whether its client, as far as is known who it is, may be one of its dialect.
static inline bool session_may(const struct session *session) {
        const struct principal *principal = session->base.principal;
        const struct dialect *dialect = session->dialect;

        return !dialect->scope || (principal_may(principal, dialect->scope) &&
                                   principal_may_speak(principal, dialect->name));
}

// Whether its client has yet to say who it is (KEY_COMES_LATER): it can open no stream.
static inline bool session_is_unnamed(const struct session *session) {
        return session->dialect->key == KEY_COMES_LATER && session->base.principal->stranger &&
               !session_may(session);
}

// The client's key, which came later than its request (KEY_COMES_LATER), says whose session it
// is; where whoever asks is let in without one, or had one, it says nothing. False: it was
// refused. The caller sees to it that nothing of the key stays in memory.
bool session_identify(struct session *session, const char *secret);

// Refuse in the dialect's words, log and count it, and begin to close. `retry`: dialect.h.
void session_refuse(struct session *session, uint16_t code, const char *words, nsec_t retry);

// Whether one more may be let in now (hub_admission.h). False: it was refused, in words that
// all dialects share.
bool session_admit(struct session *session);

// Finish in order: flush, wait for the backlog, goodbye with `code`.
void session_leave(struct session *session, uint16_t code);

// Begin to close the connection: what was sent before arrives first. The reason is for people;
// it and the code go no further than the log where the connection has no place for them.
void session_close(struct session *session, uint16_t code, const char *reason);

// Stop and start reading what the client sends.
static inline void session_read(struct session *session, bool is_wanted) {
        if (session->connection)
                session->wire->read(session->connection, is_wanted);
}

// Whether it is not read from, since too much of its sound, or of its address's, is not yet
// text. When that is over the dialect's on_relief follows.
static inline bool session_is_held_up(const struct session *session) {
        return session->n_paused > 0 || session->is_held;
}

// Bytes that wait to be sent to the client.
size_t session_unsent(const struct session *session);

// Send an encoded text, or the bytes of a message where it is no WebSocket, and free it.
void session_send(struct session *session, char *text, size_t n);

// The wall-clock time that messages carry.
nsec_t session_wall(const struct session *session);
