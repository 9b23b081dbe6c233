#pragma once
// Session: one WebSocket client, from its first text frame to its goodbye. Private to server/.
//
// The upgrade request names a role; for transcribers the first text frame tells the dialect.
// Each kind of session is an ops table of its own: session_whisperlive.c, session_eavesdrop.c,
// session_subscriber.c.
//
// Threads: loop thread only.
// Memory:  a session belongs to the server's list and frees itself when its socket is closed.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audio/pcm.h"
#include "audio/plausibility.h"
#include "auth/principal.h"
#include "dialect/eavesdrop/messages.h"
#include "net/listener.h"
#include "net/websocket.h"
#include "pipeline/stream.h"
#include "server/counts.h"
#include "server/server.h"
#include "source/upload.h"
#include "util/tally.h"

struct session;

// Most recent final segments sent with each message, unless the client asks for another number;
// and the most it may ask for.
#define SESSION_SEGMENTS     10
#define SESSION_SEGMENTS_MAX 500

// Bytes of a text frame, of which the first is the largest: a prompt and hotwords of 16 KiB
// each fit in with every letter of theirs escaped ("\u0416" for two bytes, as Python's JSON
// does), and what a parser makes of it is work for a few milliseconds.
#define SESSION_TEXT_MAX ((size_t)128 * 1024)

// A client that has not said what it is after this time is sent away.
#define SESSION_SETUP_TIMEOUT (30 * NSEC_PER_SEC)

struct session_ops {
        const char *name;
        enum reader reader;
        // The first frame's text for a kind chosen by it; for the others the later ones.
        void (*on_text)(struct session *session, const char *text, size_t n);
        void (*on_binary)(struct session *session, const struct websocket_piece *piece);
        // The stream has no backlog any more (optional).
        void (*on_idle)(struct session *session);
        // The stream is no longer backlogged (optional).
        void (*on_relief)(struct session *session);
        // The server is overloaded: `words` say what the client has to expect (optional).
        void (*on_overload)(struct session *session, const char *words);
        // The sound is nothing that can be heard (transcribers): say so, and what to do.
        void (*on_implausible)(struct session *session);
        // Nothing waits to be sent to the client any more (optional).
        void (*on_drained)(struct session *session);
        // Something went wrong, and the session goes on (optional).
        void (*on_warning)(struct session *session, const char *words);
        // Say goodbye and begin to close: its whole text has been sent.
        void (*goodbye)(struct session *session, uint16_t code);
        // Free `state`; the stream is closed afterwards by the session itself.
        void (*close)(struct session *session);
};

struct session {
        const struct session_ops *ops;
        struct server *server;
        struct websocket *socket;
        struct session *next;               // in the server's list
        char about[64];                     // for log lines: "client 127.0.0.1:40312"
        char address[64];                   // whose it is (http_request.address)
        const struct principal *principal;  // who it is (http_request.principal)

        struct stream *stream;     // transcribers: the one this client feeds; else NULL
        struct observer observer;  // on that stream
        void *state;               // the kind's own

        struct plausibility plausibility;  // of what it sends as float32

        bool is_leaving;             // the end was asked for: goodbye once the stream is idle
        uint16_t leaving_code;       // close code of that goodbye
        bool is_held;                // likewise, for its address's backlog
        bool is_failure_told;        // that a window was lost
        bool is_paused;              // reading from the socket is stopped
        enum load_level told;        // of the present overload
        enum load_level told_worst;  // when it was last told something
        nsec_t told_at;              // and when that was; 0: never
        enum eavesdrop_role role;
        struct loop_timer *setup_timer;
};

extern const struct session_ops session_whisperlive;
extern const struct session_ops session_eavesdrop;
extern const struct session_ops session_subscriber;

// Take over a new socket. The session adds itself to the server's list.
void session_open(struct server *server, const struct http_request *request,
                  struct websocket *socket);

// Finish in order: flush, wait for the backlog, goodbye with `code`.
void session_leave(struct session *session, uint16_t code);

// Drop it now, its socket's last word aside. Frees it.
void session_free(struct session *session);

// Refuse in the eavesdrop dialect's words and begin to close.
void session_refuse(struct session *session, uint16_t code, const char *text);

// The part of a refusal that is the same in all dialects: log it, count it, begin to close.
void session_turn_away(struct session *session, uint16_t code, const char *text);

// For the kinds: the client is set up.
void session_started(struct session *session, const char *about);

// A subscriber's first step: `list` as in X-Stream-Names, NULL when absent.
void session_subscribe(struct session *session, const char *list);

// For the kinds: open the client's stream, heard by `observer` (whose state is the session),
// and stop the setup clock.
int session_stream_open(struct session *session, const struct stream_settings *settings,
                        const struct observer_ops *observer, struct error *error);

// For the kinds: why one more client of this address is not taken in, in words that the caller
// frees; NULL: it is.
char *session_address_busy(const struct session *session);

// Whoever pours sound in is not read from while its address's backlog is too large; and is
// again when it does not.
void session_hold(struct session *session);
void session_release(struct session *session);

// For the kinds: the wall-clock time that messages carry.
nsec_t session_wall(const struct session *session);

// For the kinds: send an encoded text and free it.
void session_send(struct session *session, char *text, size_t n);

// For the kinds: give samples in that format to the stream. Bytes that make no whole sample are
// left out. Stops reading from the socket while the stream is backlogged.
void session_feed(struct session *session, enum pcm_format format, const uint8_t *bytes,
                  size_t n);

// For the kinds: the last final segments of the stream, as many as are wished and at least all
// that are new, oldest first. Returns how many there are; the caller frees *ret.
size_t session_recent_finals(const struct stream *stream, size_t n_new, size_t n_wished,
                             const struct segment ***ret);

// --- server.c's side -------------------------------------------------------------------------

void server_add_session(struct server *server, struct session *session);
void server_remove_session(struct server *server, struct session *session);
const struct server_parts *server_parts(const struct server *server);
const struct stream_services *server_services(const struct server *server);
const struct upload_services *server_uploads(const struct server *server);
struct server_counts *server_counts(struct server *server);
struct stream *server_find_stream(const struct server *server, const char *name);

// All pulled streams, in the config's order; lent.
struct stream *const *server_streams(const struct server *server, size_t *ret_n);

// May a new transcriber come in? False while decoding lags too far behind, or the memory for
// clients is nearly used up; then *ret says so, and when it may be worth while to ask again.
struct server_wait {
        char reason[64];
        nsec_t retry;
};

// How many sessions each address has.
struct tally *server_addresses(struct server *server);

bool server_admits(const struct server *server, struct server_wait *ret);
